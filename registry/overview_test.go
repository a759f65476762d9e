package registry_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/registry"
)

// offered writes an overview as texts: versions, tags, main and marks.
func offered(o registry.Overview) (texts []string) {
	for _, v := range o.Versions {
		texts = append(texts, v.Version.String())
	}
	for _, t := range o.Tags {
		texts = append(texts, t.Name+"="+t.Version.String())
	}
	if !o.Main.IsZero() {
		texts = append(texts, "main="+o.Main.String())
	}
	if o.Listed {
		texts = append(texts, "listed")
	}
	if o.Partial {
		texts = append(texts, "partial")
	}
	return texts
}

func (e *env) wantOffered(tb testing.TB, name string, want ...string) {
	tb.Helper()
	if d := cmp.Diff(want, offered(e.Overview(tb.Context(), pkgref.Name(name)))); d != "" {
		tb.Errorf("overview of %s (-want +got)\n%s", name, d)
	}
}

func TestOverview_PL1(t *testing.T) {
	t.Parallel()
	many := func(id string, versions ...string) *source { return newSource(id).versionsOf("p", versions...) }
	tests := map[string]struct {
		sources []*source
		policy  config.Policy
		newest  bool
		want    []string
	}{
		"newest first, tags by name after latest": {
			sources: []*source{many("a", "1.9.0", "1.10.0", "2.0.0-rc.1").tag("p", "zeta", "1.9.0").tag("p", "latest", "1.10.0").tag("p", "next", "2.0.0-rc.1")},
			want:    []string{"2.0.0-rc.1", "1.10.0", "1.9.0", "latest=1.10.0", "next=2.0.0-rc.1", "zeta=1.9.0", "listed"},
		},
		"no tags": {
			sources: []*source{many("a", "1.0.0", "2.0.0-rc.1")}, want: []string{"2.0.0-rc.1", "1.0.0", "latest=1.0.0", "listed"},
		},
		"tags that no URL can carry, or that lead nowhere": {
			sources: []*source{many("a", "1.0.0").tag("p", "x", "1.0.0").tag("p", "1.0.0", "1.0.0").tag("p", "main", "1.0.0").tag("p", "<b>", "1.0.0").tag("p", "gone", "9.9.9")},
			want:    []string{"1.0.0", "latest=1.0.0", "listed"},
		},
		"the first provider that has it": {
			sources: []*source{newSource("none"), many("a", "1.0.0"), many("b", "2.0.0")}, want: []string{"1.0.0", "latest=1.0.0", "listed"},
		},
		"all providers": {
			sources: []*source{many("a", "1.0.0", "1.1.0").tag("p", "next", "1.1.0"), many("b", "1.1.0", "2.0.0").tag("p", "next", "2.0.0")}, newest: true,
			want: []string{"2.0.0", "1.1.0", "1.0.0", "latest=1.1.0", "next=1.1.0", "listed"},
		},
		"denied versions": {
			sources: []*source{many("a", "1.0.0", "1.1.0", "2.0.0").tag("p", "latest", "2.0.0").tag("p", "next", "2.0.0").tag("p", "old", "1.0.0")},
			policy:  deny("p@2", "p@1.0.0"), want: []string{"1.1.0", "latest=1.1.0", "next=1.1.0", "listed"},
		},
		"concealed versions": {
			sources: []*source{many("a", "1.0.0", "2.0.0")},
			policy:  config.Policy{Conceal: true, Rules: deny("p@2").Rules}, want: []string{"1.0.0", "latest=1.0.0", "listed"},
		},
		"a tag that a rule denies is nobody else's": {
			sources: []*source{many("a", "2.0.0").tag("p", "next", "2.0.0"), many("b", "1.0.0").tag("p", "next", "1.0.0")}, newest: true,
			policy: deny("p@2"), want: []string{"1.0.0", "listed"},
		},
		"nobody has it": {sources: []*source{newSource("a")}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup{policy: tt.policy, change: func(g *registry.Generation) { g.Newest = tt.newest }}
			for _, src := range tt.sources {
				s.providers = append(s.providers, src)
			}
			e := start(t, s)
			e.wantOffered(t, "p", tt.want...)
			if held, err := e.Held("p"); err == nil && len(held.Versions) > 0 {
				t.Errorf("%v is held after a look", held.Versions)
			}
			e.wantViewed(t)
		})
	}
}

// An overview costs one list request for each provider, whoever looks at once.
func TestOverviewAsksOnce_PL1(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0", "1.1.0")
	goOn := make(chan struct{})
	s.hook(func(ctx context.Context, call string) error {
		if call == "versions p" {
			select {
			case <-goOn:
			case <-ctx.Done():
			}
		}
		return nil
	})
	e := start(t, one(s))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { e.wantOffered(t, "p", "1.1.0", "1.0.0", "latest=1.1.0", "listed") })
	}
	eventually(t, "all wait for one list", func() bool {
		return slices.ContainsFunc(e.Work(), func(w registry.Work) bool { return w.Kind == "list" && w.Joined == 19 })
	})
	close(goOn)
	wg.Wait()
	s.wantCount(t, "", 1)
	s.wantCount(t, "versions p", 1)
}

// Where upstream fails the overview tells what is held, and that it is not all.
func TestOverviewUpstreamDown_PL1_PC7(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0", "1.1.0", "2.0.0")
	e := start(t, setup{providers: []provider.Provider{s}, policy: deny("p@2")})
	e.wantBody(t, "/lib/p/1.0.0/index.js", "npm 1.0.0")
	for _, trouble := range []error{outcome.Unavailable, outcome.TooSlow, outcome.Busy} {
		s.fail(trouble)
		e.wantOffered(t, "p", "1.0.0", "partial")
	}
	s.fail(nil)
	e.wantOffered(t, "p", "1.1.0", "1.0.0", "latest=1.1.0", "listed")
	s.fail(outcome.Unavailable)
	e.clock.add(2 * time.Hour)
	e.wantOffered(t, "p", "1.1.0", "1.0.0", "latest=1.1.0", "listed") // stale_if_error
	e.clock.add(48 * time.Hour)
	e.wantOffered(t, "p", "1.0.0", "partial")
}

// One provider in trouble that is skipped leaves its mark.
func TestOverviewSkips_PL1_PC2(t *testing.T) {
	t.Parallel()
	down := newSource("a").versionsOf("p", "3.0.0")
	down.fail(outcome.Unavailable)
	e := start(t, setup{entries: []provider.Entry{
		{Provider: down, SkipOnError: true}, {Provider: newSource("b").versionsOf("p", "1.0.0")},
	}})
	e.wantOffered(t, "p", "1.0.0", "latest=1.0.0", "listed", "partial")
}

// A caller who leaves gets what is held at once.
func TestOverviewCancelled_PL1(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0")
	e := start(t, one(s))
	e.wantBody(t, "/lib/p/1.0.0/index.js", "npm 1.0.0")
	s.hook(func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if d := cmp.Diff([]string{"1.0.0", "partial"}, offered(e.Overview(ctx, "p"))); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestOverviewMain_PL1_PM5(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0", "2.0.0")
	e := start(t, one(s))
	e.wantOffered(t, "p", "2.0.0", "1.0.0", "latest=2.0.0", "listed") // a look designates nothing
	e.wantBody(t, "/lib/p/main/index.js", "npm 2.0.0")
	e.wantOffered(t, "p", "2.0.0", "1.0.0", "latest=2.0.0", "main=2.0.0", "listed")
	if _, err := e.Swap(generation(t, setup{providers: []provider.Provider{s}, policy: deny("p@2")})); err != nil {
		t.Fatal(err)
	}
	e.wantOffered(t, "p", "1.0.0", "latest=1.0.0", "listed")
}

// The tags of an overview are bounded.
func TestOverviewManyTags_PL1(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0")
	for i := range 300 {
		s.tag("p", fmt.Sprintf("t%03d", i), "1.0.0")
	}
	s.tag("p", "latest", "1.0.0")
	e := start(t, one(s))
	o := e.Overview(t.Context(), "p")
	if len(o.Tags) != 100 || o.Tags[0].Name != "latest" || o.Tags[99].Name != "t098" {
		t.Errorf("%d tags, from %v", len(o.Tags), o.Tags)
	}
}

// Published days come from the list, for held releases too.
func TestOverviewPublished_PL1(t *testing.T) {
	t.Parallel()
	day := time.Date(2021, 3, 4, 5, 6, 7, 0, time.UTC)
	e := start(t, one(datedSource{newSource("npm").versionsOf("p", "1.0.0"), day}))
	e.wantBody(t, "/lib/p/1.0.0/index.js", "npm 1.0.0")
	want := []registry.Offered{{Version: version(t, "1.0.0"), Published: day}}
	got := e.Overview(t.Context(), "p").Versions
	if len(got) != 1 || got[0] != want[0] {
		t.Errorf("got %v, want %v", got, want)
	}
}

// datedSource tells when its versions were published.
type datedSource struct {
	*source
	day time.Time
}

func (s datedSource) Versions(ctx context.Context, name pkgref.Name, held string) (*provider.Versions, error) {
	vs, err := s.source.Versions(ctx, name, held)
	if err == nil {
		for i := range vs.List {
			vs.List[i].Published = s.day
		}
	}
	return vs, err
}
