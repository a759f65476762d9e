package registry_test

import (
	"context"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/npm"
	"github.com/registryd/registryd/provider/providertest"
	"github.com/registryd/registryd/registry"
)

func TestChainOrder_PC2_PC4(t *testing.T) {
	t.Parallel()
	a := newSource("a").versionsOf("p", "1.0.0").versionsOf("only-a", "1.0.0")
	b := newSource("b").versionsOf("p", "1.5.0", "2.0.0").versionsOf("only-b", "1.0.0")
	both := []provider.Provider{a, b}
	e := start(t, setup{providers: both})
	e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.0.0/x") // the first that satisfies, not the union
	e.wantRedirect(t, "/lib/p/^2/x", "/lib/p/2.0.0/x")
	e.wantRedirect(t, "/lib/p/latest/x", "/lib/p/1.0.0/x")
	e.wantBody(t, "/lib/only-b/1.0.0/index.js", "b 1.0.0")
	e.wantBody(t, "/lib/p/1.0.0/index.js", "a 1.0.0")
	e.wantBody(t, "/lib/p/2.0.0/index.js", "b 2.0.0")

	newest := start(t, setup{providers: both, change: func(g *registry.Generation) { g.Newest = true }})
	newest.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.5.0/x")
	newest.wantRedirect(t, "/lib/p/latest/x", "/lib/p/1.0.0/x")
	newest.wantRedirect(t, "/lib/only-a/*/x", "/lib/only-a/1.0.0/x")
}

func TestFailureStopsTheWalk_PC2_PF1(t *testing.T) {
	t.Parallel()
	for name, cause := range map[string]error{
		"unavailable": down, "too slow": outcome.New(outcome.TooSlow, "slow"), "busy": outcome.New(outcome.Busy, "busy"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := newSource("a"), newSource("b").versionsOf("p", "1.0.0")
			a.fail(cause)
			e := start(t, setup{providers: []provider.Provider{a, b}})
			for _, path := range []string{"/lib/p/1.0.0/index.js", "/lib/p/^1/x", "/lib/p/main/index.js"} {
				e.want(t, path, cause)
			}
			b.wantCount(t, "", 0)
			if got := below(t, e.dir+"/state/packages"); len(got) > 0 {
				t.Errorf("the state holds %q", got)
			}
			a.fail(nil)
			e.wantBody(t, "/lib/p/1.0.0/index.js", "b 1.0.0")

			a.fail(cause)
			skip := start(t, setup{entries: []provider.Entry{{Provider: a, SkipOnError: true}, {Provider: b}}})
			skip.wantBody(t, "/lib/p/1.0.0/index.js", "b 1.0.0")
			skip.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.0.0/x")
			skip.want(t, "/lib/q/^1/x", cause) // nobody can know
			skip.want(t, "/lib/q/1.0.0/x", cause)
		})
	}
}

// Who may be skipped does not keep the others from being chosen.
func TestNewestSkipsWhoFails_PC2_PC4(t *testing.T) {
	t.Parallel()
	a, b := newSource("a"), newSource("b").versionsOf("p", "1.0.0")
	a.fail(down)
	e := start(t, setup{
		entries: []provider.Entry{{Provider: a, SkipOnError: true}, {Provider: b}},
		change:  func(g *registry.Generation) { g.Newest = true },
	})
	e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.0.0/x")
	e.want(t, "/lib/q/^1/x", down)
}

// No request for an owned name ever reaches another provider, on any route.
func TestOwnedNames_PC3(t *testing.T) {
	t.Parallel()
	private := newSource("private").versionsOf("@acme/p", "1.0.0")
	public := newSource("public").versionsOf("@acme/p", "9.0.0").versionsOf("@acme/q", "9.0.0")
	e := start(t, setup{
		entries: []provider.Entry{{Provider: public}, {Provider: private, Names: patterns(t, "@acme/*"), SkipOnError: true}},
		change:  func(g *registry.Generation) { g.Newest = true },
	})
	ask := func() {
		for _, name := range []string{"@acme/p", "@acme%2fp", "@acme/q"} {
			for _, s := range []string{"1.0.0", "9.0.0", "*", "^9", "latest", "next", "main", ""} {
				_, _ = e.find(t, "/lib/"+name+"/"+s)
				_, _ = e.find(t, strings.Replace("/lib/"+name+"/"+s+"/index.js", "//", "/", 1))
			}
		}
		for _, name := range []pkgref.Name{"@acme/p", "@acme/q"} {
			for _, s := range []string{"1.0.0", "9.0.0", "*", "latest", "main"} {
				_, _ = e.Flush(t.Context(), name, spec(t, s), "ops")
				_, _ = e.Locate(t.Context(), name, spec(t, s))
				_, _ = e.Warm(t.Context(), name, spec(t, s), true)
			}
			_ = e.Designate(t.Context(), name, version(t, "9.0.0"), "ops")
		}
	}
	ask()
	e.wantBody(t, "/lib/@acme/p/1.0.0/index.js", "private 1.0.0")
	e.wantRedirect(t, "/lib/@acme/p/*/x", "/lib/@acme/p/1.0.0/x")
	private.fail(down)
	ask()
	public.wantCount(t, "", 0)
}

func TestScopeRegistry_PC3_PG1(t *testing.T) {
	t.Parallel()
	private := providertest.NewRegistry(t, providertest.Generate("@acme/p", "1.0.0", 1, 1))
	public := providertest.NewRegistry(t, providertest.Generate("@acme/p", "9.0.0", 1, 1), providertest.Generate("p", "1.0.0", 1, 1))
	e := start(t, one(overNPM(t, public, func(c *npm.Config, f *fetch.Config) {
		c.Scopes = map[string]string{"@acme": private.URL()}
		f.Trusted = append(f.Trusted, private.Host())
	})))
	e.wantRedirect(t, "/lib/@acme%2fp/*/x", "/lib/@acme/p/1.0.0/x")
	e.want(t, "/lib/@acme/p/9.0.0/package.json", outcome.NotFound)
	e.want(t, "/lib/@acme/q/1.0.0/package.json", outcome.NotFound)
	if _, err := e.find(t, "/lib/@acme/p/main/package.json"); err != nil {
		t.Error(err)
	}
	private.Close()
	e.want(t, "/lib/@acme/r/^1/x", outcome.Unavailable)
	if n := public.Count(providertest.Any, ""); n != 0 {
		t.Errorf("the public registry was asked %d times", n)
	}
	if _, err := e.find(t, "/lib/p/1.0.0/package.json"); err != nil {
		t.Error(err)
	}
}

func TestProviderChange_PC6(t *testing.T) {
	t.Parallel()
	a, b := newSource("a").versionsOf("p", "1.0.0"), newSource("b").versionsOf("p", "1.1.0", "1.0.0")
	e := start(t, setup{providers: []provider.Provider{a, b}})
	e.wantBody(t, "/lib/p/1.0.0/index.js", "a 1.0.0")
	if n := e.count(registry.EventProviderChange); n != 0 {
		t.Fatalf("%d alarms", n)
	}
	e.wantBody(t, "/lib/p/1.1.0/index.js", "b 1.1.0")
	if n := e.count(registry.EventProviderChange); n != 1 || e.logged("another provider") != 1 {
		t.Errorf("%d alarms, log %s", n, e.log)
	}
	// By a flush, too.
	a.drop("p", "1.0.0")
	if _, err := e.Flush(t.Context(), "p", spec(t, "1.0.0"), "ops"); err != nil {
		t.Fatal(err)
	}
	e.wantBody(t, "/lib/p/1.0.0/index.js", "b 1.0.0")
	if n := e.count(registry.EventProviderChange); n != 2 {
		t.Errorf("%d alarms after a flush", n)
	}
}

// gate is a provider that only says no.
type gate struct{ err error }

func (gate) Name() string                                               { return "gate" }
func (g gate) Check(context.Context, pkgref.Name, pkgref.Version) error { return g.err }

func TestGate_PC1(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0")
	for name, no := range map[string]error{"forbidden": outcome.New(outcome.Forbidden, "no"), "declined": outcome.New(outcome.Declined, "no"), "unavailable": down} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := start(t, setup{providers: []provider.Provider{s, gate{no}}})
			for _, path := range []string{"/lib/p/1.0.0/index.js", "/lib/p/^1/x", "/lib/p/main/x"} {
				for range 2 {
					e.want(t, path, no)
				}
			}
			s.wantCount(t, "", 0)
			e.wantViewed(t)
		})
	}
}
