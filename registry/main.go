package registry

import (
	"context"
	"errors"
	"strings"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

var latest = pkgref.Spec{Kind: pkgref.KindTag, Text: pkgref.Latest}

// Main returns the version that main of a package points at. Where nothing is
// there yet it is designated once to what latest means now, and frozen. It is
// zero for a main that a person made and that does not tell its version.
// Errors: as Release and Resolve.
func (r *Registry) Main(ctx context.Context, name pkgref.Name) (pkgref.Version, error) {
	main, err := r.cache.Main(name)
	if err != nil {
		return pkgref.Version{}, err
	}
	if main.Kind == cache.MainNone {
		return r.firstTouch(ctx, name)
	}
	return main.Version, r.checkMain(name, main)
}

// checkMain asks the rules about what lies at main. Errors: outcome.Forbidden,
// outcome.Declined; outcome.Busy for what was hidden and is about to come back.
func (r *Registry) checkMain(name pkgref.Name, main cache.Main) error {
	err := r.gen.Load().Rules.Check(name, main.Version)
	if err == nil && main.Kind == cache.MainHidden {
		return outcome.New(outcome.Busy, "main of %s is being brought back", name)
	}
	return err
}

// firstTouch designates main, to what it was if a record says so: the link may
// have been lost with the view.
func (r *Registry) firstTouch(ctx context.Context, name pkgref.Name) (pkgref.Version, error) {
	return share(ctx, r.mains, name, func(ctx context.Context) (pkgref.Version, error) {
		by, v := cache.FirstTouch, pkgref.Version{}
		pin, err := r.cache.Pin(name)
		switch {
		case err == nil:
			if v, err = pkgref.ParseVersion(pin.Version); err != nil {
				return v, err
			}
			by = pin.By
		case !errors.Is(err, outcome.NotFound):
			return v, err
		default:
			if v, err = r.Resolve(ctx, name, latest); err != nil {
				return v, err
			}
		}
		if _, err := r.Release(ctx, name, v); err != nil {
			return v, err
		}
		return v, r.cache.Designate(name, v, by, false)
	})
}

// inMain answers a path below main.
func (r *Registry) inMain(ctx context.Context, q pkgref.Ref) (*Answer, error) {
	main, err := r.cache.Main(q.Name)
	if err != nil {
		return nil, err
	}
	switch main.Kind {
	case cache.MainHidden:
		return nil, r.checkMain(q.Name, main)
	case cache.MainDir, cache.MainLink:
		if err := r.checkMain(q.Name, main); err != nil {
			return nil, err
		}
		return r.inHandmade(q, main)
	}
	v, err := r.Main(ctx, q.Name)
	if err != nil {
		return nil, err
	}
	m, err := r.Release(ctx, q.Name, v)
	if err != nil {
		return nil, err
	}
	return r.inRelease(ctx, m, q, "main")
}

// inHandmade answers a path below a main that a person made: it is served as
// it stands, and nothing is ever written into it.
func (r *Registry) inHandmade(q pkgref.Ref, main cache.Main) (*Answer, error) {
	t := Target{Name: q.Name, Release: "main", Path: q.Path}
	if q.Path == "" && !q.Slash {
		return &Answer{Redirect: &t}, nil
	}
	if q.Path == "" || strings.HasSuffix(q.Path, "/") {
		t.Path += "index.html"
	}
	f, err := r.cache.OpenView(t.Name, t.Release, t.Path)
	if err == nil {
		defer f.Close()
		return &Answer{File: &Served{Target: t, File: cache.File{Path: t.Path, Size: -1}}}, nil
	}
	if !errors.Is(err, outcome.NotFound) {
		return nil, err
	}
	if main.Kind == cache.MainLink {
		r.warnOnce(q.Name, main)
	}
	if r.cache.ViewHasDir(t.Name, t.Release, q.Path) && !strings.HasSuffix(q.Path, "/") {
		t.Path = q.Path + "/"
		return &Answer{Redirect: &t}, nil
	}
	return nil, absent(Target{Name: q.Name, Release: "main", Path: q.Path})
}

// warnOnce tells the owner of a hand-made link that requests below it fail.
func (r *Registry) warnOnce(name pkgref.Name, main cache.Main) {
	key := "main of " + string(name)
	if _, told := r.marks.Get(key); told {
		return
	}
	r.marks.Put(key, outcome.Declined, 1, 0)
	r.log.Warn("main is a link under which a request found nothing; it must lead to a directory inside the data directory, and belong to the owner of its target",
		"pkg", name, "target", main.Target)
}
