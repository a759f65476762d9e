package cache

import (
	"crypto/sha256"
	"io"
	"strings"

	"github.com/registryd/registryd/internal/durable"
	"github.com/registryd/registryd/internal/outcome"
)

// ComponentView is the part of the view below the prefix of components. Safe for
// concurrent use; make one with Cache.ComponentView. Paths are relative to it,
// and made of parsed parts only.
type ComponentView struct {
	c   *Cache
	dir string // "www/api/components/"
}

// ComponentView returns the part of the view below a URL prefix, which has slashes
// at both ends.
func (c *Cache) ComponentView(prefix string) *ComponentView {
	return &ComponentView{c: c, dir: dirWWW + prefix}
}

// Holds reports whether a file is there with these bytes, for all to read. Size
// and mtime tell: the mtime is a hash of the content.
func (v *ComponentView) Holds(path string, size int64, sum [sha256.Size]byte) bool {
	const readable = 0o444
	info, err := v.c.root.Lstat(v.dir + path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&readable == readable && info.Size() == size &&
		info.ModTime().Equal(Digest(sum).ModTime())
}

// Show makes a file appear, whole and on the disk: what lies there after a loss
// of power is believed. Errors: outcome.Busy where the disk is full.
func (v *ComponentView) Show(path string, data []byte) error {
	sum := Digest(sha256.Sum256(data))
	err := v.c.disk.WriteFile(v.dir+path, data, durable.Options{ModTime: sum.ModTime(), Sync: true})
	if err == nil {
		v.c.grew(amountOf(int64(len(data))))
	}
	return err
}

// Open opens a file that is there, for the caller to close. Errors:
// outcome.NotFound, outcome.Busy.
func (v *ComponentView) Open(path string) (io.ReadSeekCloser, error) {
	f, err := v.c.root.Open(v.dir + path)
	if isMissing(err) {
		return nil, outcome.New(outcome.NotFound, "the view has no %s", strings.TrimPrefix(path, "/"))
	}
	if err != nil {
		return nil, durable.Wrap(err, "open %s", path)
	}
	return f, nil
}
