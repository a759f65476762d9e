package registry

import (
	"context"
	"errors"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// Flush asks upstream again about what a spec means. An exact version is
// fetched anew and replaces what is held once it is verified; main is designated to
// the latest of now; for a range, a tag or latest the version lists are read
// anew. It returns the version that the spec means afterwards. by is who asks.
// Errors: as Release and Resolve; what was held stays then.
func (r *Registry) Flush(ctx context.Context, name pkgref.Name, spec pkgref.Spec, by string) (pkgref.Version, error) {
	if err := r.gen.Load().Rules.CheckName(name); err != nil {
		return pkgref.Version{}, err
	}
	r.forgetMarks(name)
	switch spec.Kind {
	case pkgref.KindExact:
		return spec.Version, r.flushRelease(ctx, name, spec.Version)
	case pkgref.KindPin:
		return r.flushMain(ctx, name, by)
	}
	if err := r.flushLists(ctx, name); err != nil {
		return pkgref.Version{}, err
	}
	return r.Resolve(ctx, name, spec)
}

// forgetMarks drops what is remembered as absent or refused of a package.
func (r *Registry) forgetMarks(name pkgref.Name) {
	prefix := string(name) + "@"
	of := func(key string) bool { return len(key) > len(prefix) && key[:len(prefix)] == prefix }
	r.marks.DeleteFunc(of)
	r.assumed.DeleteFunc(of)
	if err := r.cache.ClearAbsent(name); err != nil {
		r.log.Warn("cannot remove marks of absence", "pkg", name, "error", err)
	}
}

func (r *Registry) flushRelease(ctx context.Context, name pkgref.Name, v pkgref.Version) error {
	if err := r.gen.Load().Rules.Check(name, v); err != nil {
		return err
	}
	_, err := anew(ctx, r.releases, "flush "+ref(name, v), func(ctx context.Context) (*cache.Manifest, error) {
		ctx, cancel := context.WithTimeout(ctx, r.gen.Load().flightTime())
		defer cancel()
		g := r.gen.Load()
		m, err := r.fetchNow(ctx, g, wanted{name: name, version: v})
		if err != nil {
			return nil, err
		}
		if m.Assumed {
			return m, r.dropAssumed(g, m)
		}
		return m, r.holdNew(m)
	})
	return err
}

// flushLists reads the lists of all providers of a package anew. One that
// fails keeps its list, and is the error unless another one answered.
func (r *Registry) flushLists(ctx context.Context, name pkgref.Name) error {
	g := r.gen.Load()
	var answered bool
	var failed error
	for _, e := range g.Chain.For(name) {
		p, ok := e.Provider.(lister)
		if !ok {
			continue
		}
		held, err := r.flushList(ctx, name, p)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		answered = answered || held.versions != nil
	}
	if answered {
		return nil
	}
	if failed != nil {
		return failed
	}
	return outcome.New(outcome.NotFound, "no provider has %s", name)
}

func (r *Registry) flushMain(ctx context.Context, name pkgref.Name, by string) (pkgref.Version, error) {
	if err := r.flushLists(ctx, name); err != nil {
		return pkgref.Version{}, err
	}
	v, err := r.Resolve(ctx, name, latest)
	if err != nil {
		return v, err
	}
	return v, r.Designate(ctx, name, v, by)
}

// Designate makes main of a package point at an exact version, which is
// fetched first if it is not held. Errors: as Release; main is unchanged then.
func (r *Registry) Designate(ctx context.Context, name pkgref.Name, v pkgref.Version, by string) error {
	r.forgetMarks(name) // whoever designates knows better than what was remembered
	if _, err := r.existing(ctx, name, v); err != nil {
		return err
	}
	return r.cache.Designate(name, v, by, true)
}

// Evict removes one version, or with a zero version all that are held, from
// view and cache. main stays where it is and refills by first touch. It returns
// the versions it removed. Errors: outcome.NotFound when nothing of it is held;
// outcome.Busy.
func (r *Registry) Evict(name pkgref.Name, v pkgref.Version) ([]string, error) {
	versions := []pkgref.Version{v}
	if v.IsZero() {
		versions = r.cache.Held(name)
		if err := r.forgetLists(name); err != nil {
			return nil, err
		}
	}
	removed := []string{}
	for _, w := range versions {
		r.watched.remove(ref(name, w))
		err := r.cache.Evict(name, w)
		if v.IsZero() && errors.Is(err, outcome.NotFound) {
			continue // somebody else was faster
		}
		if err != nil {
			return removed, err
		}
		removed = append(removed, w.String())
	}
	r.forgetMarks(name)
	if len(removed) == 0 {
		return nil, outcome.New(outcome.NotFound, "nothing of %s is held", name)
	}
	return removed, nil
}
