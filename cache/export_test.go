package cache

import "github.com/registryd/registryd/pkgref"

// The encoding of manifests, for fuzzing and benchmarks.
var (
	EncodeManifest = encodeManifest
	DecodeManifest = decodeManifest
)

// DropFromMemory makes the next Manifest read the disk, as after a restart.
func (c *Cache) DropFromMemory(name pkgref.Name, v pkgref.Version) {
	c.manifests.Delete(manifestKey(name, v))
}

// BlobFile and PackFile are where the bytes of a release are, below the data
// directory.
var (
	BlobFile = blobFile
	PackFile = packFile
)

// WaitForDeletions returns when no deletion or trimming is under way.
func (c *Cache) WaitForDeletions() { c.trash.Wait() }
