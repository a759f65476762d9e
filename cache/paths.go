package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"io/fs"
	"iter"
	"strings"

	"github.com/registryd/registryd/pkgref"
)

// mainName is the entry of a package in the view that pins a version.
const mainName = "main"

// All paths are made of parsed parts only: a pkgref.Name, the text of a
// pkgref.Version, a manifest's path, a hexadecimal digest.

func (c *Cache) viewDir(name pkgref.Name) string { return c.pub + "/" + string(name) }

func (c *Cache) viewRelease(m *Manifest) string {
	return c.viewDir(m.Name) + "/" + m.Version.String()
}

func (c *Cache) viewMain(name pkgref.Name) string { return c.viewDir(name) + "/" + mainName }

func hiddenMain(name pkgref.Name) string { return dirHidden + "/" + string(name) + "/" + mainName }

func stateDir(name pkgref.Name) string { return dirState + "/packages/" + string(name) }

func manifestFile(name pkgref.Name, v pkgref.Version) string {
	return stateDir(name) + "/releases/" + v.String() + manifestSuffix
}

const manifestSuffix = ".jsonl"

// blobFile and packFile are named by the digest of the tarball, and by the
// release: two releases may have the same bytes, and one of them may go.
func blobFile(m *Manifest) string { return dirBlobs + bytesFile(m) + blobSuffix }

func packFile(m *Manifest) string { return dirPacks + bytesFile(m) + packSuffix }

const (
	blobSuffix = ".tgz"
	packSuffix = ".pack"
)

func bytesFile(m *Manifest) string {
	return "/" + m.Blob[:2] + "/" + m.Blob[2:] + "-" + releaseTag(m.Name, m.Version)
}

// releaseTag stands for a release in the names of files.
func releaseTag(name pkgref.Name, v pkgref.Version) string {
	sum := sha256.Sum256([]byte(manifestKey(name, v)))
	return hex.EncodeToString(sum[:8])
}

// listFile names the version list of one provider. Providers are named by
// whoever writes the configuration, so what a file name cannot hold is escaped.
func listFile(name pkgref.Name, provider string) string {
	var b strings.Builder
	for _, c := range []byte(provider) {
		if c == '-' || c == '_' || c == '@' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return stateDir(name) + "/lists/" + b.String() + ".json"
}

// stripe spreads keys over n locks.
func stripe(key string, n int) int {
	h := fnv.New32a()
	h.Write([]byte(key))
	return int(h.Sum32() % uint32(n))
}

// names yields the package names that are directories below dir.
func (c *Cache) names(dir string) iter.Seq[pkgref.Name] {
	return func(yield func(pkgref.Name) bool) {
		for _, top := range c.dirs(dir) {
			if !strings.HasPrefix(top, "@") {
				if name, err := pkgref.ParseName(top); err == nil && !yield(name) {
					return
				}
				continue
			}
			for _, base := range c.dirs(dir + "/" + top) {
				if name, err := pkgref.ParseName(top + "/" + base); err == nil && !yield(name) {
					return
				}
			}
		}
	}
}

// dirs returns the names of the directories in dir; none if it cannot be read.
func (c *Cache) dirs(dir string) []string {
	var names []string
	for _, e := range c.readDir(dir) {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// readDir lists dir, sorted; a directory that is missing is empty.
func (c *Cache) readDir(dir string) []fs.DirEntry {
	entries, err := fs.ReadDir(c.root.FS(), dir)
	if err != nil && !isMissing(err) {
		c.log.Warn("cannot read directory", "dir", dir, "error", err)
	}
	return entries
}

// viewNames yields the packages that are in the view.
func (c *Cache) viewNames() iter.Seq[pkgref.Name] { return c.names(c.pub) }

// viewEntry is one entry of a package's directory in the view.
type viewEntry struct {
	name    string
	version string // "" for main
	link    bool   // a person's, in the place of a release
}

// viewVersions returns the releases of name in the view, links in their place
// included, since they serve one too, and main if there is one. Anything else that lies there is nobody's business here.
func (c *Cache) viewVersions(name pkgref.Name) []viewEntry {
	var entries []viewEntry
	for _, e := range c.readDir(c.viewDir(name)) {
		if e.Name() == mainName {
			entries = append(entries, viewEntry{name: mainName})
		} else if v, err := pkgref.ParseVersion(e.Name()); err == nil && (e.IsDir() || e.Type() == fs.ModeSymlink) {
			entries = append(entries, viewEntry{name: e.Name(), version: v.String(), link: !e.IsDir()})
		}
	}
	return entries
}
