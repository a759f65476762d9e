package cache

import (
	"context"

	"github.com/registryd/registryd/pkgref"
)

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

// StillMissing reports whether Verify would tell that the tarball of a release is
// missing, which it saw to be missing a moment ago.
func (c *Cache) StillMissing(ctx context.Context, m *Manifest) (told bool, err error) {
	v := c.verifying(ctx, m.Name, false)
	err = v.ifStillHeld(m, nil, blobFile(m), func() error { told = true; return nil })
	return told, err
}
