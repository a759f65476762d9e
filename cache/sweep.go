package cache

import (
	"errors"
	"fmt"

	"github.com/registryd/registryd/pkgref"
)

// Sweep takes out of the view whatever denied denies, and brings back the
// hand-made mains that it no longer does. denied is given a zero version where
// none is known. Each release disappears at once, under its exclusive lock, so
// that no request that began earlier can bring it back. It returns what was
// removed. Errors: outcome.Busy, joined; the sweep goes on after each.
func (c *Cache) Sweep(denied func(pkgref.Name, pkgref.Version) bool) (removed []string, err error) {
	for name := range c.viewNames() {
		for _, e := range c.viewVersions(name) {
			var gone bool
			var rerr error
			if e.name == mainName {
				gone, rerr = c.sweepMain(name, denied)
			} else {
				gone, rerr = c.sweepRelease(name, e, denied)
			}
			err = errors.Join(err, rerr)
			if gone {
				removed = append(removed, string(name)+"@"+e.name)
			}
		}
	}
	return removed, errors.Join(err, c.unhide(denied))
}

func (c *Cache) sweepRelease(name pkgref.Name, e viewEntry, denied func(pkgref.Name, pkgref.Version) bool) (bool, error) {
	v, err := pkgref.ParseVersion(e.version)
	if err != nil || !denied(name, v) {
		return false, err
	}
	lock := c.releaseLock(name, v)
	lock.Lock()
	defer lock.Unlock()
	return true, c.remove(c.viewDir(name) + "/" + e.name)
}

// sweepMain hides a denied main that a person made. A pin stays: what it points
// at is swept as a release.
func (c *Cache) sweepMain(name pkgref.Name, denied func(pkgref.Name, pkgref.Version) bool) (bool, error) {
	lock := &c.pins[stripe(string(name), len(c.pins))]
	lock.Lock()
	defer lock.Unlock()
	main, err := c.Main(name)
	if err != nil || main.Kind < MainLink || !denied(name, main.Version) {
		return false, err
	}
	if err := c.remove(hiddenMain(name)); err != nil {
		return false, err
	}
	return true, c.move(c.viewMain(name), hiddenMain(name), dirHidden+"/"+string(name))
}

// unhide moves back what sweepMain hid, where nothing took its place.
func (c *Cache) unhide(denied func(pkgref.Name, pkgref.Version) bool) error {
	var errs error
	for name := range c.names(dirHidden) {
		if _, err := c.root.Lstat(hiddenMain(name)); err != nil || denied(name, c.dirVersion(hiddenMain(name))) {
			continue
		}
		lock := &c.pins[stripe(string(name), len(c.pins))]
		lock.Lock()
		main, err := c.Main(name)
		if err == nil && main.Kind == MainNone {
			err = c.move(hiddenMain(name), c.viewMain(name), c.viewDir(name))
		}
		lock.Unlock()
		errs = errors.Join(errs, err)
	}
	return errs
}

func (c *Cache) move(from, to, parent string) error {
	if err := c.disk.MkdirAll(parent); err != nil {
		return err
	}
	if err := c.root.Rename(from, to); err != nil {
		return fmt.Errorf("move %s to %s: %w", from, to, err)
	}
	return nil
}
