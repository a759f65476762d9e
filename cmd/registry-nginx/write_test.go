package main_test

import (
	"os"
	"os/user"
	"path/filepath"
	"testing"

	main "github.com/registryd/registryd/cmd/registry-nginx"
	"github.com/registryd/registryd/templates"
)

// A file that cannot be replaced stops the run before any other is.
func TestWriteLeavesOldSet_N1(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	set := func(text string) []templates.File {
		return []templates.File{{Name: "a.conf", Data: []byte(templates.Marker + text)}, {Name: "b.conf", Data: []byte(templates.Marker + text)}}
	}
	if err := main.Write(dir, set(" old"), false); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "b.conf")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("a.conf", filepath.Join(dir, "b.conf")); err != nil {
		t.Fatal(err)
	}
	if err := main.Write(dir, set(" new"), false); err == nil {
		t.Fatal("a link was replaced")
	}
	text, err := os.ReadFile(filepath.Join(dir, "a.conf"))
	if err != nil || string(text) != templates.Marker+" old" {
		t.Errorf("%q, %v", text, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func TestClosedTo_N12(t *testing.T) {
	t.Parallel()
	if _, err := user.Lookup("nobody"); err != nil {
		t.Skip("there is no user nobody: the check of directories was not tested")
	}
	dir := filepath.Join(t.TempDir(), "closed")
	if err := os.MkdirAll(filepath.Join(dir, "www"), 0o755); err != nil {
		t.Fatal(err)
	}
	for p := dir; p != filepath.Dir(os.TempDir()) && p != os.TempDir(); p = filepath.Dir(p) {
		if err := os.Chmod(p, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if got := main.ClosedTo("nobody", filepath.Join(dir, "www")); got != "" {
		t.Skipf("the directory for temporary files is closed to nobody itself: %s", got)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := main.ClosedTo("nobody", filepath.Join(dir, "www")); got != dir {
		t.Errorf("closed at %q, want %q", got, dir)
	}
	if got := main.ClosedTo("root", filepath.Join(dir, "www")); got != "" {
		t.Errorf("closed to root at %q", got)
	}
}
