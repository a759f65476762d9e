package cache

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"path"
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

// Versions returns the directories that are at the place of a version, as
// "name/1.0.0" or "@scope/name/1.0.0", in no order. What is no directory is left
// out. Errors: outcome.Busy.
func (v *ComponentView) Versions() ([]string, error) {
	var found []string
	names, err := v.dirs("")
	for _, name := range names {
		below, berr := v.dirs(name)
		err = errors.Join(err, berr)
		for _, dir := range below {
			found = append(found, dir)
			if !strings.HasPrefix(name, "@") {
				continue
			}
			deeper, derr := v.dirs(dir)
			err, found = errors.Join(err, derr), append(found, deeper...)
		}
	}
	return found, err
}

// dirs lists the directories in one of the view; none where it is missing.
func (v *ComponentView) dirs(in string) ([]string, error) {
	entries, err := fs.ReadDir(v.c.root.FS(), strings.TrimSuffix(v.dir+in, "/"))
	if err != nil && !isMissing(err) {
		return nil, durable.Wrap(err, "list %s", in)
	}
	var found []string
	for _, e := range entries {
		if e.IsDir() {
			found = append(found, path.Join(in, e.Name()))
		}
	}
	return found, nil
}

// Hide takes a directory out of the view, at once. Errors: outcome.Busy.
func (v *ComponentView) Hide(dir string) error { return v.c.remove(v.dir + dir) }
