package cache_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/pkgref"
)

func denyAll(pkgref.Name, pkgref.Version) bool { return true }

func denyNone(pkgref.Name, pkgref.Version) bool { return false }

// deny returns rules that deny what is listed, as name or as name@version.
func deny(refs ...string) func(pkgref.Name, pkgref.Version) bool {
	return func(n pkgref.Name, v pkgref.Version) bool {
		return slices.Contains(refs, string(n)) || slices.Contains(refs, string(n)+"@"+v.String())
	}
}

func sweep(t *testing.T, e env, denied func(pkgref.Name, pkgref.Version) bool, want ...string) {
	t.Helper()
	got, err := e.Sweep(denied)
	if err != nil {
		t.Error(err)
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); len(want)+len(got) > 0 && diff != "" {
		t.Error(diff)
	}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	e := open(t)
	for _, ref := range []string{"x", "@acme/x"} {
		for _, version := range []string{"1.0.0", "2.0.0"} {
			e.show(t, e.put(t, ref, version, lodash), "index.js")
		}
		if err := e.Designate(parseName(t, ref), parseVersion(t, "1.0.0"), "ops", false); err != nil {
			t.Fatal(err)
		}
	}
	sweep(t, e, denyNone)
	sweep(t, e, deny("@acme/x@1.0.0", "x@2.0.0", "other"), "@acme/x@1.0.0", "x@2.0.0")
	wantGone(t, e.view("@acme/x/1.0.0"))
	wantGone(t, e.view("x/2.0.0"))
	wantFile(t, e.view("@acme/x/2.0.0/index.js"), "module.exports = 1\n")
	wantFile(t, e.view("x/main/index.js"), "module.exports = 1\n")
	if to, _ := os.Readlink(e.view("@acme/x/main")); to != "1.0.0" {
		t.Errorf("the pin leads to %q", to)
	}
	m, err := e.Manifest("@acme/x", parseVersion(t, "1.0.0"))
	if err != nil {
		t.Fatal("a sweep forgot a release:", err)
	}
	e.show(t, m, "index.js")
	e.WaitForDeletions()
	wantNothingStaged(t, e)
}

// Only what is named like a release is one.
func TestSweep_LeavesStrangers(t *testing.T) {
	t.Parallel()
	e := open(t)
	e.show(t, e.put(t, "x", "1.0.0", lodash), "index.js")
	strangers := []string{"README", "x/notes.txt", "x/v1.0.0/a", "x/1.0/a", "x/.1.0.0/a", "bad name/1.0.0/a", "@acme/notes", "@/x/1.0.0/a"}
	for _, s := range strangers {
		write(t, e.view(s), "by hand")
	}
	sweep(t, e, denyAll, "x@1.0.0")
	for _, s := range strangers {
		wantFile(t, e.view(s), "by hand")
	}
}

// A link that is named like a denied release would serve it still.
func TestSweep_LinkInPlaceOfARelease(t *testing.T) {
	t.Parallel()
	e := open(t)
	e.show(t, e.put(t, "x", "1.0.0", lodash), "index.js")
	symlink(t, "1.0.0", e.view("x/1.0.1"))
	sweep(t, e, deny("x@1.0.1"), "x@1.0.1")
	wantGone(t, e.view("x/1.0.1"))
	wantFile(t, e.view("x/1.0.0/index.js"), "module.exports = 1\n")
}

func TestSweep_HandMadeMains_PM5(t *testing.T) {
	t.Parallel()
	const pkg = `{"version":"3.0.0"}`
	tests := map[string]struct {
		make   func(t *testing.T, main string)
		denied func(pkgref.Name, pkgref.Version) bool
		hidden bool
	}{
		"directory, version denied":   {func(t *testing.T, m string) { write(t, m+"/package.json", pkg) }, deny("@a/x@3.0.0"), true},
		"directory, other denied":     {func(t *testing.T, m string) { write(t, m+"/package.json", pkg) }, deny("@a/x@3.0.1"), false},
		"directory, name denied":      {func(t *testing.T, m string) { write(t, m+"/a.js", "a") }, deny("@a/x"), true},
		"directory without a version": {func(t *testing.T, m string) { write(t, m+"/a.js", "a") }, deny("@a/x@3.0.0"), false},
		"link, name denied":           {func(t *testing.T, m string) { symlink(t, "../../x/1.0.0", m) }, deny("@a/x"), true},
		"link out, name denied":       {func(t *testing.T, m string) { symlink(t, "/srv/x", m) }, deny("@a/x"), true},
		"link, version denied":        {func(t *testing.T, m string) { symlink(t, "../../made", m) }, deny("@a/x@3.0.0"), false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := open(t)
			write(t, e.view("made/package.json"), pkg)
			main := e.view("@a/x/main")
			tt.make(t, main)
			before, err := os.Lstat(main)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"@a/x@main"}
			if !tt.hidden {
				want = nil
			}
			sweep(t, e, tt.denied, want...)
			if _, err := os.Lstat(main); os.IsNotExist(err) != tt.hidden {
				t.Errorf("in the view: %v", err)
			}
			sweep(t, e, tt.denied) // hidden stays hidden
			if _, err := os.Lstat(main); os.IsNotExist(err) != tt.hidden {
				t.Errorf("in the view after the second sweep: %v", err)
			}
			sweep(t, e, denyNone)
			after, err := os.Lstat(main)
			if err != nil || !os.SameFile(before, after) {
				t.Errorf("not brought back: %v", err)
			}
		})
	}
}

// What a person made is never deleted, however often they make it anew.
func TestSweep_HidesTwice_PM5(t *testing.T) {
	t.Parallel()
	e := open(t)
	for i := range 3 {
		write(t, e.view("x/main/a.js"), fmt.Sprint("work ", i))
		sweep(t, e, denyAll, "x@main")
	}
	e.WaitForDeletions()
	var found []string
	for _, f := range entries(t, e.path("hidden")) {
		body, _ := os.ReadFile(e.path("hidden", f))
		found = append(found, string(body))
	}
	slices.Sort(found)
	if diff := cmp.Diff([]string{"work 0", "work 1", "work 2"}, found); diff != "" {
		t.Error(diff)
	}
	sweep(t, e, denyNone)
	wantFile(t, e.view("x/main/a.js"), "work 2")
}

// What took the place of a hidden main stays there.
func TestSweep_PlaceIsTaken_PM5(t *testing.T) {
	t.Parallel()
	e := open(t)
	write(t, e.view("x/main/a.js"), "by hand")
	sweep(t, e, denyAll, "x@main")
	// A first touch does not take the place of what is only hidden.
	if err := e.Designate("x", parseVersion(t, "1.0.0"), cache.FirstTouch, false); err != nil {
		t.Fatal(err)
	}
	if main, err := e.Main("x"); err != nil || main.Kind != cache.MainHidden {
		t.Errorf("main is %+v, %v, want hidden", main, err)
	}
	if err := e.Designate("x", parseVersion(t, "1.0.0"), "ops", true); err != nil {
		t.Fatal(err)
	}
	sweep(t, e, denyNone)
	if to, _ := os.Readlink(e.view("x/main")); to != "1.0.0" {
		t.Errorf("main leads to %q", to)
	}
	wantFile(t, e.path("hidden/x/main/a.js"), "by hand")
}

// A request that asked the rules before a reload and shows its file after the
// sweep listed the view must not leave that file there.
func TestSweep_WaitsForRequestsUnderWay(t *testing.T) {
	t.Parallel()
	e := open(t)
	m := e.put(t, "x", "1.0.0", lodash)
	swept := make(chan error, 1)
	gate := func() error {
		// Allowed still; now the rules change and the sweep begins. It must not
		// end before this request does: only a wrong one cuts the wait short.
		go func() { _, err := e.Sweep(denyAll); swept <- err }()
		select {
		case err := <-swept:
			t.Error("the sweep ended before a request that began earlier")
			swept <- err
		case <-time.After(100 * time.Millisecond):
		}
		return nil
	}
	if err := e.Materialise(m, fileOf(t, m, "index.js"), gate); err != nil {
		t.Fatal(err)
	}
	if err := <-swept; err != nil {
		t.Error(err)
	}
	wantGone(t, e.view("x/1.0.0"))
}

func TestSweep_RacesMaterialise(t *testing.T) {
	t.Parallel()
	e := open(t)
	forbidden := errors.New("denied")
	m := e.put(t, "x", "1.0.0", lodash)
	for round := range 100 {
		var denied atomic.Bool
		gate := func() error {
			if denied.Load() {
				return forbidden
			}
			return nil
		}
		var herd sync.WaitGroup
		for i := range 6 {
			herd.Go(func() {
				f := fileOf(t, m, lodash[i*2%len(lodash)])
				if err := e.Materialise(m, f, gate); err != nil && !errors.Is(err, forbidden) {
					t.Error(err)
				}
			})
		}
		denied.Store(true)
		if _, err := e.Sweep(denyAll); err != nil {
			t.Error(err)
		}
		herd.Wait()
		if left := entries(t, e.View()); len(left) != 0 {
			t.Fatalf("round %d: %v are in the view, denied", round, left)
		}
	}
}

// A fifo, or a file without end, in a directory that a person made holds nobody up.
func TestMain_OddPackageJSON(t *testing.T) {
	t.Parallel()
	tests := map[string]func(path string) error{
		"fifo":      func(path string) error { return syscall.Mkfifo(path, 0o644) },
		"endless":   func(path string) error { return os.Symlink("/dev/zero", path) },
		"directory": func(path string) error { return os.Mkdir(path, 0o755) },
		"no JSON":   func(path string) error { return os.WriteFile(path, []byte("{"), 0o644) },
		"huge": func(path string) error {
			return os.WriteFile(path, []byte(`{"version":"1.0.0","x":"`+strings.Repeat("x", 9<<20)+`"}`), 0o644)
		},
		"number":   func(path string) error { return os.WriteFile(path, []byte(`{"version":1}`), 0o644) },
		"no range": func(path string) error { return os.WriteFile(path, []byte(`{"version":"^1.0.0"}`), 0o644) },
	}
	for name, put := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := open(t)
			write(t, e.view("x/main/a.js"), "a")
			if err := put(e.view("x/main/package.json")); err != nil {
				t.Fatal(err)
			}
			main, err := e.Main("x")
			if err != nil || main.Kind != cache.MainDir || !main.Version.IsZero() {
				t.Errorf("%+v, %v", main, err)
			}
		})
	}
}
