package cache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/registryd/registryd/internal/durable"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// Finding is one thing that Verify found wrong.
type Finding struct {
	Name    string `json:"name,omitempty"`    // of the package; "" beside all packages
	Version string `json:"version,omitempty"` // "" where no release is concerned
	File    string `json:"file"`              // below the data directory
	Problem string `json:"problem"`           // what is wrong with it
	Action  string `json:"action,omitempty"`  // what was done about it; "" nothing
	// Mended tells that a second look would find nothing.
	Mended bool `json:"mended"`
}

// Loss is a release of which something has to be fetched again.
type Loss struct {
	Version  pkgref.Version // exact
	Manifest *Manifest      // nil: the manifest itself was lost
	Finding  int            // its index in Check.Findings
}

// Check is what Verify looked at, and what it found.
type Check struct {
	Releases int       // whose manifests were read
	Files    int       // of the view
	Bytes    int64     // that were hashed
	Findings []Finding // in the order in which they were found
	// Notes name what is no damage: what people put there, which is left alone, and
	// a main that they moved, which its record follows.
	Notes  []string
	Losses []Loss // what to fetch again
}

// verifying is one Verify under way.
type verifying struct {
	*Check
	c     *Cache
	ctx   context.Context // of this one look, which does not outlive it
	name  pkgref.Name
	fix   bool
	stamp string // of the quarantine
	// linked: the package's directory in the view is a person's link, or below
	// one, so nothing in it is ours to judge.
	linked bool
}

func (c *Cache) verifying(ctx context.Context, name pkgref.Name, fix bool) *verifying {
	return &verifying{Check: &Check{}, c: c, ctx: ctx, name: name, fix: fix, stamp: c.stamp()}
}

// VerifyNames returns the packages of which anything is held or in the view, in
// alphabetic order.
func (c *Cache) VerifyNames() []pkgref.Name {
	names := c.Names()
	for name := range c.viewNames() {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Verify compares everything that is held of a package with what it should be:
// blobs and packs with their manifests, the view with the manifests, main with
// its record. With fix, what can come back by itself is removed, and anything
// else that is wrong moves to state/quarantine; without, nothing is changed.
// Requests go on meanwhile. Errors: that of ctx; outcome.Busy where the disk
// fails in a way that tells nothing about what is kept.
func (c *Cache) Verify(ctx context.Context, name pkgref.Name, fix bool) (*Check, error) {
	v := c.verifying(ctx, name, fix)
	v.linked = !c.ownDirs(name)
	for _, version := range c.Held(name) {
		if err := v.release(version); err != nil {
			return v.Check, err
		}
	}
	if err := v.packageDir(); err != nil {
		return v.Check, err
	}
	return v.Check, v.pin()
}

// VerifyBeside looks at what lies in the view beside all packages; fix is as in
// Verify. Errors: that of ctx; outcome.Busy.
func (c *Cache) VerifyBeside(ctx context.Context, fix bool) (*Check, error) {
	v := c.verifying(ctx, "", fix)
	if err := v.beside(c.pub, c.pub != dirWWW); err != nil {
		return v.Check, err
	}
	for _, scope := range c.dirs(c.pub) {
		if strings.HasPrefix(scope, "@") {
			if err := v.beside(c.pub+"/"+scope, true); err != nil {
				return v.Check, err
			}
		}
	}
	return v.Check, nil
}

// beside looks for what is no package in a directory; only where it is ours
// alone, files in it are wrong.
func (v *verifying) beside(dir string, ours bool) error {
	entries, err := v.c.list(dir)
	if err != nil && !isMissing(err) {
		return durable.Wrap(err, "read %s", dir)
	}
	for _, e := range entries {
		file := dir + "/" + e.Name()
		switch {
		case e.IsDir() || !ours:
		case e.Type() == fs.ModeSymlink:
			v.note(file, "a link made by hand, what it leads to is not looked at")
		default:
			if err := v.stray(file); err != nil {
				return err
			}
		}
	}
	return v.ctx.Err()
}

// found adds a finding about a file. act, if it may act, returns what it did.
func (v *verifying) found(file, version, problem string, act func() (string, error)) error {
	f := Finding{Name: string(v.name), Version: version, File: file, Problem: problem}
	if v.fix {
		action, err := act()
		if err != nil {
			return err
		}
		f.Action, f.Mended = action, action != ""
	}
	v.Findings = append(v.Findings, f)
	return v.ctx.Err()
}

func (v *verifying) note(file, text string) { v.Notes = append(v.Notes, file+": "+text) }

// stray is something that nobody can have put into the view by us.
func (v *verifying) stray(file string) error {
	return v.found(file, "", "does not belong into the view", func() (string, error) { return v.quarantine(file) })
}

const refills = "removed, it comes back when it is asked for"

// removeFile removes one file or link that comes back by itself.
func (v *verifying) removeFile(file string) (string, error) {
	if err := v.c.root.Remove(file); err != nil && !isMissing(err) {
		return "", durable.Wrap(err, "remove %s", file)
	}
	return refills, nil
}

// removeTree removes a directory, or what is in its place.
func (v *verifying) removeTree(dir string) (string, error) { return refills, v.c.remove(dir) }

// quarantine moves something to where nobody serves it and somebody can look.
func (v *verifying) quarantine(file string) (string, error) {
	to := quarantined(v.stamp, file)
	if err := v.c.move(file, to, path.Dir(to)); err != nil && !isMissing(err) {
		return "", err
	}
	return "moved to " + to, nil
}

// ownDirs reports whether no link leads to the directory of a package in the
// view.
func (c *Cache) ownDirs(name pkgref.Name) bool {
	for _, dir := range []string{path.Dir(c.viewDir(name)), c.viewDir(name)} {
		if info, err := c.root.Lstat(dir); err == nil && !info.IsDir() {
			return false
		}
	}
	return true
}

// list reads a directory whatever bytes its name has.
func (c *Cache) list(dir string) ([]fs.DirEntry, error) { return listDir(c.root, dir) }

func listDir(root *os.Root, dir string) ([]fs.DirEntry, error) {
	f, err := root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

// packageDir looks at what lies beside the releases of a package in the view.
func (v *verifying) packageDir() error {
	dir := v.c.viewDir(v.name)
	if v.linked {
		v.note(dir, "behind a link made by hand, its content is not looked at")
		return nil
	}
	entries, err := v.c.list(dir)
	if err != nil {
		if isMissing(err) {
			return nil
		}
		return durable.Wrap(err, "read %s", dir)
	}
	for _, e := range entries {
		version, perr := pkgref.ParseVersion(e.Name())
		switch {
		case e.Name() == mainName || v.lost(version):
		case perr != nil:
			err = v.stray(dir + "/" + e.Name())
		case !e.IsDir():
			err = v.unheld(version, "is no directory, so nobody verified what it leads to")
		default:
			err = v.unheld(version, "no manifest tells what belongs into it")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lost reports whether the manifest of a version was found damaged just now.
func (v *verifying) lost(version pkgref.Version) bool {
	return slices.ContainsFunc(v.Losses, func(l Loss) bool { return l.Manifest == nil && l.Version == version })
}

// unheld removes what stands in the place of a release that is not held, and
// what is no directory in that of one that is.
func (v *verifying) unheld(version pkgref.Version, problem string) error {
	lock := v.c.releaseLock(v.name, version)
	lock.Lock()
	defer lock.Unlock()
	dir := v.c.viewDir(v.name) + "/" + version.String()
	info, err := v.c.root.Lstat(dir)
	if err != nil {
		return nil // gone meanwhile
	}
	if _, err := v.c.Manifest(v.name, version); info.IsDir() && !errors.Is(err, outcome.NotFound) {
		return err
	}
	return v.found(dir, version.String(), problem, func() (string, error) { return v.removeTree(dir) })
}
