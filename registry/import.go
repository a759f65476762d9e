package registry

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// ImportedBy is the cache.Pin.By of a main that was taken over.
const ImportedBy = "import"

// Imported tells what became of one package of a tree.
type Imported struct {
	Name string // of the package
	// Releases are the versions that are held now; in a dry run, that would be.
	Releases []string
	Same     int       // files of the tree that are as in the verified release
	Main     string    // what became of main; "" where the tree has none
	Differs  []string  // "1.0.0/index.js: why", files that are not as upstream has them
	LeftOut  []LeftOut // what is not held now
	Empty    int       // versions of which the tree has no file; they are passed over
}

// LeftOut is something of a tree that was not taken over.
type LeftOut struct {
	What string // version, "main", or another entry of the package's directory
	Why  error  // one of internal/outcome
}

// Final reports whether another try would end the same way: upstream does not
// have it, a rule denies it, or it is nothing that can be taken over.
func (l LeftOut) Final() bool {
	for _, kind := range []error{outcome.NotFound, outcome.Forbidden, outcome.Declined, outcome.Invalid, outcome.Conflict} {
		if errors.Is(l.Why, kind) {
			return true
		}
	}
	return false
}

// importing is one package being taken over.
type importing struct {
	*Imported
	r    *Registry
	tree *cache.Tree
	p    cache.TreePackage
	dry  bool
}

// Import takes over one package of a tree. Nothing of the tree is believed: its
// versions are fetched anew, from the providers and by the rules in force, and
// its files are only compared with them. main is taken over where nothing is at
// main here. A dry run fetches and changes nothing. Errors: that of ctx; what
// went wrong with a version is in the report.
func (r *Registry) Import(ctx context.Context, tree *cache.Tree, p cache.TreePackage, dry bool) (*Imported, error) {
	i := &importing{&Imported{Name: string(p.Name), Empty: p.Empty}, r, tree, p, dry}
	for _, odd := range p.Odd {
		i.leave(odd, outcome.New(outcome.Invalid, "is no directory of a version"))
	}
	for _, v := range p.Versions {
		if err := i.release(ctx, v); err != nil {
			i.leave(v.String(), err)
		} else {
			i.Releases = append(i.Releases, v.String())
		}
		if ctx.Err() != nil {
			return i.Imported, ctx.Err()
		}
	}
	if err := i.main(ctx); err != nil {
		i.leave("main", err)
	}
	return i.Imported, ctx.Err()
}

func (i *importing) leave(what string, why error) {
	i.LeftOut = append(i.LeftOut, LeftOut{what, why})
}

// release fetches one version and compares the tree's files with it.
func (i *importing) release(ctx context.Context, v pkgref.Version) error {
	if i.dry {
		return i.available(ctx, v)
	}
	m, err := i.r.Release(ctx, i.p.Name, v)
	if err != nil {
		return err
	}
	same := i.Same
	if err := i.tree.Walk(i.p.Name, v.String(), func(path string, e fs.DirEntry) error {
		return i.file(ctx, m, path, e)
	}); err != nil {
		return err
	}
	if m.Assumed && i.Same == same {
		return outcome.New(outcome.NotFound, "upstream has none of its files")
	}
	return nil
}

// available reports whether a version could be fetched.
func (i *importing) available(ctx context.Context, v pkgref.Version) error {
	err := i.r.gen.Load().Rules.CheckName(i.p.Name)
	if err == nil {
		err = i.r.gen.Load().Rules.Check(i.p.Name, v)
	}
	if err == nil {
		_, err = i.r.located(ctx, i.p.Name, v)
	}
	return err
}

// file compares one file of the tree with the release.
func (i *importing) file(ctx context.Context, m *cache.Manifest, path string, e fs.DirEntry) error {
	problem, err := i.compare(ctx, m, path, e)
	if err != nil {
		return err
	}
	if problem == "" {
		i.Same++
	} else {
		i.Differs = append(i.Differs, m.Version.String()+"/"+path+": "+problem)
	}
	return ctx.Err()
}

func (i *importing) compare(ctx context.Context, m *cache.Manifest, path string, e fs.DirEntry) (problem string, err error) {
	if !e.Type().IsRegular() {
		return "is no regular file", nil
	}
	f, err := i.known(ctx, m, path)
	if errors.Is(err, outcome.NotFound) {
		return "is not in the release", nil
	}
	if err != nil {
		return "", err
	}
	sum, size, err := i.tree.Sum(i.p.Name, m.Version.String(), path)
	switch {
	case err != nil:
		return "cannot be read: " + err.Error(), nil
	case size != f.Size:
		return fmt.Sprintf("has %d bytes instead of %d", size, f.Size), nil
	case sum != f.SHA256:
		return "has other content", nil
	}
	return "", nil
}

// known returns a file of a release with its digest. Where no list tells that,
// the file is fetched: the tree has it because somebody asked for it. Errors:
// outcome.NotFound for what the release does not have; as Find.
func (i *importing) known(ctx context.Context, m *cache.Manifest, path string) (cache.File, error) {
	f, ok := m.File(path)
	if !ok && !m.Open {
		return f, outcome.New(outcome.NotFound, "%s has no file %s", m.Ref(), path)
	}
	if !ok {
		f = cache.File{Path: path, Size: -1}
	}
	if !f.SHA256.IsZero() && f.Size >= 0 {
		return f, nil
	}
	if m.Shipped(path) {
		return f, outcome.New(outcome.NotFound, "%s is never put into the view", path)
	}
	f, err := i.r.materialise(ctx, m, f)
	if errors.Is(err, cache.ErrStale) {
		err = outcome.Wrap(outcome.Busy, err, "%s keeps changing", m.Ref())
	}
	return f, err
}

// main takes over what the tree has at main.
func (i *importing) main(ctx context.Context) error {
	main := i.p.Main
	switch main.Kind {
	case cache.MainNone:
		return nil
	case cache.MainLink:
		return outcome.New(outcome.Invalid, "leads to %q, which is no version beside it", main.Target)
	}
	if err := i.mainIsFree(); err != nil || i.Main != "" {
		return err
	}
	rules := i.r.gen.Load().Rules
	if err := errors.Join(rules.CheckName(i.p.Name), rules.Check(i.p.Name, main.Version)); err != nil {
		return err
	}
	if main.Kind == cache.MainPin {
		return i.pin(ctx, main.Version)
	}
	i.Main = "is a directory, copied as it is: nobody verified its content"
	if i.dry {
		return nil
	}
	skipped, err := i.r.cache.CopyMain(ctx, i.tree, i.p.Name)
	for _, file := range skipped {
		i.Differs = append(i.Differs, "main/"+file+": is no regular file")
	}
	if err != nil {
		i.Main = ""
	}
	return err
}

// mainIsFree reports whether nothing was chosen for main here. What was chosen
// here is newer than the tree. Errors: outcome.Conflict; outcome.Busy.
func (i *importing) mainIsFree() error {
	main, err := i.r.cache.Main(i.p.Name)
	if err != nil {
		return err
	}
	pin, perr := i.r.cache.Pin(i.p.Name)
	switch {
	case main.Kind == cache.MainPin && i.p.Main.Kind == cache.MainPin && main.Version == i.p.Main.Version:
		i.Main = "is " + main.Version.String() + " already"
		return nil
	case main.Kind == cache.MainPin:
		return outcome.New(outcome.Conflict, "is %s here, which stays", main.Version)
	case main.Kind != cache.MainNone:
		return outcome.New(outcome.Conflict, "was made by hand here, and stays")
	case perr == nil:
		return outcome.New(outcome.Conflict, "is to be %s here, which stays", pin.Version)
	}
	return nil
}

func (i *importing) pin(ctx context.Context, v pkgref.Version) error {
	var err error
	if i.dry {
		err = i.available(ctx, v)
	} else {
		err = i.r.Designate(ctx, i.p.Name, v, ImportedBy)
	}
	if err == nil {
		i.Main = "is pinned to " + v.String()
	}
	return err
}
