package registry_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/providertest"
	"github.com/registryd/registryd/registry"
)

// asked returns what was looked up since the last call, as "view hit": 1.
func asked(e *env, before map[string]uint64) map[string]uint64 {
	got := map[string]uint64{}
	for _, l := range e.Lookups() {
		key := l.Layer + " " + l.Result
		if n := l.Count - before[key]; n > 0 {
			got[key] = n
		}
		before[key] = l.Count
	}
	return got
}

func TestLookups_TellWhatTheLayersAnswer(t *testing.T) {
	t.Parallel()
	type counts = map[string]uint64
	s := newSource("npm").versionsOf("p", "1.0.0")
	e := start(t, one(s))
	before := counts{}
	for _, step := range []struct {
		name string
		do   func()
		want counts
	}{
		{"cold", func() { e.wantBody(t, "/lib/p/1.0.0/index.js", "npm 1.0.0") }, counts{"release miss": 1, "view miss": 1}},
		{"in the view", func() { e.wantBody(t, "/lib/p/1.0.0/index.js", "npm 1.0.0") }, counts{"release hit": 1, "view hit": 1}},
		{"no such file", func() { e.want(t, "/lib/p/1.0.0/none", outcome.NotFound) }, counts{"release hit": 1}},
		{"no such version", func() { e.want(t, "/lib/p/2.0.0/x", outcome.NotFound) }, counts{"release miss": 1}},
		{"known to be absent", func() { e.want(t, "/lib/p/2.0.0/x", outcome.NotFound) }, counts{"release absent": 1}},
		{"first range", func() { e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.0.0/x") }, counts{"list miss": 1}},
		{"second range", func() { e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.0.0/x") }, counts{"list hit": 1}},
		{"stale list", func() {
			s.fail(down)
			e.clock.add(2 * time.Hour)
			e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.0.0/x")
			e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.0.0/x")
		}, counts{"list stale": 2}},
	} {
		step.do()
		if diff := cmp.Diff(step.want, asked(e, before)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
	if n := e.count(registry.EventMaterialise); n != 1 {
		t.Errorf("%d files were put into the view, want 1", n)
	}
}

func TestWork_TellsWhatIsShared_F23(t *testing.T) {
	t.Parallel()
	g := providertest.NewRegistry(t, providertest.Generate("big", "1.0.0", herd, 200))
	e := start(t, one(overNPM(t, g, nil)))
	release := make(chan struct{})
	g.Fault(providertest.Tarball, "", providertest.Hang(release))
	work := func() registry.Work {
		for _, w := range e.Work() {
			if w.Kind == "release" {
				return w
			}
		}
		t.Fatal("no releases among the kinds of work")
		return registry.Work{}
	}
	done := make(chan error, herd)
	for i := range herd {
		q := parse(t, fmt.Sprintf("/lib/big/1.0.0/lib/d%02d/f%05d.js", i%50, i))
		go func() {
			_, err := e.Find(t.Context(), q)
			done <- err
		}()
	}
	eventually(t, "all wait for one fetch", func() bool { return work().Joined == herd-1 })
	if w := work(); w.Started != 1 || w.Running != 1 {
		t.Errorf("while it runs: %+v", w)
	}
	close(release)
	for range herd {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	eventually(t, "the fetch has ended", func() bool { return work().Running == 0 })
}

func TestEvents_OfFetchAndSweep(t *testing.T) {
	t.Parallel()
	s := newSource("npm").put("p", "1.0.0", text{"index.js": "12345", "lib/a.js": "678"})
	e := start(t, one(s))
	e.wantBody(t, "/lib/p/1.0.0/index.js", "12345")
	if _, err := e.Swap(generation(t, setup{providers: []provider.Provider{s}, policy: deny("p")})); err != nil {
		t.Fatal(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	var got []string
	for _, ev := range e.events {
		got = append(got, fmt.Sprintf("%s %s %d %d %v", ev.Kind, ev.Provider, ev.Items, ev.Unpacked, ev.Err))
	}
	want := "release npm 2 8 <nil>\nmaterialise npm 0 0 <nil>\nsweep  1 0 <nil>"
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("events:\n%s\nwant:\n%s", text, want)
	}
}
