package main_test

import (
	"os"
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
