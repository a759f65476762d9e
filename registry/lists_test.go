package registry_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/providertest"
)

var down = outcome.New(outcome.Unavailable, "down")

func TestListFreshness_PC7(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0")
	e := start(t, one(s))
	for range 5 {
		e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.0.0/x")
	}
	s.versionsOf("p", "1.1.0")
	e.clock.add(time.Hour - time.Second)
	e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.0.0/x")
	s.wantCount(t, "versions", 1)

	// Expired, it is served once more while it is read anew, once.
	e.clock.add(time.Second)
	release := make(chan struct{})
	s.hook(func(ctx context.Context, _ string) error { <-release; return nil })
	for range 20 {
		e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.0.0/x")
	}
	close(release)
	eventually(t, "the list is read anew", func() bool {
		a, err := e.find(t, "/lib/p/^1/x")
		return err == nil && a.Redirect.Release == "1.1.0"
	})
	s.wantCount(t, "versions", 2)

	// Long expired, it is read first.
	s.versionsOf("p", "1.2.0")
	e.clock.add(2 * time.Hour)
	e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.2.0/x")
	s.wantCount(t, "versions", 3)
}

// While upstream is down what is known is served, without asking and waiting
// again for every request.
func TestStaleIfError_PC7_F13(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]time.Duration{"just expired": time.Hour, "long expired": 3 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSource("npm").versionsOf("p", "1.0.0")
			e := start(t, one(s))
			e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.0.0/x")
			e.clock.add(after)
			s.fail(down)
			e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.0.0/x")
			eventually(t, "upstream is asked", func() bool { return e.count("list") == 2 })
			for range 20 {
				e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.0.0/x")
			}
			s.wantCount(t, "versions", 2)
			e.clock.add(5 * time.Minute)
			e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.0.0/x")
			s.wantCount(t, "versions", 3)

			s.fail(nil)
			s.versionsOf("p", "1.1.0")
			if v, err := e.Flush(t.Context(), "p", spec(t, "^1"), "ops"); err != nil || v.String() != "1.1.0" {
				t.Errorf("flush: %v, %v", v, err)
			}
			s.fail(down)
			e.clock.add(26 * time.Hour)
			e.want(t, "/lib/p/^1/x", outcome.Unavailable)
			s.fail(nil)
			e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.1.0/x")
		})
	}
}

func TestListIsRevalidated_PC7(t *testing.T) {
	t.Parallel()
	g := providertest.NewRegistry(t, providertest.Generate("p", "1.0.0", 1, 1))
	e := start(t, one(overNPM(t, g, nil)))
	e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.0.0/x")
	e.clock.add(2 * time.Hour)
	e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.0.0/x")
	requests := g.Requests()
	if len(requests) != 2 || requests[1].Header.Get("If-None-Match") == "" {
		t.Fatalf("requests: %+v", requests)
	}
	e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.0.0/x") // not modified is fresh again
	if got := len(g.Requests()); got != 2 {
		t.Errorf("%d requests", got)
	}
	g.Add(t, providertest.Generate("p", "1.1.0", 1, 1))
	e.clock.add(2 * time.Hour)
	e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.1.0/x")
}

func TestListsAfterRestart_PC7(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0", "2.0.0-a.1", "1.0.1+b.1", "1.0.1+b.2").tag("p", "next", "2.0.0-a.1")
	c := newClock()
	e := start(t, setup{providers: []provider.Provider{s}, clock: c})
	e.wantRedirect(t, "/lib/p/next/x", "/lib/p/2.0.0-a.1/x")
	e.stop()
	s.fail(down)
	e = start(t, setup{providers: []provider.Provider{s}, clock: c, dir: e.dir})
	e.wantRedirect(t, "/lib/p/next/x", "/lib/p/2.0.0-a.1/x")
	e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.0.1%2Bb.2/x")
	s.wantCount(t, "versions", 1)
	s.fail(nil)
	e.wantBody(t, "/lib/p/1.0.0/index.js", "npm 1.0.0")
	s.wantCount(t, "release", 0) // the list knows where the tarball is
}

func TestListFileIsDamaged(t *testing.T) {
	t.Parallel()
	valid := `{"format":1,"name":"p","fetched":"2026-01-01T12:00:00Z","tags":{},"versions":[{"version":"9.0.0"}]}`
	for name, content := range map[string]string{
		"empty": "", "half": valid[:len(valid)/2], "no JSON": "\x00\x01", "another package": strings.Replace(valid, `"p"`, `"q"`, 1),
		"another format": strings.Replace(valid, ":1,", ":2,", 1), "not sorted": strings.Replace(valid, "}]", `},{"version":"1.0.0"}]`, 1),
		"no version": strings.Replace(valid, "9.0.0", "../x", 1), "twice": strings.Replace(valid, "}]", `},{"version":"9.0.0"}]`, 1),
		"a bad digest": strings.Replace(valid, "}]", `,"url":"x","integrity":"sha512-x"}]`, 1), "null": "null",
		"no digest at all": strings.Replace(valid, "}]", `},null]`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSource("npm").versionsOf("p", "1.0.0")
			e := start(t, one(s))
			file := filepath.Join(e.dir, "state/packages/p/lists/npm.json")
			write(t, file, content)
			e.wantRedirect(t, "/lib/p/*/x", "/lib/p/1.0.0/x")
			if e.logged("unreadable") == 0 {
				t.Error("the log does not name the file")
			}
			if data, err := os.ReadFile(file); err != nil || !json.Valid(data) {
				t.Errorf("it was not replaced: %q, %v", data, err)
			}
		})
	}
}

func TestClockSetBack_F21(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0")
	c := newClock()
	e := start(t, setup{providers: []provider.Provider{s}, clock: c})
	e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.0.0/x")
	e.stop()
	c.add(-365 * 24 * time.Hour)
	s.versionsOf("p", "1.1.0")
	e = start(t, setup{providers: []provider.Provider{s}, clock: c, dir: e.dir})
	e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.1.0/x")
	for range 10 {
		e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.1.0/x")
	}
	s.wantCount(t, "versions", 2)
}

func TestExactVersionOfAList_PC7(t *testing.T) {
	t.Parallel()
	g := providertest.NewRegistry(t, providertest.Generate("p", "1.0.0", 1, 1), providertest.Generate("p", "1.1.0", 1, 1))
	e := start(t, one(overNPM(t, g, nil)))
	e.wantRedirect(t, "/lib/p/^1/package.json", "/lib/p/1.1.0/package.json")
	if _, err := e.find(t, "/lib/p/1.1.0/package.json"); err != nil {
		t.Fatal(err)
	}
	if n := g.Count(providertest.Version, ""); n != 0 {
		t.Errorf("%d documents of a version that the list knows", n)
	}
	// A version that is newer than the list is found all the same.
	g.Add(t, providertest.Generate("p", "1.2.0", 1, 1))
	if _, err := e.find(t, "/lib/p/1.2.0/package.json"); err != nil {
		t.Error(err)
	}
	if v, d := g.Count(providertest.Version, ""), g.Count(providertest.Document, ""); v != 1 || d != 1 {
		t.Errorf("%d version documents, %d full ones", v, d)
	}
}

// The list of a package with very many versions is not read from disk for every
// request.
func TestLargeListStaysInMemory(t *testing.T) {
	t.Parallel()
	s := newSource("npm")
	s.bare = true
	for i := range 1000 {
		s.put("p", fmt.Sprintf("1.0.%d", i), text{"index.js": ""})
		s.put("q", fmt.Sprintf("1.0.%d", i), text{"index.js": ""})
	}
	for _, name := range []string{"p", "q"} {
		s.tag(name, strings.Repeat("x", 40<<20), "1.0.1") // costs more than the memory for all lists
	}
	e := start(t, one(s))
	for _, name := range []string{"p", "q"} {
		e.wantRedirect(t, "/lib/"+name+"/^1/x", "/lib/"+name+"/1.0.999/x")
		remove(t, filepath.Join(e.dir, "state/packages", name, "lists"))
		e.wantRedirect(t, "/lib/"+name+"/^1/x", "/lib/"+name+"/1.0.999/x")
		s.wantCount(t, "versions "+name, 1)
	}
	e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.0.999/x")
	s.wantCount(t, "versions p", 2) // which q pushed out
}
