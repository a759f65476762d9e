package registry_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/dir"
)

// watched starts an env over a directory that is looked at all the time.
func watched(t *testing.T, s setup) (*env, string) {
	t.Helper()
	base := t.TempDir()
	p, err := dir.New(dir.Config{Path: base, Rescan: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	s.entries = append([]provider.Entry{{Provider: p}}, s.entries...)
	e := start(t, s)
	e.watch(t)
	return e, base
}

func (e *env) watch(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { e.Watch(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
}

func TestDirectory_PG4(t *testing.T) {
	t.Parallel()
	e, base := watched(t, setup{})
	write(t, base+"/p/1.0.0/a.js", "old")
	write(t, base+"/p/1.0.0/b.js", "b")
	write(t, base+"/p/1.0.0/a.js.gz", "shipped")
	e.wantBody(t, "/lib/p/1.0.0/a.js", "old")
	e.wantBody(t, "/lib/p/1.0.0/a.js.gz", "shipped")
	e.wantBody(t, "/lib/p/1.0.0/b.js", "b")
	e.wantRedirect(t, "/lib/p/^1/a.js", "/lib/p/1.0.0/a.js")

	// A change at the source is taken over, without a request that asks for it.
	write(t, base+"/p/1.0.0/a.js", "much newer")
	view := filepath.Join(e.cache.View(), "p/1.0.0/a.js")
	eventually(t, "the old file leaves the view", func() bool { _, err := os.Stat(view); return err != nil })
	eventually(t, "the new file is served", func() bool { got, err := e.body(t, "/lib/p/1.0.0/a.js"); return err == nil && got == "much newer" })
	if n := e.count("content-change"); n != 0 {
		t.Errorf("%d alarms for what a person edited", n)
	}

	// A new version is seen by ranges at once, a new file by the next look.
	write(t, base+"/p/1.1.0/a.js", "1.1")
	e.clock.add(time.Second)
	e.wantRedirect(t, "/lib/p/^1/a.js", "/lib/p/1.1.0/a.js")
	write(t, base+"/p/1.0.0/c.js", "c")
	eventually(t, "the new file is known", func() bool { got, err := e.body(t, "/lib/p/1.0.0/c.js"); return err == nil && got == "c" })

	// What vanishes is evicted.
	remove(t, base+"/p/1.0.0")
	eventually(t, "the release is evicted", func() bool {
		_, err := os.Stat(filepath.Dir(view))
		return err != nil && len(e.cache.Held("p")) == 0
	})
	e.want(t, "/lib/p/1.0.0/a.js", outcome.NotFound)
	e.wantNothingStaged(t)
}

// What an earlier process left in the view is watched, too.
func TestDirectoryAfterRestart_PG4(t *testing.T) {
	t.Parallel()
	e, base := watched(t, setup{})
	write(t, base+"/p/1.0.0/a.js", "old")
	e.wantBody(t, "/lib/p/1.0.0/a.js", "old")
	p, err := dir.New(dir.Config{Path: base, Rescan: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	e.stop()
	write(t, base+"/p/1.0.0/a.js", "edited while nobody looked")
	e = start(t, setup{providers: []provider.Provider{p}, dir: e.dir})
	e.watch(t)
	view := filepath.Join(e.cache.View(), "p/1.0.0/a.js")
	eventually(t, "the old file leaves the view", func() bool { _, err := os.Stat(view); return err != nil })
}

// A directory that cannot be read says nothing about what is in it.
func TestDirectoryUnmounted_PG4_PF1(t *testing.T) {
	t.Parallel()
	e, base := watched(t, setup{})
	write(t, base+"/p/1.0.0/a.js", "a")
	e.wantBody(t, "/lib/p/1.0.0/a.js", "a")
	if err := os.Rename(base, base+".away"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "somebody looks", func() bool { return e.logged("cannot compare") > 0 })
	e.wantBody(t, "/lib/p/1.0.0/a.js", "a")
	if err := os.Rename(base+".away", base); err != nil {
		t.Fatal(err)
	}
}

// A release that moved to another provider is taken over once, and is not
// fetched again with every look.
func TestDirectoryGivesAway_PG4_PC6(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0")
	e, base := watched(t, setup{entries: []provider.Entry{{Provider: s}}})
	write(t, base+"/p/1.0.0/index.js", "mine")
	e.wantBody(t, "/lib/p/1.0.0/index.js", "mine")
	remove(t, base+"/p")
	eventually(t, "the other provider serves it", func() bool { got, err := e.body(t, "/lib/p/1.0.0/index.js"); return err == nil && got == "npm 1.0.0" })
	if n := e.count("provider-change"); n != 1 {
		t.Errorf("%d alarms", n)
	}
	n := s.count("archive")
	time.Sleep(600 * time.Millisecond) // two looks; nothing is waited for
	s.wantCount(t, "archive", n)
}

// A release that was denied or evicted is not fetched again because its source
// changed.
func TestDirectoryForgotten_PG4(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(t *testing.T, e *env){
		"evicted": func(t *testing.T, e *env) {
			if _, err := e.Evict("p", version(t, "1.0.0")); err != nil {
				t.Fatal(err)
			}
		},
		"denied": func(t *testing.T, e *env) {
			g := *e.Generation()
			g.Rules = generation(t, setup{policy: deny("p")}).Rules
			if _, err := e.Swap(&g); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, base := watched(t, setup{})
			write(t, base+"/p/1.0.0/a.js", "a")
			e.wantBody(t, "/lib/p/1.0.0/a.js", "a")
			forget(t, e)
			fetched := e.count("release")
			write(t, base+"/p/1.0.0/a.js", "another")
			time.Sleep(900 * time.Millisecond) // three looks; nothing is waited for
			if n := e.count("release"); n != fetched {
				t.Errorf("it was fetched %d times more", n-fetched)
			}
			if n := e.logged("cannot compare"); n > 1 {
				t.Errorf("it was told %d times", n)
			}
			e.wantViewed(t)
		})
	}
}
