package registry

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

// trace notes what happens while a spec is resolved, for whoever asks why. It
// travels in the context, so that there is one resolution and not a second one
// for explaining. A nil trace notes nothing. It belongs to one goroutine.
type trace struct {
	spec    pkgref.Spec
	asked   *[]Asked // where the providers of the walk are noted
	current *Asked   // the provider that is being asked; nil: none
}

type traceKey struct{}

func traceOf(ctx context.Context) *trace {
	t, _ := ctx.Value(traceKey{}).(*trace)
	return t
}

// traced returns ask such that the trace in ctx, if there is one, sees every
// provider that is asked.
func (r *Registry) traced(ctx context.Context, name pkgref.Name, ask func(provider.Provider) error) func(provider.Provider) error {
	t := traceOf(ctx)
	if t == nil {
		return ask
	}
	return func(p provider.Provider) error {
		before, _ := r.heldList(name, p)
		a := Asked{Provider: p.Name()}
		t.current = &a
		err := ask(p)
		t.current = nil
		a.Outcome = httpx.Label(err)
		if err != nil && !errors.Is(err, outcome.NotFound) {
			a.Error = err.Error()
		} else if _, ok := p.(lister); !ok && t.spec.Kind != 0 {
			a.Error = "it lists no versions"
		}
		if after, ok := r.heldList(name, p); ok {
			a.List = r.listState(before, after, p)
		}
		*t.asked = append(*t.asked, a)
		return err
	}
}

// listState describes the version list that was looked at.
func (r *Registry) listState(before, after *heldList, p provider.Provider) *ListState {
	if after.versions == nil {
		return nil
	}
	age, ttl := after.age(r.now()), freshness(r.gen.Load(), after, p)
	s := &ListState{Versions: len(after.versions.List), Fetched: after.fetched.UTC(), Age: seconds(age), FreshFor: seconds(ttl - age)}
	switch {
	case before == nil || !before.fetched.Equal(after.fetched):
		s.State = "fetched now"
	case age < ttl:
		s.State = "fresh"
	default:
		s.State = "stale"
	}
	return s
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// offered notes what a provider's list has for the spec; zero: nothing.
func (t *trace) offered(v pkgref.Version) {
	if t != nil && t.current != nil && !v.IsZero() {
		t.current.Offers = v.String()
	}
}

// tagged notes what a tag names, and what the rules say to it.
func (t *trace) tagged(v pkgref.Version, denied error) {
	if t == nil || t.current == nil {
		return
	}
	t.current.Tagged = v.String()
	if denied != nil {
		t.current.TagDenied = ruleOf(denied)
	}
}

// maxPassed bounds how many runs of candidates are noted of one provider.
const maxPassed = 500

// passed notes a candidate that was not taken; denied is nil where the spec does
// not mean it. Neighbours with one reason are noted as a run.
func (t *trace) passed(v pkgref.Version, denied error) {
	if t == nil || t.current == nil {
		return
	}
	p := Passed{Newest: v.String(), Oldest: v.String(), Count: 1, Reason: t.unfit(v)}
	if denied != nil {
		p.Reason, p.Rule = "denied", ruleOf(denied)
	}
	list := t.current.Passed
	if n := len(list); n > 0 && list[n-1].Reason == p.Reason && list[n-1].Rule == p.Rule {
		list[n-1].Oldest = p.Oldest
		list[n-1].Count++
	} else if n < maxPassed {
		t.current.Passed = append(list, p)
	} else {
		t.current.PassedMore++
	}
}

// unfit says why a spec does not mean a version.
func (t *trace) unfit(v pkgref.Version) string {
	switch {
	case t.spec.Kind != pkgref.KindRange && v.IsPrerelease():
		return "prerelease"
	case t.spec.Kind != pkgref.KindRange:
		return "newer than the tag"
	case v.IsPrerelease() && t.spec.Range.Has(released(v)):
		return "prerelease"
	}
	return "not in range"
}

// released is the version that a prerelease leads to.
func released(v pkgref.Version) pkgref.Version {
	text, _, _ := strings.Cut(v.String(), "-")
	w, err := pkgref.ParseVersion(text)
	if err != nil {
		return v
	}
	return w
}

// ruleOf is the rule that a denial names.
func ruleOf(err error) string {
	if d, ok := errors.AsType[*outcome.Denial](err); ok {
		if d.Reason != "" {
			return d.Rule + ": " + d.Reason
		}
		return d.Rule
	}
	return err.Error()
}
