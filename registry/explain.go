package registry

import (
	"context"
	"errors"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// Explain tells why a spec leads where it does, by going the same way as a
// request and noting every step. It fetches no release and pins nothing; version
// lists are asked for as a request would. That the spec leads nowhere, or that
// a rule denies it, is part of the explanation. Errors: outcome.Busy where the
// disk fails; that of ctx.
func (r *Registry) Explain(ctx context.Context, name pkgref.Name, spec pkgref.Spec) (*Explanation, error) {
	main, err := r.cache.Main(name)
	if err != nil {
		return nil, err
	}
	x := &explaining{r: r, g: r.gen.Load(), name: name, e: &Explanation{
		Name: string(name), Spec: spec.Text, Kind: kindNames[spec.Kind], Main: r.explainMain(name, main),
	}}
	if entries := x.g.Chain.For(name); len(entries) == 1 && len(entries[0].Names) > 0 {
		x.e.Owner = entries[0].Provider.Name()
	}
	x.e.Rules = append(x.e.Rules, x.g.Rules.explain(string(name), x.g.Rules.decideName(name)))
	err = x.run(ctx, spec, main)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if x.e.Outcome = httpx.Label(err); err != nil {
		x.e.Error = err.Error()
	}
	return x.e, nil
}

var kindNames = map[pkgref.Kind]string{
	pkgref.KindExact: "exact", pkgref.KindPin: "main", pkgref.KindTag: "tag", pkgref.KindRange: "range",
}

func (r *Registry) explainMain(name pkgref.Name, main cache.Main) ExplainedMain {
	x := ExplainedMain{Kind: mainKinds[main.Kind], Version: main.Version.String()}
	if main.Kind == cache.MainLink {
		x.Target = main.Target
	}
	if pin, err := r.cache.Pin(name); err == nil {
		x.Pin = &pin
	}
	return x
}

var mainKinds = map[cache.MainKind]string{
	cache.MainNone: "none", cache.MainPin: "pin", cache.MainLink: "link", cache.MainDir: "directory", cache.MainHidden: "hidden",
}

// explaining is one explanation in the making.
type explaining struct {
	r    *Registry
	g    *Generation
	name pkgref.Name
	e    *Explanation
}

// run goes the way of a request and returns what that ends in.
func (x *explaining) run(ctx context.Context, spec pkgref.Spec, main cache.Main) error {
	v, err := x.resolve(ctx, spec, main)
	if spec.Kind == pkgref.KindExact {
		v = spec.Version
	}
	handmade := spec.Kind == pkgref.KindPin && main.Kind != cache.MainNone && main.Kind != cache.MainPin
	if spec.Kind == pkgref.KindPin && main.Kind != cache.MainNone {
		v = main.Version
	}
	if x.e.Rules[0].Allowed && (!v.IsZero() || handmade) {
		x.e.Version = v.String()
		x.e.Rules = append(x.e.Rules, x.g.Rules.explain(ref(x.name, v), x.g.Rules.decide(x.name, v)))
	}
	if err != nil || handmade { // what a person made is served as it stands
		return err
	}
	return x.locate(ctx, v)
}

// resolve finds the version that a spec means. A main that is not there yet
// means what the first request would make of it, without making it.
func (x *explaining) resolve(ctx context.Context, spec pkgref.Spec, main cache.Main) (pkgref.Version, error) {
	if spec.Kind == pkgref.KindPin && main.Kind == cache.MainNone {
		if pin := x.e.Main.Pin; pin != nil && x.e.Rules[0].Allowed {
			v, err := pkgref.ParseVersion(pin.Version)
			return v, errors.Join(err, x.g.Rules.Check(x.name, v))
		}
		spec = latest
	}
	v, err := x.r.Resolve(x.traced(ctx, spec, &x.e.Asked), x.name, spec)
	x.addUnasked(&x.e.Asked)
	return v, err
}

// traced returns a context in which walks note whom they ask.
func (x *explaining) traced(ctx context.Context, spec pkgref.Spec, asked *[]Asked) context.Context {
	return context.WithValue(ctx, traceKey{}, &trace{spec: spec, asked: asked})
}

// addUnasked adds the providers that a walk did not come to; without a walk
// there are none.
func (x *explaining) addUnasked(asked *[]Asked) {
	entries := x.g.Chain.For(x.name)
	if n := len(*asked); n > 0 && n < len(entries) {
		for _, entry := range entries[n:] {
			*asked = append(*asked, Asked{Provider: entry.Provider.Name(), Outcome: NotAsked})
		}
	}
}

// NotAsked is the Asked.Outcome of a provider that a walk did not come to.
const NotAsked = "not-asked"

// locate tells who has a version, unless a mark keeps it from being asked for.
func (x *explaining) locate(ctx context.Context, v pkgref.Version) error {
	if err := x.mark(v); err != nil {
		return err
	}
	found, err := x.r.located(x.traced(ctx, pkgref.Spec{}, &x.e.Located), x.name, v)
	x.addUnasked(&x.e.Located)
	for i := range x.e.Located {
		x.e.Located[i].List = nil // the list is of no account here
	}
	x.e.Provider, x.e.Held = found.Provider, found.Held
	if m, err := x.r.cache.Manifest(x.name, v); err == nil {
		x.e.Fetched = m.Fetched
	}
	return err
}

// mark looks at what is remembered of a version, in memory and on disk, in the
// order in which a request does.
func (x *explaining) mark(v pkgref.Version) error {
	err, marked := x.r.marks.Get(ref(x.name, v))
	ttl := x.r.cache.AbsentFor(x.name, v, x.g.asks(x.name))
	if !marked && ttl > 0 && !x.r.held(x.name, v) {
		err, marked = outcome.New(outcome.NotFound, "%s does not exist", ref(x.name, v)), true
	}
	if !marked {
		return nil
	}
	x.e.Mark = &ExplainedMark{Outcome: httpx.Label(err), Error: err.Error(), For: seconds(ttl)}
	return err
}

func (r *Registry) held(name pkgref.Name, v pkgref.Version) bool {
	_, err := r.cache.Manifest(name, v)
	return err == nil
}

// explain puts a decision into words.
func (r *Rules) explain(about string, d decision) RuleCheck {
	x := RuleCheck{About: about, Allowed: r.verdict(d) == nil}
	if d.rule == nil {
		x.Rule = "policy.default allow"
		if r.denyOthers {
			x.Rule = "policy.default deny"
		}
		return x
	}
	x.Number, x.Reason, x.Rule = d.rule.number, d.rule.reason, "allow "+d.pattern.String()
	if d.rule.deny {
		x.Rule = "deny " + d.pattern.String()
	}
	return x
}
