package registry_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/registry"
)

func TestFlushExact_PA1_PC8(t *testing.T) {
	t.Parallel()
	for name, listed := range map[string]bool{"looked up": false, "known from a list": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSource("npm").put("p", "1.0.0", text{"a.js": "old", "b.js": "same"})
			e := start(t, one(s))
			if listed {
				e.wantRedirect(t, "/lib/p/^1/a.js", "/lib/p/1.0.0/a.js")
			}
			e.wantBody(t, "/lib/p/1.0.0/a.js", "old")
			e.wantBody(t, "/lib/p/1.0.0/b.js", "same")
			s.put("p", "1.0.0", text{"a.js": "new", "b.js": "same"})
			e.wantBody(t, "/lib/p/1.0.0/a.js", "old")

			s.fail(down)
			if _, err := e.Flush(t.Context(), "p", spec(t, "1.0.0"), "ops"); !errors.Is(err, outcome.Unavailable) {
				t.Errorf("upstream is down: %v", err)
			}
			e.wantBody(t, "/lib/p/1.0.0/a.js", "old")
			s.fail(nil)
			if v, err := e.Flush(t.Context(), "p", spec(t, "1.0.0"), "ops"); err != nil || v.String() != "1.0.0" {
				t.Fatalf("got %v, %v", v, err)
			}
			e.wantBody(t, "/lib/p/1.0.0/a.js", "new")
			e.wantViewed(t, "p/1.0.0/a.js")
			if n := len(below(t, e.dir+"/blobs")); n != 1 {
				t.Errorf("%d blobs are kept", n)
			}
			e.wantNothingStaged(t)
			if _, err := e.Flush(t.Context(), "p", spec(t, "7.0.0"), "ops"); !errors.Is(err, outcome.NotFound) {
				t.Errorf("unknown: %v", err)
			}
		})
	}
}

// A flush that finds the same leaves the view as it is.
func TestFlushSame_PA1(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0")
	e := start(t, one(s))
	e.wantBody(t, "/lib/p/1.0.0/index.js", "npm 1.0.0")
	if _, err := e.Flush(t.Context(), "p", spec(t, "1.0.0"), "ops"); err != nil {
		t.Fatal(err)
	}
	e.wantViewed(t, "p/1.0.0/index.js")
	s.wantCount(t, "archive", 2)
}

func TestFlushRange_PA1(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0")
	e := start(t, one(s))
	e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.0.0/x")
	for i, text := range []string{"^1", "latest", "", "next"} {
		v := fmt.Sprintf("1.%d.0", i+1)
		s.versionsOf("p", v).tag("p", "next", v).tag("p", "latest", v)
		if got, err := e.Flush(t.Context(), "p", spec(t, text), "ops"); err != nil || got.String() != v {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
		e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/"+v+"/x")
	}
	if _, err := e.Flush(t.Context(), "none", spec(t, "^1"), "ops"); !errors.Is(err, outcome.NotFound) {
		t.Errorf("unknown: %v", err)
	}
	s.fail(down)
	if _, err := e.Flush(t.Context(), "p", spec(t, "^1"), "ops"); !errors.Is(err, outcome.Unavailable) {
		t.Errorf("upstream is down: %v", err)
	}
	e.wantRedirect(t, "/lib/p/^1/x", "/lib/p/1.4.0/x")
	e.wantViewed(t)
}

func TestFlushMain_PA1_PM3(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0")
	e := start(t, one(s))
	e.wantBody(t, "/lib/p/main/index.js", "npm 1.0.0")
	s.versionsOf("p", "2.0.0")
	e.wantBody(t, "/lib/p/main/index.js", "npm 1.0.0")
	s.fail(down)
	if _, err := e.Flush(t.Context(), "p", spec(t, "main"), "ops"); !errors.Is(err, outcome.Unavailable) {
		t.Errorf("upstream is down: %v", err)
	}
	e.wantPin(t, "p", "1.0.0")
	s.fail(nil)
	if v, err := e.Flush(t.Context(), "p", spec(t, "main"), "ops"); err != nil || v.String() != "2.0.0" {
		t.Errorf("got %v, %v", v, err)
	}
	e.wantBody(t, "/lib/p/main/index.js", "npm 2.0.0")
	e.wantBody(t, "/lib/p/1.0.0/index.js", "npm 1.0.0")
	if pin, err := e.cache.Pin("p"); err != nil || pin.By != "ops" {
		t.Errorf("the record says %+v, %v", pin, err)
	}
}

func TestEvict_PA3(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0", "1.1.0").put("q", "1.0.0", text{"index.js": "q"})
	e := start(t, one(s))
	for _, path := range []string{"/lib/p/1.0.0/index.js", "/lib/p/main/index.js", "/lib/q/1.0.0/index.js"} {
		if _, err := e.find(t, path); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := e.Evict("p", version(t, "1.1.0")); err != nil || !slices.Equal(got, []string{"1.1.0"}) {
		t.Errorf("got %q, %v", got, err)
	}
	e.wantViewed(t, "p/1.0.0/index.js", "p/main", "q/1.0.0/index.js")
	e.wantBody(t, "/lib/p/main/index.js", "npm 1.1.0") // by first touch, where it was
	e.wantPin(t, "p", "1.1.0")
	if got, err := e.Evict("p", pkgref.Version{}); err != nil || !slices.Equal(got, []string{"1.0.0", "1.1.0"}) {
		t.Errorf("got %q, %v", got, err)
	}
	e.wantViewed(t, "p/main", "q/1.0.0/index.js")
	if n := len(below(t, e.dir+"/blobs")) + len(below(t, e.dir+"/packs")); n != 2 {
		t.Errorf("%d blobs and packs are kept", n)
	}
	for _, v := range []pkgref.Version{{}, version(t, "1.0.0")} {
		if _, err := e.Evict("p", v); !errors.Is(err, outcome.NotFound) {
			t.Errorf("evict again: %v", err)
		}
	}
	e.wantBody(t, "/lib/p/main/index.js", "npm 1.1.0")
}

func TestHeld_PA3(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0")
	e := start(t, one(s))
	if _, err := e.Held("p"); !errors.Is(err, outcome.NotFound) {
		t.Errorf("got %v", err)
	}
	e.wantBody(t, "/lib/p/main/index.js", "npm 1.0.0")
	h, err := e.Held("p")
	if err != nil {
		t.Fatal(err)
	}
	if h.Name != "p" || h.Main != "1.0.0" || h.Pin == nil || len(h.Versions) != 1 {
		t.Fatalf("got %+v", h)
	}
	v := h.Versions[0]
	if v.Version != "1.0.0" || v.Provider != "npm" || v.Files != 1 || v.Unpacked != 9 || v.Viewed != 9 || v.Tarball == 0 || v.Used.IsZero() {
		t.Errorf("got %+v", v)
	}
	if got := e.HeldNames(); len(got) != 1 || got[0] != "p" {
		t.Errorf("names: %q", got)
	}
}

func TestLocateAndWarm(t *testing.T) {
	t.Parallel()
	s := newSource("npm").put("p", "1.0.0", text{"a.js": "a", "b.js": "bb"})
	e := start(t, one(s))
	want := registry.Located{Name: "p", Version: "1.0.0", Provider: "npm"}
	if got, err := e.Locate(t.Context(), "p", spec(t, "^1")); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	s.wantCount(t, "archive", 0)
	for _, text := range []string{"9.0.0", "^9", "none"} {
		if _, err := e.Locate(t.Context(), "p", spec(t, text)); !errors.Is(err, outcome.NotFound) {
			t.Errorf("%s: %v", text, err)
		}
	}
	w, err := e.Warm(t.Context(), "p", spec(t, "^1"), false)
	if err != nil || w.Files != 2 || w.Bytes != 3 {
		t.Errorf("got %+v, %v", w, err)
	}
	e.wantViewed(t)
	if _, err := e.Warm(t.Context(), "p", spec(t, "^1"), true); err != nil {
		t.Error(err)
	}
	e.wantViewed(t, "p/1.0.0/a.js", "p/1.0.0/b.js")
	want.Held = true
	if got, err := e.Locate(t.Context(), "p", spec(t, "1.0.0")); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Readers get the whole old or the whole new content of one release, never a
// mixture, never an absence.
func TestFlushUnderReaders_F34(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]bool{"archive": false, "files": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSource("npm")
			s.files, s.hashes = files, files
			put := func(n int) {
				content := text{}
				for i := range 20 {
					content[fmt.Sprintf("f%d.js", i)] = fmt.Sprintf("content %d of %d", n, i)
				}
				s.put("p", "1.0.0", content)
			}
			put(0)
			e := start(t, one(s))
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			for i := range 20 {
				path := fmt.Sprintf("/lib/p/1.0.0/f%d.js", i)
				wg.Go(func() {
					last := -1
					for ctx.Err() == nil {
						body, err := e.body(t, path)
						var n, of int
						if err != nil {
							// A release that changes faster than it is read is asked for again.
							if !errors.Is(err, outcome.Busy) && !(files && errors.Is(err, outcome.Refused)) && !errors.Is(err, outcome.NotFound) {
								t.Errorf("%s: %v", path, err)
								return
							}
							continue
						}
						if _, err := fmt.Sscanf(body, "content %d of %d", &n, &of); err != nil || of != i || n < last {
							t.Errorf("%s: %q after content %d", path, body, last)
							return
						}
						last = n
					}
				})
			}
			for n := 1; n <= 15; n++ {
				put(n)
				if _, err := e.Flush(t.Context(), "p", spec(t, "1.0.0"), "ops"); err != nil && !files {
					t.Error(err)
				}
			}
			cancel()
			wg.Wait()
			if _, err := e.Flush(t.Context(), "p", spec(t, "1.0.0"), "ops"); err != nil {
				t.Fatal(err)
			}
			for i := range 20 {
				e.wantBody(t, fmt.Sprintf("/lib/p/1.0.0/f%d.js", i), fmt.Sprintf("content 15 of %d", i))
			}
			e.wantNothingStaged(t)
		})
	}
}

// A slow fetch that began before a flush does not undo it.
func TestFlushWinsOverOlderFetch_F34(t *testing.T) {
	t.Parallel()
	s := newSource("npm").put("p", "1.0.0", text{"a.js": "old"})
	e := start(t, one(s))
	entered, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	old := tarball(text{"a.js": "old"})
	s.stream(func(call string) []byte {
		first := false
		once.Do(func() { first = true })
		if !first {
			return nil
		}
		close(entered)
		<-release
		return old
	})
	done := make(chan error)
	go func() { _, err := e.Find(t.Context(), parse(t, "/lib/p/1.0.0/a.js")); done <- err }()
	<-entered
	s.put("p", "1.0.0", text{"a.js": "new"})
	if _, err := e.Flush(t.Context(), "p", spec(t, "1.0.0"), "ops"); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	e.wantBody(t, "/lib/p/1.0.0/a.js", "new")
}

func TestBlobDamaged_PC8(t *testing.T) {
	t.Parallel()
	breakBytes := map[string]func(t *testing.T, e *env){
		"gone": func(t *testing.T, e *env) {
			for _, dir := range []string{"blobs", "packs"} {
				for _, f := range below(t, filepath.Join(e.dir, dir)) {
					remove(t, filepath.Join(e.dir, dir, f))
				}
			}
		},
		"damaged": func(t *testing.T, e *env) {
			for _, dir := range []string{"blobs", "packs"} {
				for _, f := range below(t, filepath.Join(e.dir, dir)) {
					if err := os.WriteFile(filepath.Join(e.dir, dir, f), []byte("damage"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
		},
	}
	for name, damage := range breakBytes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSource("npm").put("p", "1.0.0", text{"a.js": "a", "b.js": "b", "b.js.gz": "z"})
			e := start(t, one(s))
			e.wantBody(t, "/lib/p/1.0.0/a.js", "a")
			damage(t, e)
			e.wantBody(t, "/lib/p/1.0.0/a.js", "a") // is in the view
			s.wantCount(t, "archive", 1)
			e.wantBody(t, "/lib/p/1.0.0/b.js", "b")
			s.wantCount(t, "archive", 2)
			damage(t, e)
			e.wantBody(t, "/lib/p/1.0.0/b.js.gz", "z")
			s.wantCount(t, "archive", 3)

			// Upstream is down, or serves something else now.
			damage(t, e)
			remove(t, e.cache.View()+"/p")
			s.fail(down)
			e.want(t, "/lib/p/1.0.0/b.js", outcome.Unavailable)
			s.fail(nil)
			s.put("p", "1.0.0", text{"a.js": "a", "b.js": "other"})
			for range 5 {
				e.want(t, "/lib/p/1.0.0/b.js", outcome.Refused)
				e.want(t, "/lib/p/1.0.0/b.js.gz", outcome.Refused)
			}
			if n := e.count(registry.EventContentChange); n != 1 {
				t.Errorf("%d alarms", n)
			}
			s.wantCount(t, "archive", 4) // not once for every request
			e.wantViewed(t)
			e.clock.add(time.Minute)
			e.want(t, "/lib/p/1.0.0/b.js", outcome.Refused)
			if _, err := e.Flush(t.Context(), "p", spec(t, "1.0.0"), "ops"); err != nil {
				t.Fatal(err)
			}
			e.wantBody(t, "/lib/p/1.0.0/b.js", "other")
			e.want(t, "/lib/p/1.0.0/b.js.gz", outcome.NotFound)
			e.wantNothingStaged(t)
		})
	}
}

// A request that waits for a file of what was held before a flush is answered
// from what is held after it, and leaves nothing to remember.
func TestFlushUnderALooseFile_F34_PC8(t *testing.T) {
	t.Parallel()
	s := newSource("cdn")
	s.files, s.hashes = true, true
	s.put("p", "1.0.0", text{"a.js": "old"})
	e := start(t, one(s))
	if _, err := e.Release(t.Context(), "p", version(t, "1.0.0")); err != nil {
		t.Fatal(err)
	}
	s.put("p", "1.0.0", text{"a.js": "new"})
	entered, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s.hook(func(_ context.Context, call string) error {
		if call == "file p@1.0.0/a.js" {
			once.Do(func() { close(entered); <-release })
		}
		return nil
	})
	done := make(chan error)
	go func() { _, err := e.Find(t.Context(), parse(t, "/lib/p/1.0.0/a.js")); done <- err }()
	<-entered
	if _, err := e.Flush(t.Context(), "p", spec(t, "1.0.0"), "ops"); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	e.wantBody(t, "/lib/p/1.0.0/a.js", "new")
	if n := e.count(registry.EventContentChange); n != 0 {
		t.Errorf("%d alarms", n)
	}
}
