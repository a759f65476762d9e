package registry_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider"
)

func (e *env) pin(tb testing.TB, name string) string {
	tb.Helper()
	target, err := os.Readlink(filepath.Join(e.cache.View(), name, "main"))
	if err != nil {
		return ""
	}
	return target
}

func (e *env) wantPin(tb testing.TB, name, want string) {
	tb.Helper()
	if got := e.pin(tb, name); got != want {
		tb.Errorf("main of %s is %q, want %q", name, got, want)
	}
}

func TestFirstTouch_PM2_PM4(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0", "1.1.0").tag("p", "latest", "1.0.0")
	s.put("p", "1.0.0", text{"index.js": "1", "lib/a.js": "a"})
	e := start(t, one(s))
	e.wantBody(t, "/lib/p/main/lib/a.js", "a")
	e.wantPin(t, "p", "1.0.0")
	s.tag("p", "latest", "1.1.0").versionsOf("p", "3.0.0")
	e.clock.add(48 * 3600e9)
	calls := s.count("")
	e.wantBody(t, "/lib/p/main/index.js", "1")
	e.wantRedirect(t, "/lib/p/main", "/lib/p/main/")
	e.wantRedirect(t, "/lib/p/main/lib", "/lib/p/main/lib/")
	e.wantRedirect(t, "/lib/p/main/", "/lib/p/main/index.js")
	e.want(t, "/lib/p/main/none.js", outcome.NotFound)
	s.wantCount(t, "", calls)
	e.wantPin(t, "p", "1.0.0")
	e.wantViewed(t, "p/1.0.0/index.js", "p/1.0.0/lib/a.js", "p/main")
	e.want(t, "/lib/nothing/main/x", outcome.NotFound)
	if pin, err := e.cache.Pin("p"); err != nil || pin.By != cache.FirstTouch || pin.Version != "1.0.0" {
		t.Errorf("the record says %+v, %v", pin, err)
	}

	// A link that was lost with the view comes back as it was.
	remove(t, filepath.Join(e.cache.View(), "p"))
	e.wantBody(t, "/lib/p/main/index.js", "1")
	e.wantPin(t, "p", "1.0.0")
}

func TestFirstTouchHerd_PM2(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0")
	e := start(t, one(s))
	var wg sync.WaitGroup
	q := parse(t, "/lib/p/main/index.js")
	for range 100 {
		wg.Go(func() {
			if _, err := e.Find(t.Context(), q); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s.wantCount(t, "versions", 1)
	s.wantCount(t, "archive", 1)
}

func TestHandmadeDirectory_PM1(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0")
	e := start(t, one(s))
	main := filepath.Join(e.cache.View(), "p/main")
	write(t, main+"/index.html", "mine")
	write(t, main+"/lib/a.js", "a")
	e.wantBody(t, "/lib/p/main/", "mine")
	e.wantBody(t, "/lib/p/main/lib/a.js", "a")
	e.wantRedirect(t, "/lib/p/main", "/lib/p/main/")
	e.wantRedirect(t, "/lib/p/main/lib", "/lib/p/main/lib/")
	e.want(t, "/lib/p/main/lib/", outcome.NotFound)
	e.want(t, "/lib/p/main/index.js", outcome.NotFound)
	s.wantCount(t, "", 0)
	e.wantViewed(t, "p/main/index.html", "p/main/lib/a.js")

	// Designate replaces it, and it is gone.
	if err := e.Designate(t.Context(), "p", version(t, "1.0.0"), "ops"); err != nil {
		t.Fatal(err)
	}
	e.wantBody(t, "/lib/p/main/index.js", "npm 1.0.0")
}

func TestHandmadeLink_PM1_PM3(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0")
	e := start(t, one(s))
	own := filepath.Join(e.cache.View(), "p/mine")
	write(t, own+"/a.js", "mine")
	outside := filepath.Join(t.TempDir(), "b.js")
	write(t, outside, "secret")
	link := func(target string) {
		remove(t, filepath.Join(e.cache.View(), "p/main"))
		if err := os.Symlink(target, filepath.Join(e.cache.View(), "p/main")); err != nil {
			t.Fatal(err)
		}
	}
	link("mine")
	e.wantBody(t, "/lib/p/main/a.js", "mine")
	e.wantPin(t, "p", "mine")
	link(filepath.Dir(outside))
	for range 3 {
		e.want(t, "/lib/p/main/b.js", outcome.NotFound)
	}
	if n := e.logged("main is a link"); n != 1 {
		t.Errorf("it was told %d times", n)
	}
	s.wantCount(t, "", 0)
	if _, err := e.Flush(t.Context(), "p", spec(t, "main"), "ops"); err != nil {
		t.Fatal(err)
	}
	e.wantPin(t, "p", "1.0.0")
	if data, err := os.ReadFile(outside); err != nil || string(data) != "secret" {
		t.Errorf("the target of a link was touched: %q, %v", data, err)
	}
	if data, err := os.ReadFile(own + "/a.js"); err != nil || string(data) != "mine" {
		t.Errorf("the target of a link was touched: %q, %v", data, err)
	}
}

func TestDesignate_PA2_PM3(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0", "2.0.0", "3.0.0")
	e := start(t, setup{providers: []provider.Provider{s}, policy: deny("p@3")})
	if err := e.Designate(t.Context(), "p", version(t, "1.0.0"), "ops"); err != nil {
		t.Fatal(err)
	}
	e.wantPin(t, "p", "1.0.0")
	for v, want := range map[string]error{"9.9.9": outcome.NotFound, "3.0.0": outcome.Forbidden} {
		if err := e.Designate(t.Context(), "p", version(t, v), "ops"); !errors.Is(err, want) {
			t.Errorf("%s: got %v", v, err)
		}
		e.wantPin(t, "p", "1.0.0")
	}
	s.fail(down)
	if err := e.Designate(t.Context(), "p", version(t, "2.0.0"), "ops"); !errors.Is(err, outcome.Unavailable) {
		t.Errorf("upstream is down: %v", err)
	}
	e.wantPin(t, "p", "1.0.0")
	s.fail(nil)
	if err := e.Designate(t.Context(), "p", version(t, "2.0.0"), "ops"); err != nil {
		t.Fatal(err)
	}
	e.wantBody(t, "/lib/p/main/index.js", "npm 2.0.0")
	e.wantBody(t, "/lib/p/1.0.0/index.js", "npm 1.0.0")
}

func TestDeniedMain_PM5(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0", "2.0.0").versionsOf("q", "1.0.0")
	e := start(t, one(s))
	write(t, e.cache.View()+"/p/main/package.json", `{"version":"2.0.0"}`)
	write(t, e.cache.View()+"/p/main/a.js", "mine")
	write(t, e.cache.View()+"/q/main/a.js", "mine")
	if _, err := e.Swap(generation(t, setup{providers: []provider.Provider{s}, policy: deny("p@2", "q@1")})); err != nil {
		t.Fatal(err)
	}
	e.wantBody(t, "/lib/q/main/a.js", "mine") // tells no version
	for range 2 {
		e.want(t, "/lib/p/main/a.js", outcome.Forbidden)
	}
	e.wantViewed(t, "q/main/a.js")
	if _, err := e.Swap(generation(t, one(s))); err != nil {
		t.Fatal(err)
	}
	e.wantBody(t, "/lib/p/main/a.js", "mine")
}

// Between the answer and its bytes main may move: what was found is sent.
func TestMainMovesUnderAnAnswer_F34(t *testing.T) {
	t.Parallel()
	s := newSource("npm").put("p", "1.0.0", text{"a.js": "1"}).put("p", "2.0.0", text{"b.js": "2"})
	e := start(t, one(s))
	if err := e.Designate(t.Context(), "p", version(t, "1.0.0"), "ops"); err != nil {
		t.Fatal(err)
	}
	a, err := e.find(t, "/lib/p/main/a.js")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Designate(t.Context(), "p", version(t, "2.0.0"), "ops"); err != nil {
		t.Fatal(err)
	}
	f, err := e.Open(a.File)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}
