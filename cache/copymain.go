package cache

import (
	"context"
	"crypto/rand"
	"io/fs"

	"github.com/registryd/registryd/internal/durable"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// CopyMain makes the main directory that a tree has of a package the hand-made
// main of this one: its regular files, no links and no markers. It appears
// whole, and is on the disk when CopyMain returns. skipped are what was left
// out. Errors: outcome.Conflict where something lies at main; that of ctx;
// outcome.Busy; plain ones where the tree cannot be read.
func (c *Cache) CopyMain(ctx context.Context, t *Tree, name pkgref.Name) (skipped []string, err error) {
	staged := dirTmp + "/" + rand.Text()
	defer func() { _ = c.remove(staged) }() // what is left; the next start removes it else
	err = t.Walk(name, mainName, func(file string, e fs.DirEntry) error {
		if !e.Type().IsRegular() {
			skipped = append(skipped, file)
			return ctx.Err()
		}
		if err := c.copyIn(t, name, file, staged); err != nil {
			return err
		}
		return ctx.Err()
	})
	if err != nil {
		return skipped, err
	}
	return skipped, c.placeMain(name, staged)
}

// copyIn copies one file of main of a tree. Its modification time follows from
// its content, as everywhere in the view.
func (c *Cache) copyIn(t *Tree, name pkgref.Name, file, staged string) error {
	src, err := t.open(name, mainName, file)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := c.disk.Create()
	if err != nil {
		return err
	}
	defer dst.Abort()
	sum, _, err := copyHash(dst, src)
	if err != nil {
		return durable.Wrap(err, "copy %s of %s", file, name)
	}
	return dst.Commit(staged+"/"+file, durable.Options{ModTime: sum.ModTime()})
}

// placeMain gives a staged directory its place at main.
func (c *Cache) placeMain(name pkgref.Name, staged string) error {
	if err := c.flushDisk(); err != nil {
		return err
	}
	lock := &c.pins[stripe(string(name), len(c.pins))]
	lock.Lock()
	defer lock.Unlock()
	main, err := c.Main(name)
	if err != nil {
		return err
	}
	if main.Kind != MainNone {
		return outcome.New(outcome.Conflict, "something is at main of %s already", name)
	}
	if err := c.wayToMain(name); err != nil {
		return err
	}
	if err := c.move(staged, c.viewMain(name), c.viewDir(name)); err != nil {
		return err
	}
	return c.flushDisk()
}
