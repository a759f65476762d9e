package cache_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

func TestHeldAndNames(t *testing.T) {
	t.Parallel()
	e := open(t)
	names := []string{"@a-b/z", "@a/b", "@a/releases", "JSONStream", "left-pad", "lists", "releases"}
	for _, name := range names {
		e.put(t, name, "1.0.0", lodash)
	}
	write(t, e.path("state/packages/stray.txt"), "x")
	write(t, e.path("state/packages/.bad name/x"), "x")
	var got []string
	for _, n := range e.Names() {
		got = append(got, string(n))
	}
	if diff := cmp.Diff(names, got); diff != "" {
		t.Error(diff)
	}
	versions := []string{"1.0.0", "1.0.0+b", "1.0.0-a", "1.0.0-a.1", "1.0.10", "1.10.0"}
	for _, v := range versions {
		e.put(t, "left-pad", v, lodash)
	}
	write(t, e.path("state/packages/left-pad/releases/main.jsonl"), "x")
	write(t, e.path("state/packages/left-pad/releases/3.0.0.bak"), "x")
	got = nil
	for _, v := range e.Held("left-pad") {
		got = append(got, v.String())
	}
	if diff := cmp.Diff(versions, got); diff != "" {
		t.Error(diff)
	}
	if len(e.Held("unknown")) != 0 || e.Known("unknown") || !e.Known("@a/b") || e.Known("stray.txt") {
		t.Error("knows what is not there")
	}
}

func TestEvict(t *testing.T) {
	t.Parallel()
	e := open(t)
	m, kept := e.put(t, "@acme/x", "1.0.0", lodash), e.put(t, "@acme/x", "2.0.0", text{"a.js", "two"})
	e.show(t, m, "index.js")
	e.show(t, kept, "a.js")
	if err := e.Designate(m.Name, m.Version, "ops", false); err != nil {
		t.Fatal(err)
	}
	if err := e.Evict(m.Name, m.Version); err != nil {
		t.Fatal(err)
	}
	wantGone(t, e.view("@acme/x/1.0.0"))
	wantGone(t, e.blob(m))
	wantGone(t, e.pack(m))
	if _, err := e.Manifest(m.Name, m.Version); !errors.Is(err, outcome.NotFound) {
		t.Errorf("still held: %v", err)
	}
	if err := e.Evict(m.Name, m.Version); !errors.Is(err, outcome.NotFound) {
		t.Errorf("again: %v", err)
	}
	if err := e.Materialise(m, fileOf(t, m, "index.js"), nil); !errors.Is(err, cache.ErrStale) {
		t.Errorf("with the old manifest: %v", err)
	}
	if to, _ := os.Readlink(e.view("@acme/x/main")); to != "1.0.0" {
		t.Errorf("the pin leads to %q", to)
	}
	wantFile(t, e.view("@acme/x/2.0.0/a.js"), "two")
	e.show(t, e.put(t, "@acme/x", "1.0.0", lodash), "index.js")
	wantFile(t, e.view("@acme/x/main/index.js"), "module.exports = 1\n")
}

// Of what was evicted as a whole nothing is known any more.
func TestEvict_LastOne(t *testing.T) {
	t.Parallel()
	e := open(t)
	m := e.put(t, "lodash", "1.0.0", lodash)
	e.show(t, m, "dist/a.js")
	if err := e.PutList(m.Name, "npm", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if err := e.MarkAbsent(m.Name, parseVersion(t, "9.0.0"), "npm", 1e9); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(e.Evict(m.Name, m.Version), e.Forget(m.Name)); err != nil {
		t.Fatal(err)
	}
	if e.Known(m.Name) || len(e.Names()) != 0 {
		t.Errorf("still known: %v", e.Names())
	}
	wantGone(t, e.view("lodash"))
}

func TestReplace(t *testing.T) {
	t.Parallel()
	e := open(t)
	old := e.put(t, "lodash", "1.0.0", lodash)
	e.show(t, old, "index.js")
	m := e.commit(t, "lodash", "1.0.0", text{"index.js", "new", "b.js", "b"})
	wantFile(t, e.view("lodash/1.0.0/index.js"), "module.exports = 1\n")
	if err := e.Replace(m); err != nil {
		t.Fatal(err)
	}
	wantGone(t, e.view("lodash/1.0.0"))
	wantGone(t, e.blob(old))
	wantGone(t, e.pack(old))
	if err := e.Materialise(old, fileOf(t, old, "index.js"), nil); !errors.Is(err, cache.ErrStale) {
		t.Errorf("with the old manifest: %v", err)
	}
	e.show(t, m, "index.js")
	wantFile(t, e.view("lodash/1.0.0/index.js"), "new")
	if err := e.Replace(m); err != nil { // with itself: the bytes stay
		t.Fatal(err)
	}
	e.show(t, m, "b.js")
}

// A reader that finds no manifest in memory must not put an old one there
// after a newer one was stored.
func TestManifest_ReadersNeverBringBackTheOld(t *testing.T) {
	t.Parallel()
	e := open(t)
	m := manifest(t, "x", "1.0.0")
	for round := range 200 {
		want := fmt.Sprint(round)
		m.State = "old"
		if err := e.PutManifest(m.WithFiles(listing(order[:9]...).Files())); err != nil {
			t.Fatal(err)
		}
		e.DropFromMemory(m.Name, m.Version)
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() { _, _ = e.Manifest(m.Name, m.Version) })
		}
		n := *m
		n.State = want
		if err := e.PutManifest(&n); err != nil {
			t.Fatal(err)
		}
		readers.Wait()
		if got, err := e.Manifest(m.Name, m.Version); err != nil || got.State != want {
			t.Fatalf("round %d: %q, %v", round, got.State, err)
		}
	}
}

func TestManifest_OneReadForAHerd(t *testing.T) {
	t.Parallel()
	e := open(t)
	m := e.put(t, "lodash", "1.0.0", lodash)
	e.DropFromMemory(m.Name, m.Version)
	got := make([]*cache.Manifest, 50)
	var herd sync.WaitGroup
	for i := range got {
		herd.Go(func() { got[i], _ = e.Manifest(m.Name, m.Version) })
	}
	herd.Wait()
	for _, m := range got {
		if m == nil || m != got[0] {
			t.Fatal("a release was read more than once")
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	e := open(t)
	m := e.put(t, "lodash", "1.0.0", lodash)
	if bytes, used := e.Usage(m); bytes != 0 || !used.IsZero() {
		t.Errorf("of nothing: %d, %v", bytes, used)
	}
	e.show(t, m, "index.js")
	e.show(t, m, "dist/a.js")
	e.show(t, m, "empty.txt")
	symlink(t, "/etc", e.view("lodash/1.0.0/etc"))
	want := fileOf(t, m, "index.js").Size + fileOf(t, m, "dist/a.js").Size
	if bytes, used := e.Usage(m); bytes != want || used.IsZero() {
		t.Errorf("%d bytes, used %v; want %d", bytes, used, want)
	}
}

func TestManifest_Unreadable(t *testing.T) {
	t.Parallel()
	e := open(t)
	name := pkgref.Name("x")
	write(t, e.path("state/packages/x/releases"), "a file in the place of a directory")
	if _, err := e.Manifest(name, parseVersion(t, "1.0.0")); !errors.Is(err, outcome.NotFound) {
		t.Errorf("got %v", err)
	}
	if len(e.Held(name)) != 0 || strings.Contains(fmt.Sprint(e.Names()), "/") {
		t.Error("found something")
	}
}

// Two releases may have the same tarball; one of them goes, the other stays.
func TestSameTarball(t *testing.T) {
	t.Parallel()
	e := open(t)
	one, other := e.put(t, "x", "1.0.0", lodash), e.put(t, "x", "1.0.1", lodash)
	if one.Blob != other.Blob {
		t.Fatal("the tarballs differ: nothing is tested")
	}
	if err := e.Evict(one.Name, one.Version); err != nil {
		t.Fatal(err)
	}
	wantGone(t, e.blob(one))
	for _, f := range other.Files() {
		if err := e.Materialise(other, f, nil); err != nil {
			t.Errorf("%s: %v", f.Path, err)
		}
	}
}
