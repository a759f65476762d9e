package cache

import (
	"strings"

	"github.com/registryd/registryd/internal/durable"
	"github.com/registryd/registryd/internal/outcome"
)

// clearWay makes sure that nothing but real directories leads to f in the view.
// Through a link the file would land where no sweep looks for it, and with a
// file in its place it could not appear at all. Inside a release everything is
// ours, so what is in the way goes; a package or scope that is a link is a
// person's doing and stays. The caller holds the release's lock. Errors:
// outcome.Busy, also for that link.
func (c *Cache) clearWay(m *Manifest, f File) error {
	release := c.viewRelease(m)
	full := release + "/" + f.Path
	for end := len(c.pub) + 1; end < len(full); end++ {
		n := strings.IndexByte(full[end:], '/')
		last := n < 0
		if end += n; last {
			end = len(full)
		}
		missing, err := c.clearStep(full[:end], end >= len(release), last)
		if missing || err != nil {
			return err
		}
	}
	return nil
}

// clearStep looks at one step of the way. last is the file itself, where only a
// directory is in the way.
func (c *Cache) clearStep(name string, ours, last bool) (missing bool, err error) {
	if missing, fits, err := c.look(name, last); missing || fits || err != nil {
		return missing, err
	}
	if !ours {
		return false, outcome.New(outcome.Busy, "%s is not a directory, and nothing is written through links", name)
	}
	// Without a look inside the lock the second of two would remove what the
	// first one has just made.
	c.clearing.Lock()
	defer c.clearing.Unlock()
	if missing, fits, err := c.look(name, last); missing || fits || err != nil {
		return missing, err
	}
	c.log.Warn("something is in the way in the view and is removed", "file", name)
	return true, c.remove(name)
}

// look reports whether name is missing, or fits: a directory, unless it is the
// last step.
func (c *Cache) look(name string, last bool) (missing, fits bool, err error) {
	info, err := c.root.Lstat(name)
	switch {
	case isMissing(err), nameTooLong(err):
		return true, false, nil // where it is too long, that shows at the rename
	case err != nil:
		return false, false, durable.Wrap(err, "look at %s", name)
	}
	return false, info.IsDir() != last, nil
}
