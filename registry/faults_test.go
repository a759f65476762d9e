package registry_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider/npm"
	"github.com/registryd/registryd/provider/providertest"
	"github.com/registryd/registryd/registry"
)

func times(n int, f providertest.Fault) providertest.Fault {
	f.Times = n
	return f
}

// What upstream does wrong gives the right outcome, leaves nothing behind, and
// heals; only what was refused is remembered.
func TestUpstreamFaults_F11_F16(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		kind    providertest.Kind
		fault   providertest.Fault
		want    error // nil: fine
		refused bool  // and remembered
	}{
		"500 for the document":        {providertest.Version, providertest.Status(500), outcome.Unavailable, false},
		"500 for the tarball":         {providertest.Tarball, providertest.Status(500), outcome.Unavailable, false},
		"hang before the document":    {providertest.Version, providertest.Hang(make(chan struct{})), outcome.TooSlow, false},
		"hang before the tarball":     {providertest.Tarball, providertest.Hang(make(chan struct{})), outcome.TooSlow, false},
		"stalled tarball":             {providertest.Tarball, providertest.Fault{Stall: make(chan struct{})}, outcome.TooSlow, false},
		"truncated document":          {providertest.Version, providertest.Truncated(), outcome.Unavailable, false},
		"truncated tarball":           {providertest.Tarball, providertest.Truncated(), outcome.Unavailable, false},
		"tarball truncated once":      {providertest.Tarball, times(1, providertest.Truncated()), nil, false},
		"tarball corrupt once":        {providertest.Tarball, times(1, providertest.Corrupt()), nil, false},
		"tarball corrupt always":      {providertest.Tarball, providertest.Corrupt(), outcome.Refused, true},
		"tarball is something else":   {providertest.Tarball, providertest.Text("hello"), outcome.Refused, true},
		"tarball has more":            {providertest.Tarball, providertest.Fault{Oversize: 10}, outcome.Refused, true},
		"tarball is larger than that": {providertest.Tarball, providertest.Fault{Oversize: 1 << 24}, outcome.Refused, true},
		"429":                         {providertest.Version, providertest.Status(429, "Retry-After", "7"), outcome.Busy, false},
		"503":                         {providertest.Tarball, providertest.Status(503, "Retry-After", "7"), outcome.Busy, false},
		"a web page":                  {providertest.Version, providertest.HTML(), outcome.Unavailable, false},
		"a web page as tarball":       {providertest.Tarball, providertest.HTML(), outcome.Refused, true},
		"an empty object":             {providertest.Version, providertest.Text("{}"), outcome.Unavailable, false},
		"no tarball":                  {providertest.Tarball, providertest.Status(404), outcome.Unavailable, false},
		"401":                         {providertest.Version, providertest.Status(401), outcome.Unavailable, false},
		"a loop":                      {providertest.Tarball, providertest.Redirect("/p/-/p-1.0.0.tgz"), outcome.Unavailable, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := providertest.NewRegistry(t, providertest.Generate("p", "1.0.0", 20, 500))
			e := start(t, one(overNPM(t, g, func(_ *npm.Config, c *fetch.Config) {
				if errors.Is(tt.want, outcome.TooSlow) { // else a busy machine would be
					c.HeaderTimeout, c.StallTimeout = 150*time.Millisecond, 150*time.Millisecond
				}
			})))
			remove := g.Fault(tt.kind, "", tt.fault)
			const path = "/lib/p/1.0.0/package.json"
			_, err := e.find(t, path)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			e.wantNothingStaged(t)
			if tt.want == nil {
				return
			}
			if errors.Is(err, outcome.NotFound) {
				t.Errorf("%v counts as absence", err)
			}
			if got := below(t, e.dir+"/state/packages"); len(got) > 0 {
				t.Errorf("the state holds %q", got)
			}
			e.wantViewed(t)
			if tt.want == outcome.Busy { //nolint:errorlint // a table's own value
				if after := outcome.RetryAfter(err); after != 7*time.Second {
					t.Errorf("try again after %v", after)
				}
				return // upstream is left alone by the clock of the wall
			}
			remove()
			before := g.Count(providertest.Any, "")
			if tt.refused {
				e.want(t, path, outcome.Refused)
				if got := g.Count(providertest.Any, ""); got != before {
					t.Errorf("upstream was asked %d times for what was refused", got-before)
				}
				e.clock.add(time.Minute)
			}
			e.wantBody(t, path, "{\"name\": \"p\", \"version\": \"1.0.0\"}\n")
		})
	}
}

func TestRefusalIsForgottenByFlush_PF1(t *testing.T) {
	t.Parallel()
	g := providertest.NewRegistry(t, providertest.Generate("p", "1.0.0", 3, 50))
	e := start(t, one(overNPM(t, g, nil)))
	remove := g.Fault(providertest.Tarball, "", providertest.Corrupt())
	e.want(t, "/lib/p/1.0.0/package.json", outcome.Refused)
	remove()
	if _, err := e.Flush(t.Context(), "p", spec(t, "1.0.0"), "ops"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.find(t, "/lib/p/1.0.0/package.json"); err != nil {
		t.Error(err)
	}
}

// A time of 0 is no time, not for ever.
func TestNothingIsRemembered_WithoutATime(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "2.0.0")
	set := one(s)
	set.change = forgetful
	e := start(t, set)
	for range 2 {
		e.want(t, "/lib/p/1.0.0/index.js", outcome.NotFound)
		e.want(t, "/lib/q/^1/index.js", outcome.NotFound)
	}
	s.wantCount(t, "release p@1.0.0", 2)
	s.wantCount(t, "versions q", 2)
	s.versionsOf("p", "1.0.0")
	e.wantBody(t, "/lib/p/1.0.0/index.js", "npm 1.0.0")
}

// A registry that has the wrong bytes in its list knows better when it is asked
// for the version itself.
func TestStaleListIsNotTrusted_PC7(t *testing.T) {
	t.Parallel()
	t.Run("republished", func(t *testing.T) {
		t.Parallel()
		s := newSource("npm").versionsOf("p", "1.0.0", "1.1.0")
		e := start(t, one(s))
		e.wantRedirect(t, "/lib/p/^1/index.js", "/lib/p/1.1.0/index.js")
		s.put("p", "1.1.0", text{"index.js": "republished"})
		e.wantBody(t, "/lib/p/1.1.0/index.js", "republished")
	})
	t.Run("taken back", func(t *testing.T) {
		t.Parallel()
		s := newSource("npm").versionsOf("p", "1.0.0", "1.1.0")
		e := start(t, one(s))
		e.wantRedirect(t, "/lib/p/^1/index.js", "/lib/p/1.1.0/index.js")
		s.drop("p", "1.1.0")
		e.want(t, "/lib/p/1.1.0/index.js", outcome.NotFound)
	})
}

// One document too large is not read again for every request.
func TestRefusedDocument_IsRemembered(t *testing.T) {
	t.Parallel()
	g := providertest.NewRegistry(t, providertest.Generate("p", "1.0.0", 1, 1))
	e := start(t, one(overNPM(t, g, func(c *npm.Config, _ *fetch.Config) { c.DocumentLimit = 100 })))
	for range 5 {
		err := e.want(t, "/lib/p/^1/x", outcome.Refused)
		if strings.Contains(err.Error(), http.StatusText(404)) {
			t.Error(err)
		}
	}
	if got := g.Count(providertest.Document, ""); got != 1 {
		t.Errorf("asked %d times", got)
	}
	e.clock.add(time.Minute)
	e.want(t, "/lib/p/^1/x", outcome.Refused)
	if got := g.Count(providertest.Document, ""); got != 2 {
		t.Errorf("asked %d times after a minute", got)
	}
}

// A damaged file of a files release is asked for once more, as a tarball is.
func TestLooseFileCorruptOnce_PC8(t *testing.T) {
	t.Parallel()
	s := newSource("cdn")
	s.files, s.hashes = true, true
	s.put("p", "1.0.0", text{"a.js": "right"})
	e := start(t, one(s))
	if _, err := e.Release(t.Context(), "p", version(t, "1.0.0")); err != nil {
		t.Fatal(err)
	}
	s.put("p", "1.0.0", text{"a.js": "wrong"})
	s.hook(func(ctx context.Context, call string) error {
		if s.count("file") == 2 {
			s.put("p", "1.0.0", text{"a.js": "right"})
		}
		return nil
	})
	e.wantBody(t, "/lib/p/1.0.0/a.js", "right")
	if n := e.count("content-change"); n != 0 {
		t.Errorf("%d alarms for a damaged download", n)
	}
}

func forgetful(g *registry.Generation) { g.NegativeCacheTime = 0 }

// After a move to another registry a list of the old one leads nowhere.
func TestListOfARegistryThatMoved_PC7(t *testing.T) {
	t.Parallel()
	before := providertest.NewRegistry(t, providertest.Generate("p", "1.0.0", 1, 1))
	after := providertest.NewRegistry(t, providertest.Generate("p", "1.0.0", 1, 1))
	e := start(t, one(overNPM(t, before, nil)))
	e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.0.0/x")
	before.Close()
	if _, err := e.Swap(generation(t, one(overNPM(t, after, nil)))); err != nil {
		t.Fatal(err)
	}
	e.wantBody(t, "/lib/p/1.0.0/package.json", "{\"name\": \"p\", \"version\": \"1.0.0\"}\n")
}
