package file_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/store"
	"github.com/registryd/registryd/store/file"
	"github.com/registryd/registryd/store/storetest"
)

func open(t *testing.T, dir string) *file.Store {
	t.Helper()
	s, err := file.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestConformance_CN3(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return open(t, t.TempDir()) })
}

func TestOpen_OneProcessHasTheDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new")
	first := open(t, dir)
	if _, err := file.Open(dir); !errors.Is(err, file.ErrHeld) {
		t.Errorf("the second: %v", err)
	}
	first.Close()
	first.Close()
	open(t, dir)
}

func TestOpen_RemovesWhatWasStaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	half := filepath.Join(dir, ".registryd.tmp", "half")
	if err := os.MkdirAll(filepath.Dir(half), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(half, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
	if _, err := os.Stat(half); !os.IsNotExist(err) {
		t.Errorf("%v", err)
	}
}

func TestForeignThings_CS7(t *testing.T) {
	t.Parallel()
	dir, secret := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := open(t, dir)
	for name, target := range map[string]string{"link": secret, "dir": filepath.Dir(secret), "dangling": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for o, err := range s.List(t.Context(), "") {
		t.Errorf("listed: %v %v", o, err)
	}
	for _, key := range []string{"link", "dangling"} {
		if _, _, err := s.Get(t.Context(), key); !errors.Is(err, outcome.NotFound) {
			t.Errorf("%s: %v", key, err)
		}
	}
	if _, _, err := s.Get(t.Context(), "dir/secret"); err == nil {
		t.Error("read through a link out of the directory")
	}
}
