package registry

import (
	"context"
	"errors"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

// Resolve returns the exact version that a range or tag means now; an exact
// spec means itself, whether it exists or not, and main what Main says. Errors:
// outcome.NotFound when nothing satisfies it; outcome.Forbidden or
// outcome.Declined when only denied versions do; outcome.Unavailable,
// outcome.TooSlow, outcome.Busy.
func (r *Registry) Resolve(ctx context.Context, name pkgref.Name, spec pkgref.Spec) (pkgref.Version, error) {
	g := r.gen.Load()
	if err := g.Rules.CheckName(name); err != nil {
		return pkgref.Version{}, err
	}
	switch spec.Kind {
	case pkgref.KindExact:
		return spec.Version, g.Rules.Check(name, spec.Version)
	case pkgref.KindPin:
		return r.Main(ctx, name)
	}
	ctx, end := provider.WithSession(ctx)
	defer end()
	c := &choice{rules: g.Rules, name: name, spec: spec, newest: g.Newest && spec.Kind == pkgref.KindRange, trace: traceOf(ctx)}
	err := g.Chain.Walk(ctx, name, pkgref.Version{}, r.traced(ctx, name, func(p provider.Provider) error {
		held, err := r.versions(ctx, g, name, p)
		if err != nil {
			return err
		}
		return c.consider(held)
	}))
	return c.result(err)
}

// choice looks for the version that a spec means.
type choice struct {
	rules  *Rules
	name   pkgref.Name
	spec   pkgref.Spec
	newest bool
	trace  *trace // nil: nobody wants to know why

	best   pkgref.Version
	denied error // why the best that a rule denies is denied
}

// consider takes one provider's list into account. Errors: outcome.NotFound to
// go on with the next provider.
func (c *choice) consider(held *heldList) error {
	v := c.find(held)
	c.trace.offered(v)
	if v.IsZero() && c.spec.Kind == pkgref.KindTag && c.denied != nil {
		return c.denied // it is here, so nobody else is asked
	}
	if v.IsZero() {
		return outcome.NotFound
	}
	if c.best.IsZero() || v.Compare(c.best) > 0 {
		c.best = v
	}
	if c.newest {
		return outcome.NotFound // see what the others have
	}
	return nil
}

func (c *choice) pick(vs *provider.Versions) pkgref.Version {
	if c.spec.Kind == pkgref.KindRange {
		return c.highest(vs, c.spec.Range.Has)
	}
	tagged, ok := vs.TagVersion(c.spec.Text)
	if !ok {
		return pkgref.Version{}
	}
	err := c.rules.Check(c.name, tagged)
	c.trace.tagged(tagged, err)
	if err == nil {
		return tagged
	}
	c.denied = err
	// A tag on a denied version falls back, never to something newer or less stable.
	return c.highest(vs, func(v pkgref.Version) bool { return !v.IsPrerelease() && v.Compare(tagged) <= 0 })
}

// highest returns the newest listed version that fits and is not denied.
func (c *choice) highest(vs *provider.Versions, fits func(pkgref.Version) bool) pkgref.Version {
	for i := len(vs.List) - 1; i >= 0; i-- {
		v := vs.List[i].Version
		if !fits(v) {
			c.trace.passed(v, nil)
			continue
		}
		err := c.rules.Check(c.name, v)
		if err == nil {
			return v
		}
		c.trace.passed(v, err)
		if c.denied == nil {
			c.denied = err
		}
	}
	return pkgref.Version{}
}

// result is the choice after the walk over the chain ended with err.
func (c *choice) result(err error) (pkgref.Version, error) {
	_, skipped := errors.AsType[*provider.SkippedError](err)
	switch {
	case !c.best.IsZero() && (err == nil || skipped || errors.Is(err, outcome.NotFound)):
		return c.best, nil
	case err == nil || !errors.Is(err, outcome.NotFound):
		return pkgref.Version{}, err
	case c.denied != nil:
		return pkgref.Version{}, c.denied
	}
	return pkgref.Version{}, outcome.Wrap(outcome.NotFound, err, "%s has no version for %s", c.name, c.spec.Text)
}
