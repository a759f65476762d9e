package cache_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
)

func TestIntact_Fault27(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		damage func(e env) error
		want   error
	}{
		"nothing happened":      {func(env) error { return nil }, nil},
		"the lock was removed":  {func(e env) error { return os.Remove(e.path("state/lock")) }, nil},
		"the state was removed": {func(e env) error { return os.RemoveAll(e.path("state")) }, nil},
		"a file is in the place of the state": {func(e env) error {
			return errors.Join(os.RemoveAll(e.path("state")), os.WriteFile(e.path("state"), nil, 0o600))
		}, nil},
		"a link to nowhere is": {func(e env) error {
			return errors.Join(os.RemoveAll(e.path("state")), os.Symlink("nowhere", e.path("state")))
		}, nil},
		"all of it was removed": {func(e env) error { return os.RemoveAll(e.dir) }, cache.ErrGone},
		"another directory is there": {func(e env) error {
			return errors.Join(os.Rename(e.dir, e.dir+".old"), os.Mkdir(e.dir, 0o755))
		}, cache.ErrGone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := open(t)
			if err := tt.damage(e); err != nil {
				t.Fatal(err)
			}
			if err := e.Intact(); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if gone := e.Gone(); gone != (tt.want != nil) {
				t.Errorf("gone: %v", gone)
			}
			if tt.want != nil {
				return
			}
			if _, err := cache.Open(cache.Config{Dir: e.dir, Pub: "/lib/"}); !errors.Is(err, cache.ErrHeld) {
				t.Errorf("a second one: %v", err)
			}
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			if err := e.Intact(); err != nil {
				t.Errorf("closed: %v", err)
			}
			next, err := cache.Open(cache.Config{Dir: e.dir, Pub: "/lib/"})
			if err != nil {
				t.Fatalf("the next one: %v", err)
			}
			next.Close()
		})
	}
}

// Whoever was faster keeps the directory.
func TestIntact_HeldByAnother_Fault29(t *testing.T) {
	t.Parallel()
	e := open(t)
	if err := os.Remove(e.path("state/lock")); err != nil {
		t.Fatal(err)
	}
	other, err := cache.Open(cache.Config{Dir: e.dir, Pub: "/lib/"})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := e.Intact(); !errors.Is(err, cache.ErrHeld) {
		t.Errorf("got %v", err)
	}
	before, err := os.ReadFile(e.path("state/boot"))
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	wantFile(t, e.path("state/boot"), string(before))
}

func TestMend_MovesWhatIsInThePlaceOfDirectories_Fault27(t *testing.T) {
	t.Parallel()
	e := open(t)
	m := e.put(t, "x", "1.0.0", lodash)
	if e.Mend() {
		t.Error("something was wrong from the beginning")
	}
	outside := t.TempDir()
	for _, dir := range []string{"packs", "tmp", "blobs/sha512", "state"} {
		if err := os.RemoveAll(e.path(dir)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.WriteFile(e.path("packs"), []byte("keep me"), 0o600), os.WriteFile(e.path("tmp"), nil, 0o600),
		os.Symlink(outside, e.path("blobs/sha512")), os.Symlink(outside, e.path("state"))); err != nil {
		t.Fatal(err)
	}
	if !e.Mend() || e.Mend() {
		t.Error("it takes other than one call")
	}
	kept, err := filepath.Glob(e.path("state/quarantine/*/packs"))
	if err != nil || len(kept) != 1 {
		t.Fatalf("in quarantine: %v, %v", kept, err)
	}
	wantFile(t, kept[0], "keep me")
	if err := e.Materialise(m, fileOf(t, m, "index.js"), nil); !errors.Is(err, cache.ErrDamaged) {
		t.Errorf("without a tarball: %v", err)
	}
	e.show(t, e.put(t, "y", "1.0.0", lodash), "index.js")
	if left := entries(t, outside); len(left) > 0 {
		t.Errorf("written through a link: %v", left)
	}
}

// A link to elsewhere in the data directory works, and is a person's choice.
func TestMend_KeepsLinksInside_Fault27(t *testing.T) {
	t.Parallel()
	e := open(t)
	if err := errors.Join(os.Rename(e.path("packs"), e.path("other")), os.Symlink("other", e.path("packs"))); err != nil {
		t.Fatal(err)
	}
	if e.Mend() {
		t.Error("the link was moved")
	}
	e.show(t, e.put(t, "x", "1.0.0", lodash), "index.js")
}

// A link to nowhere is in the way like one that leads out.
func TestMend_MovesLinksToNowhere_Fault27(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"packs", "tmp", "state"} {
		e := open(t)
		if err := errors.Join(os.RemoveAll(e.path(dir)), os.Symlink("nowhere", e.path(dir))); err != nil {
			t.Fatal(err)
		}
		if !e.Mend() {
			t.Errorf("%s: the link was not moved", dir)
			continue
		}
		e.show(t, e.put(t, "x", "1.0.0", lodash), "index.js")
	}
}

// A file where a package belongs makes room, unless it is where people have
// files of their own.
func TestMaterialise_FileForAPackage_Fault27(t *testing.T) {
	t.Parallel()
	for pub, want := range map[string]error{"/lib/": nil, "/": outcome.Busy} {
		e := openWith(t, cache.Config{Pub: pub})
		m := e.put(t, "x", "1.0.0", lodash)
		file := e.path("www", pub, "x")
		if err := os.WriteFile(file, []byte("a person's"), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := e.Materialise(m, fileOf(t, m, "index.js"), nil); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: got %v, want %v", pub, err, want)
		}
		if want == nil {
			kept, _ := filepath.Glob(e.path("state/quarantine/*", "www", pub, "x"))
			if len(kept) != 1 {
				t.Fatalf("%s: in quarantine: %v", pub, kept)
			}
			file = kept[0]
		}
		wantFile(t, file, "a person's")
	}
}
