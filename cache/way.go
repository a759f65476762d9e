package cache

import (
	"math"
	"path"
	"strings"

	"github.com/registryd/registryd/internal/durable"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// clearWay makes sure that nothing but real directories leads to f in the view.
// Through a link the file would land where no sweep looks for it, and with a
// file in its place it could not appear at all. Inside a release everything is
// ours, so what is in the way goes; a file for a package or scope moves to
// state/quarantine; a link for one is a person's doing and stays. The caller holds the release's lock. Errors:
// outcome.Busy, also for that link.
func (c *Cache) clearWay(m *Manifest, f File) error {
	release := c.viewRelease(m)
	full := release + "/" + f.Path
	missing, err := c.clearDirs(path.Dir(full), len(release))
	if missing || err != nil {
		return err
	}
	_, err = c.clearStep(step{full, true, true})
	return err
}

// wayToMain checks likewise that no link leads to main of name.
func (c *Cache) wayToMain(name pkgref.Name) error {
	_, err := c.clearDirs(c.viewDir(name), math.MaxInt)
	return err
}

// clearDirs clears the way to dir; of it, what is at least ours bytes long is
// ours. missing tells that from some point on there is nothing.
func (c *Cache) clearDirs(dir string, ours int) (missing bool, err error) {
	for end := len(c.pub) + 1; end <= len(dir); end++ {
		if n := strings.IndexByte(dir[end:], '/'); n >= 0 {
			end += n
		} else {
			end = len(dir)
		}
		if missing, err = c.clearStep(step{dir[:end], end >= ours, false}); missing || err != nil {
			return missing, err
		}
	}
	return false, nil
}

// step is one step of the way to a file in the view.
type step struct {
	name string
	ours bool
	file bool // itself, where only a directory is in the way
}

func (c *Cache) clearStep(s step) (missing bool, err error) {
	if missing, fits, err := c.look(s); missing || fits || err != nil {
		return missing, err
	}
	stray := !s.ours && c.stray(s.name)
	if !s.ours && !stray {
		return false, outcome.New(outcome.Busy, "%s is not a directory, and nothing is written through links", s.name)
	}
	// Without a look inside the lock the second of two would remove what the
	// first one has just made.
	c.clearing.Lock()
	defer c.clearing.Unlock()
	if missing, fits, err := c.look(s); missing || fits || err != nil {
		return missing, err
	}
	if stray {
		return true, c.setAside(s.name)
	}
	c.log.Warn("something is in the way in the view and is removed", "file", s.name)
	return true, c.remove(s.name)
}

// stray reports whether name is a file in a directory of the view where there
// are only packages and scopes. At the root of all URLs a person may have files.
func (c *Cache) stray(name string) bool {
	if path.Dir(name) == dirWWW {
		return false
	}
	info, err := c.root.Lstat(name)
	return err == nil && info.Mode().IsRegular()
}

// look reports whether a step is missing, or fits.
func (c *Cache) look(s step) (missing, fits bool, err error) {
	info, err := c.root.Lstat(s.name)
	switch {
	case isMissing(err), nameTooLong(err):
		return true, false, nil // where it is too long, that shows at the rename
	case err != nil:
		return false, false, durable.Wrap(err, "look at %s", s.name)
	}
	return false, info.IsDir() != s.file, nil
}
