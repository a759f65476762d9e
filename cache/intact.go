package cache

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/registryd/registryd/internal/durable"
)

// ErrGone: the data directory is not where it was; what is written now would be
// in a place that nobody can find.
var ErrGone = errors.New("data directory was removed or replaced under the daemon")

// Intact sees to it that the data directory still belongs to this process,
// whatever was removed from it: it takes the lock again and writes the format
// anew where they are gone. It is to be called now and then by whoever opened the
// cache. Errors: ErrGone, and ErrHeld where another process took it;
// either way there is nothing left to do but to end.
func (c *Cache) Intact() error {
	c.possession.Lock()
	defer c.possession.Unlock()
	if c.lock == nil {
		return nil // closed
	}
	if c.Gone() {
		return ErrGone
	}
	now, err := c.root.Stat(fileLock)
	if err != nil && c.Mend() {
		now, err = c.root.Stat(fileLock)
	}
	if err != nil && !isMissing(err) {
		return nil // a disk that fails tells nothing
	}
	held, herr := c.lock.Stat()
	if herr != nil || err == nil && os.SameFile(now, held) {
		return nil
	}
	lost := c.lock
	if err := c.takeLock(); err != nil {
		if errors.Is(err, ErrHeld) {
			return err
		}
		c.log.Warn("cannot take the lock again", "error", err)
		return nil
	}
	lost.Close()
	if err := errors.Join(c.writeFormat(), c.writeBoot(false)); err != nil {
		c.log.Warn("cannot write the state again", "error", err)
	}
	c.log.Warn("the lock of the data directory was removed and is taken again")
	return nil
}

// lockedByAnother reports whether the lock is another file than ours: who made it
// has the directory, and what he writes is not ours to change.
func (c *Cache) lockedByAnother() bool {
	now, err := c.root.Stat(fileLock)
	if err != nil {
		return false
	}
	held, err := c.lock.Stat()
	return err == nil && !os.SameFile(now, held)
}

// Gone reports whether the directory at the configured place is not ours any
// more, see ErrGone. What cannot be told counts as ours.
func (c *Cache) Gone() bool {
	there, err := os.Stat(c.config.Dir)
	if err != nil {
		return isMissing(err)
	}
	ours, err := c.root.Stat(".")
	return err == nil && !os.SameFile(there, ours)
}

// Mend puts directories back in whose place something else is, such as a file or
// a link that leads out of the data directory. That moves to state/quarantine,
// and nothing is written through it. It reports whether there was any. It is for
// whoever met an error that he cannot explain, for it looks at the disk.
func (c *Cache) Mend() (mended bool) {
	c.clearing.Lock()
	defer c.clearing.Unlock()
	stamp := c.stamp()
	parked := map[string]string{}
	for _, dir := range []string{dirState, dirState + "/packages", "blobs", dirBlobs, dirPacks, dirTmp, dirHidden, dirWWW} {
		if !c.displaced(dir) {
			continue
		}
		// Beside the others first: where it is to go may be displaced itself.
		park := ".displaced-" + stamp + "-" + strings.ReplaceAll(dir, "/", "-")
		if err := c.root.Rename(dir, park); err != nil {
			c.log.Warn("something is in the place of a directory and cannot be moved", "file", dir, "error", err)
			continue
		}
		parked[dir] = park
	}
	if len(parked) == 0 {
		return false
	}
	if err := errors.Join(c.makeDirs(), c.writeFormat()); err != nil {
		c.log.Warn("cannot make directories again", "error", err)
	}
	c.mended.Add(1)
	for dir, park := range parked {
		to := quarantined(stamp, dir)
		if err := c.move(park, to, path.Dir(to)); err != nil {
			to = park
		}
		c.log.Warn("something was in the place of a directory and is moved", "file", dir, "to", to)
	}
	return true
}

// Mended returns how often Mend found something, so that whoever comes second
// sees that it was done for him.
func (c *Cache) Mended() int64 { return c.mended.Load() }

// displaced reports whether something that is no directory of ours has that
// name. A link to a directory inside the data directory is a person's choice.
func (c *Cache) displaced(dir string) bool {
	there, err := c.root.Lstat(dir)
	if err != nil {
		return false // not there; or its parent is displaced, too
	}
	info, err := c.root.Stat(dir)
	if isMissing(err) {
		return there.Mode().Type() == fs.ModeSymlink // to nowhere; else it went meanwhile
	}
	return err != nil && !errors.Is(err, fs.ErrPermission) || err == nil && !info.IsDir()
}

// quarantined is where Verify and Mend move things.
func quarantined(stamp, file string) string { return dirState + "/quarantine/" + stamp + "/" + file }

// stamp names a time in the quarantine.
func (c *Cache) stamp() string { return c.now().UTC().Format("20060102T150405.000000000Z") }

// setAside moves to quarantine what is in the way and is not ours to delete.
func (c *Cache) setAside(file string) error {
	to := quarantined(c.stamp(), file)
	if err := c.move(file, to, path.Dir(to)); err != nil && !isMissing(err) {
		return durable.Wrap(err, "move %s away", file)
	}
	c.log.Warn("something is in the way in the view and is moved", "file", file, "to", to)
	return nil
}
