package registry_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/providertest"
	"github.com/registryd/registryd/registry"
)

func TestRulesCheck_PC5(t *testing.T) {
	t.Parallel()
	rule := func(allow, deny string) config.Rule {
		r := config.Rule{Reason: "because"}
		if allow != "" {
			r.Allow = []string{allow}
		} else {
			r.Deny = []string{deny}
		}
		return r
	}
	for name, tt := range map[string]struct {
		policy        config.Policy
		pkg, version  string
		allowed, name bool // the version, and some version of the name
	}{
		"nothing said":           {config.Policy{}, "p", "1.0.0", true, true},
		"default":                {config.Policy{Default: "deny"}, "p", "1.0.0", false, false},
		"first match":            {config.Policy{Rules: []config.Rule{rule("p", ""), rule("", "p")}}, "p", "1.0.0", true, true},
		"denied name":            {config.Policy{Rules: []config.Rule{rule("", "@bad/*")}}, "@bad/p", "1.0.0", false, false},
		"denied version":         {config.Policy{Rules: []config.Rule{rule("", "p@1.0.0")}}, "p", "1.0.0", false, true},
		"with build metadata":    {config.Policy{Rules: []config.Rule{rule("", "p@1.0.0")}}, "p", "1.0.0+x", false, true},
		"another version":        {config.Policy{Rules: []config.Rule{rule("", "p@1.0.0")}}, "p", "1.0.1", true, true},
		"prerelease of a deny":   {config.Policy{Rules: []config.Rule{rule("", "p@<2")}}, "p", "1.5.0-a", false, true},
		"prerelease of an allow": {config.Policy{Default: "deny", Rules: []config.Rule{rule("p@<2", "")}}, "p", "1.5.0-a", false, true},
		"release of an allow":    {config.Policy{Default: "deny", Rules: []config.Rule{rule("p@<2", "")}}, "p", "1.5.0", true, true},
		"no version is known":    {config.Policy{Rules: []config.Rule{rule("", "p@*")}}, "p", "", false, false},
		"only some are denied":   {config.Policy{Rules: []config.Rule{rule("", "p@1")}}, "p", "", true, true},
		"only some are allowed":  {config.Policy{Default: "deny", Rules: []config.Rule{rule("p@1", "")}}, "p", "", false, true},
		"case counts":            {config.Policy{Rules: []config.Rule{rule("", "jsonstream")}}, "JSONStream", "1.0.0", true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules, err := registry.NewRules(tt.policy)
			if err != nil {
				t.Fatal(err)
			}
			v := pkgref.Version{}
			if tt.version != "" {
				v = version(t, tt.version)
			}
			err = rules.Check(pkgref.Name(tt.pkg), v)
			if (err == nil) != tt.allowed || err != nil && !errors.Is(err, outcome.Forbidden) {
				t.Errorf("version: %v", err)
			}
			if err := rules.CheckName(pkgref.Name(tt.pkg)); (err == nil) != tt.name {
				t.Errorf("name: %v", err)
			}
		})
	}
	if _, err := registry.NewRules(deny("a b")); !errors.Is(err, outcome.Invalid) {
		t.Errorf("a pattern that is none: %v", err)
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	print := func(p config.Policy) string {
		r, err := registry.NewRules(p)
		if err != nil {
			t.Fatal(err)
		}
		return r.Fingerprint()
	}
	same := deny("a", "b")
	same.Rules[0].Reason, same.Conceal = "another", true
	if print(deny("a", "b")) != print(same) {
		t.Error("a reason changes what is denied")
	}
	seen := map[string]int{}
	for _, p := range []config.Policy{
		{}, {Default: "deny"}, deny("a"), deny("b"), deny("a", "b"), deny("b", "a"),
		{Rules: []config.Rule{{Allow: []string{"a"}}}}, {Rules: []config.Rule{{Allow: []string{"a"}}, {Deny: []string{"b"}}}},
	} {
		seen[print(p)]++
	}
	if len(seen) != 8 {
		t.Errorf("%d fingerprints for 8 policies", len(seen))
	}
}

func TestDeniedVersions_PC5(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0", "1.1.0", "1.2.0-rc.1", "1.2.0", "2.0.0").tag("p", "latest", "1.2.0").tag("p", "next", "2.0.0").
		versionsOf("q", "3.0.0", "4.0.0").tag("q", "latest", "3.0.0")
	e := start(t, setup{providers: []provider.Provider{s}, policy: deny("p@>=1.2.0-0", "q@<=3")})
	e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.1.0/x")
	e.wantRedirect(t, "/lib/p/latest/x", "/lib/p/1.1.0/x") // not 1.2.0-rc.1
	e.wantRedirect(t, "/lib/p/next/x", "/lib/p/1.1.0/x")
	e.want(t, "/lib/p/^1.2/x", outcome.Forbidden)
	e.want(t, "/lib/p/2/x", outcome.Forbidden)
	e.want(t, "/lib/p/3/x", outcome.NotFound)
	e.want(t, "/lib/p/1.2.0/x", outcome.Forbidden)
	e.want(t, "/lib/q/latest/x", outcome.Forbidden) // never something newer
	e.wantRedirect(t, "/lib/q/*/x", "/lib/q/4.0.0/x")
	err := e.want(t, "/lib/p/2.0.0/x", outcome.Forbidden)
	if d, ok := errors.AsType[*outcome.Denial](err); !ok || d.Reason != "test" || d.Rule != "deny p@>=1.2.0-0" {
		t.Errorf("got %#v", d)
	}
}

// A provider that knows the tag has the word: what a rule denies of it is not
// looked for elsewhere.
func TestDeniedTagEndsTheWalk_PC2_PC5(t *testing.T) {
	t.Parallel()
	a := newSource("a").versionsOf("p", "1.0.0")
	b := newSource("b").versionsOf("p", "0.9.0")
	e := start(t, setup{providers: []provider.Provider{a, b}, policy: deny("p@1.0.0")})
	e.want(t, "/lib/p/latest/index.js", outcome.Forbidden)
	b.wantCount(t, "", 0)
}

func TestDenyLater_PC5(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0", "1.1.0").versionsOf("q", "1.0.0")
	e := start(t, one(s))
	for _, path := range []string{"/lib/p/1.0.0/index.js", "/lib/p/1.1.0/index.js", "/lib/p/main/index.js", "/lib/q/1.0.0/index.js"} {
		if _, err := e.find(t, path); err != nil {
			t.Fatal(err)
		}
	}
	removed, err := e.Swap(generation(t, setup{providers: []provider.Provider{s}, policy: deny("p@1.1.0", "q")}))
	slices.Sort(removed)
	if err != nil || !slices.Equal(removed, []string{"p@1.1.0", "q@1.0.0"}) {
		t.Errorf("removed %q, %v", removed, err)
	}
	e.wantViewed(t, "p/1.0.0/index.js", "p/main")
	for _, path := range []string{"/lib/p/1.1.0/index.js", "/lib/p/main/index.js", "/lib/q/1.0.0/index.js", "/lib/q/main/x"} {
		e.want(t, path, outcome.Forbidden)
	}
	e.wantBody(t, "/lib/p/1.0.0/index.js", "npm 1.0.0")
	if _, err := e.Swap(generation(t, one(s))); err != nil {
		t.Fatal(err)
	}
	e.wantBody(t, "/lib/p/main/index.js", "npm 1.1.0")
	s.wantCount(t, "archive p@1.1.0", 1)
}

func TestDenyBeforeStart_PC5(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0")
	e := start(t, one(s))
	if _, err := e.find(t, "/lib/p/1.0.0/index.js"); err != nil {
		t.Fatal(err)
	}
	if removed, err := e.Start(); err != nil || len(removed) > 0 {
		t.Errorf("removed %q, %v", removed, err)
	}
	e.stop()
	e = start(t, setup{providers: []provider.Provider{s}, dir: e.dir, policy: deny("p")})
	if removed, err := e.Start(); err != nil || !slices.Equal(removed, []string{"p@1.0.0"}) {
		t.Errorf("removed %q, %v", removed, err)
	}
	e.wantViewed(t)
	if removed, err := e.Start(); err != nil || len(removed) > 0 {
		t.Errorf("the second time: removed %q, %v", removed, err)
	}
}

// Whoever waits for a release while it is denied gets nothing, and puts nothing
// into the view.
func TestDenyWhileFetching_PC5(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]bool{"archive": false, "files": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSource("npm")
			s.files = files
			s.versionsOf("p", "1.0.0")
			entered, release := make(chan struct{}), make(chan struct{})
			wait := map[bool]string{false: "archive p@1.0.0", true: "file p@1.0.0/index.js"}[files]
			s.hook(func(_ context.Context, call string) error {
				if call == wait {
					close(entered)
					<-release
				}
				return nil
			})
			e := start(t, one(s))
			done := make(chan error)
			go func() {
				_, err := e.Find(t.Context(), parse(t, "/lib/p/1.0.0/index.js"))
				done <- err
			}()
			<-entered
			if _, err := e.Swap(generation(t, setup{providers: []provider.Provider{s}, policy: deny("p")})); err != nil {
				t.Fatal(err)
			}
			close(release)
			if err := <-done; !errors.Is(err, outcome.Forbidden) {
				t.Errorf("got %v", err)
			}
			e.wantViewed(t)
			e.wantNothingStaged(t)
		})
	}
}

func TestSwapForgetsMarks(t *testing.T) {
	t.Parallel()
	s := newSource("npm")
	e := start(t, one(s))
	e.want(t, "/lib/p/1.0.0/index.js", outcome.NotFound)
	s2 := newSource("other").versionsOf("p", "1.0.0")
	if _, err := e.Swap(generation(t, one(s2))); err != nil {
		t.Fatal(err)
	}
	e.wantBody(t, "/lib/p/1.0.0/index.js", "other 1.0.0")
	e.clock.add(time.Second)
}

// A reload whose sweep fails leaves a view that follows no rules in particular:
// the next start must sweep, even with the rules of before.
func TestFailedSweepIsSweptAgain_PM5(t *testing.T) {
	t.Parallel()
	g := providertest.NewRegistry(t, providertest.Package{Name: "p", Version: "1.0.0", Files: map[string][]byte{"a.js": []byte("1")}})
	p := overNPM(t, g, nil)
	e := start(t, setup{providers: []provider.Provider{p}})
	if _, err := e.Start(); err != nil {
		t.Fatal(err)
	}
	before := e.cache.PolicyFingerprint()
	e.wantBody(t, "/lib/p/1.0.0/a.js", "1")
	tmp := filepath.Join(e.cache.Dir(), "tmp")
	remove(t, tmp)
	write(t, tmp, "in the way")
	if _, err := e.Swap(generation(t, setup{providers: []provider.Provider{p}, policy: deny("p")})); err == nil {
		t.Fatal("the sweep did not fail: nothing was tested")
	}
	if got := e.cache.PolicyFingerprint(); got == before {
		t.Error("a start with the rules of before would trust the view")
	}
}
