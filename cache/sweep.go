package cache

import (
	"errors"
	"path"
	"strconv"

	"github.com/registryd/registryd/internal/durable"
	"github.com/registryd/registryd/pkgref"
)

// Sweep takes out of the view whatever denied denies, and brings back the
// hand-made mains that it no longer does. denied is given a zero version where
// none is known. Each release disappears at once, under its exclusive lock, so
// that no request that began earlier can bring it back. It returns what was
// removed. Whoever changes the rules does so before. Errors: outcome.Busy,
// joined; the sweep goes on after each.
func (c *Cache) Sweep(denied func(pkgref.Name, pkgref.Version) bool) (removed []string, err error) {
	c.awaitGates()
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

// awaitGates returns when every request has ended whose gate was asked before
// the call. Such a one may make the first file of a release after the view was
// listed, and nobody would take that out again.
func (c *Cache) awaitGates() {
	for i := range c.locks {
		func() {
			c.locks[i].Lock()
			defer c.locks[i].Unlock()
		}()
	}
}

func (c *Cache) sweepRelease(name pkgref.Name, e viewEntry, denied func(pkgref.Name, pkgref.Version) bool) (bool, error) {
	v, err := pkgref.ParseVersion(e.version)
	if err != nil || !denied(name, v) {
		return false, err
	}
	lock := c.releaseLock(name, v)
	lock.Lock()
	defer lock.Unlock()
	err = c.remove(c.viewDir(name) + "/" + e.name)
	return err == nil, err
}

// sweepMain hides a denied main that a person made. A pin stays: what it points
// at is swept as a release.
func (c *Cache) sweepMain(name pkgref.Name, denied func(pkgref.Name, pkgref.Version) bool) (bool, error) {
	lock := &c.pins[stripe(string(name), len(c.pins))]
	lock.Lock()
	defer lock.Unlock()
	main, err := c.lookAtMain(name, c.viewMain(name))
	if err != nil || main.Kind != MainLink && main.Kind != MainDir || !denied(name, main.Version) {
		return false, err
	}
	if err := c.keepOlder(hiddenMain(name)); err != nil {
		return false, err
	}
	err = c.move(c.viewMain(name), hiddenMain(name), path.Dir(hiddenMain(name)))
	return err == nil, err
}

// keepOlder gives what is hidden already another name, since a person made it;
// only the youngest comes back by itself.
func (c *Cache) keepOlder(hidden string) error {
	if _, err := c.root.Lstat(hidden); isMissing(err) {
		return nil
	}
	for n := 1; ; n++ {
		older := hidden + "." + strconv.Itoa(n)
		if _, err := c.root.Lstat(older); isMissing(err) {
			return durable.Wrap(c.root.Rename(hidden, older), "keep %s", hidden)
		} else if err != nil {
			return durable.Wrap(err, "keep %s", hidden)
		}
	}
}

// unhide moves back what sweepMain hid, where nothing took its place.
func (c *Cache) unhide(denied func(pkgref.Name, pkgref.Version) bool) error {
	var errs error
	for name := range c.names(dirHidden) {
		errs = errors.Join(errs, c.unhideMain(name, denied))
	}
	return errs
}

func (c *Cache) unhideMain(name pkgref.Name, denied func(pkgref.Name, pkgref.Version) bool) error {
	lock := &c.pins[stripe(string(name), len(c.pins))]
	lock.Lock()
	defer lock.Unlock()
	hidden, err := c.lookAtMain(name, hiddenMain(name))
	if err != nil || hidden.Kind == MainNone || denied(name, hidden.Version) {
		return err
	}
	main, err := c.lookAtMain(name, c.viewMain(name))
	if err != nil || main.Kind != MainNone {
		return err
	}
	if err := c.wayToMain(name); err != nil {
		return err
	}
	return c.move(hiddenMain(name), c.viewMain(name), c.viewDir(name))
}

func (c *Cache) move(from, to, parent string) error {
	if err := c.disk.MkdirAll(parent); err != nil {
		return err
	}
	return durable.Wrap(c.root.Rename(from, to), "move %s to %s", from, to)
}
