package registry_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/registry"
)

func (e *env) explain(tb testing.TB, name, text string) *registry.Explanation {
	tb.Helper()
	x, err := e.Explain(tb.Context(), pkgref.Name(name), spec(tb, text))
	if err != nil {
		tb.Fatal(err)
	}
	return x
}

// path is what an explanation says in a few words, for comparison.
func path(list []registry.Asked) []string {
	var words []string
	for _, a := range list {
		words = append(words, a.Provider+" "+a.Outcome+" "+a.Offers)
	}
	return words
}

func TestExplainRange_PC4_PC5(t *testing.T) {
	t.Parallel()
	first := newSource("first").versionsOf("p", "0.9.0")
	second := newSource("second").versionsOf("p", "0.1.0", "1.0.0", "1.1.0", "1.2.0", "1.3.0", "2.0.0", "2.1.0", "1.9.0-rc.1")
	e := start(t, setup{providers: []provider.Provider{first, second, newSource("third")}, policy: config.Policy{Rules: []config.Rule{
		{Allow: []string{"other"}}, {Deny: []string{"p@1.2 || 1.3"}, Reason: "bad"},
	}}})
	x := e.explain(t, "p", "^1")
	if x.Version != "1.1.0" || x.Provider != "second" || x.Held || x.Outcome != "ok" || x.Kind != "range" {
		t.Errorf("got %+v", x)
	}
	want := []string{"first not-found ", "second ok 1.1.0", "third not-asked "}
	if diff := cmp.Diff(want, path(x.Asked)); diff != "" {
		t.Error(diff)
	}
	passed := []registry.Passed{
		{Newest: "2.1.0", Oldest: "2.0.0", Count: 2, Reason: "not in range"},
		{Newest: "1.9.0-rc.1", Oldest: "1.9.0-rc.1", Count: 1, Reason: "prerelease"},
		{Newest: "1.3.0", Oldest: "1.2.0", Count: 2, Reason: "denied", Rule: "deny p@1.2 || 1.3: bad"},
	}
	if diff := cmp.Diff(passed, x.Asked[1].Passed); diff != "" {
		t.Error(diff)
	}
	if l := x.Asked[1].List; l == nil || l.Versions != 8 || l.State != "fetched now" || l.FreshFor != 3600 {
		t.Errorf("list: %+v", l)
	}
	rules := []registry.RuleCheck{
		{About: "p", Allowed: true, Rule: "policy.default allow"},
		{About: "p@1.1.0", Allowed: true, Rule: "policy.default allow"},
	}
	if diff := cmp.Diff(rules, x.Rules); diff != "" {
		t.Error(diff)
	}
	e.wantBody(t, "/lib/p/1.1.0/index.js", "second 1.1.0")
	e.clock.add(30 * time.Minute)
	x = e.explain(t, "p", "^1")
	if l := x.Asked[1].List; l.State != "fresh" || l.Age != 1800 || !x.Held || x.Fetched.IsZero() {
		t.Errorf("later: %+v, %+v", l, x)
	}
	second.fail(outcome.New(outcome.Unavailable, "away"))
	e.clock.add(2 * time.Hour)
	if l := e.explain(t, "p", "^1").Asked[1].List; l.State != "stale" || l.FreshFor != -5400 {
		t.Errorf("stale: %+v", l)
	}
}

// What is explained is what a request gets, whatever the spec.
func TestExplain_AgreesWithRequests(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0", "1.1.0", "2.0.0-rc.1").versionsOf("gone", "1.0.0")
	s.tag("p", "latest", "1.1.0").tag("p", "next", "2.0.0-rc.1")
	down := newSource("down")
	down.fail(outcome.New(outcome.Unavailable, "away"))
	e := start(t, setup{
		entries: []provider.Entry{{Provider: s}, {Provider: down, Names: patterns(t, "@down/*")}},
		policy:  deny("p@1.1.0", "gone", "@evil/*"),
	})
	for _, q := range []struct{ name, spec string }{
		{"p", "latest"}, {"p", "next"}, {"p", "none"}, {"p", "^1"}, {"p", "^3"}, {"p", "1.0.0"}, {"p", "1.1.0"}, {"p", "7.7.7"},
		{"gone", "1.0.0"}, {"gone", "^1"}, {"gone", "main"}, {"@evil/x", "*"}, {"@down/x", "*"}, {"@down/x", "1.0.0"}, {"nothing", "*"},
	} {
		x := e.explain(t, q.name, q.spec)
		found, err := e.Locate(t.Context(), pkgref.Name(q.name), spec(t, q.spec))
		if (x.Outcome == "ok") != (err == nil) {
			t.Errorf("%s@%s: explained as %s, a request gets %v", q.name, q.spec, x.Outcome, err)
		}
		if err == nil && (x.Version != found.Version || x.Provider != found.Provider || x.Held != found.Held) {
			t.Errorf("%s@%s: explained as %+v, found %+v", q.name, q.spec, x, found)
		}
		if err != nil && x.Error != err.Error() {
			t.Errorf("%s@%s: explained with %q, a request gets %v", q.name, q.spec, x.Error, err)
		}
	}
}

func TestExplainTag_FallsBack_PC5(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0", "1.1.0-a", "1.1.0", "1.2.0").tag("p", "latest", "1.1.0")
	e := start(t, setup{providers: []provider.Provider{s}, policy: deny("p@1.1.0")})
	a := e.explain(t, "p", "latest").Asked[0]
	want := registry.Asked{Provider: "npm", Outcome: "ok", Tagged: "1.1.0", TagDenied: "deny p@1.1.0: test", Offers: "1.0.0", Passed: []registry.Passed{
		{Newest: "1.2.0", Oldest: "1.2.0", Count: 1, Reason: "newer than the tag"},
		{Newest: "1.1.0", Oldest: "1.1.0", Count: 1, Reason: "denied", Rule: "deny p@1.1.0: test"},
		{Newest: "1.1.0-a", Oldest: "1.1.0-a", Count: 1, Reason: "prerelease"},
	}}
	a.List = nil
	if diff := cmp.Diff(want, a); diff != "" {
		t.Error(diff)
	}
}

func TestExplainDenied_AsksNobody_PC5(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0")
	e := start(t, setup{providers: []provider.Provider{s}, policy: config.Policy{Conceal: true, Rules: []config.Rule{
		{Allow: []string{"q"}}, {Deny: []string{"p"}, Reason: "left"},
	}}})
	x := e.explain(t, "p", "^1")
	want := []registry.RuleCheck{{About: "p", Rule: "deny p", Number: 2, Reason: "left"}}
	if diff := cmp.Diff(want, x.Rules); diff != "" || x.Outcome != "not-found" || x.Version != "" || len(x.Asked) != 0 {
		t.Errorf("got %+v\n%s", x, diff)
	}
	s.wantCount(t, "", 0)
	if x := e.explain(t, "q", "1.0.0"); x.Rules[1].Number != 1 || x.Rules[1].Rule != "allow q" || !x.Rules[1].Allowed {
		t.Errorf("an allow is %+v", x.Rules)
	}
}

func TestExplainOwned_PC3(t *testing.T) {
	t.Parallel()
	own, open := newSource("own").versionsOf("@acme/p", "1.0.0"), newSource("open").versionsOf("@acme/p", "9.0.0")
	e := start(t, setup{entries: []provider.Entry{{Provider: open}, {Provider: own, Names: patterns(t, "@acme/*")}}})
	x := e.explain(t, "@acme/p", "*")
	if diff := cmp.Diff([]string{"own ok 1.0.0"}, path(x.Asked)); diff != "" || x.Owner != "own" || x.Version != "1.0.0" {
		t.Errorf("got %+v\n%s", x, diff)
	}
	open.wantCount(t, "", 0)
}

func TestExplainExact_TellsMarksAndWhoWasAsked_PC7(t *testing.T) {
	t.Parallel()
	one, two := newSource("one"), newSource("two").versionsOf("p", "1.0.0", "2.0.0")
	e := start(t, setup{providers: []provider.Provider{one, two}})
	x := e.explain(t, "p", "1.0.0")
	if diff := cmp.Diff([]string{"one not-found ", "two ok "}, path(x.Located)); diff != "" || x.Provider != "two" || len(x.Asked) != 0 {
		t.Errorf("got %+v\n%s", x, diff)
	}
	e.wantBody(t, "/lib/p/2.0.0/index.js", "two 2.0.0")
	e.want(t, "/lib/p/7.0.0/index.js", outcome.NotFound)
	calls := two.count("")
	x = e.explain(t, "p", "7.0.0")
	if x.Mark == nil || x.Mark.Outcome != "not-found" || x.Mark.For != 60 || x.Outcome != "not-found" {
		t.Errorf("got %+v", x)
	}
	two.wantCount(t, "", calls)
}

func TestExplainMain_PM1_PM2(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0", "1.1.0").versionsOf("hand", "1.0.0")
	e := start(t, setup{providers: []provider.Provider{s}})
	x := e.explain(t, "p", "main")
	if x.Version != "1.1.0" || x.Main.Kind != "none" || x.Main.Pin != nil {
		t.Errorf("nothing there: %+v", x)
	}
	e.wantViewed(t) // explaining pins nothing
	if err := e.Designate(t.Context(), "p", version(t, "1.0.0"), "ops"); err != nil {
		t.Fatal(err)
	}
	x = e.explain(t, "p", "main")
	if x.Version != "1.0.0" || x.Main.Kind != "pin" || x.Main.Pin == nil || x.Main.Pin.By != "ops" || !x.Held || x.Provider != "npm" {
		t.Errorf("pinned: %+v", x)
	}
	if _, err := e.Swap(generation(t, setup{providers: []provider.Provider{s}, policy: deny("p@1.0.0", "hand@3")})); err != nil {
		t.Fatal(err)
	}
	x = e.explain(t, "p", "main")
	if x.Outcome != "forbidden" || x.Version != "1.0.0" || len(x.Rules) != 2 || x.Rules[1].Rule != "deny p@1.0.0" {
		t.Errorf("denied: %+v", x)
	}
	write(t, e.cache.View()+"/hand/main/package.json", `{"version":"2.0.0"}`)
	x = e.explain(t, "hand", "main")
	if x.Outcome != "ok" || x.Version != "2.0.0" || x.Main.Kind != "directory" || x.Provider != "" {
		t.Errorf("made by hand: %+v", x)
	}
	write(t, e.cache.View()+"/hand/main/package.json", `{"version":"3.0.0"}`)
	if x = e.explain(t, "hand", "main"); x.Outcome != "forbidden" || x.Version != "3.0.0" {
		t.Errorf("made by hand and denied: %+v", x)
	}
	if pin, err := e.cache.Pin("p"); err != nil || pin.By == cache.FirstTouch {
		t.Errorf("the pin is %+v, %v", pin, err)
	}
}

func TestExplain_NewestSeesAll_PC4(t *testing.T) {
	t.Parallel()
	e := start(t, setup{
		providers: []provider.Provider{newSource("a").versionsOf("p", "1.0.0"), newSource("b").versionsOf("p", "1.5.0"), newSource("c").versionsOf("p", "1.2.0")},
		change:    func(g *registry.Generation) { g.Newest = true },
	})
	x := e.explain(t, "p", "1")
	if diff := cmp.Diff([]string{"a not-found 1.0.0", "b not-found 1.5.0", "c not-found 1.2.0"}, path(x.Asked)); diff != "" || x.Version != "1.5.0" {
		t.Errorf("got %s\n%s", x.Version, diff)
	}
}

// unlisted knows releases and lists none.
type unlisted struct{ s *source }

func (u unlisted) Name() string { return u.s.Name() }

func (u unlisted) Release(ctx context.Context, name pkgref.Name, v pkgref.Version) (*provider.Release, error) {
	return u.s.Release(ctx, name, v)
}

func TestExplain_ProviderWithoutLists_PC1(t *testing.T) {
	t.Parallel()
	e := start(t, setup{providers: []provider.Provider{unlisted{newSource("url").versionsOf("p", "1.0.0")}}})
	x := e.explain(t, "p", "^1")
	want := []registry.Asked{{Provider: "url", Outcome: "not-found", Error: "it lists no versions"}}
	if diff := cmp.Diff(want, x.Asked); diff != "" || x.Outcome != "not-found" {
		t.Errorf("got %+v\n%s", x, diff)
	}
	if x := e.explain(t, "p", "1.0.0"); x.Provider != "url" || x.Located[0].Error != "" {
		t.Errorf("got %+v", x)
	}
}

// A hot path pays nothing for what nobody asks for.
func TestTrace_CostsNothing(t *testing.T) {
	s := newSource("npm").versionsOf("p", "1.0.0", "1.1.0")
	e := start(t, one(s))
	ctx, exact := context.Background(), spec(t, "1.0.0")
	if n := testing.AllocsPerRun(100, func() { _, _ = e.Resolve(ctx, "p", exact) }); n > 0 {
		t.Errorf("resolving an exact version takes %v allocations", n)
	}
}
