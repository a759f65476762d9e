package plugintest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Write writes files below a directory, each at once and as if it had been there for a while: a manager waits until
// nobody has written for a moment.
func Write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	past := time.Now().Add(-time.Second)
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		whole := filepath.Join(filepath.Dir(path), ".new")
		err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(whole, []byte(text), 0o644), os.Chtimes(whole, past, past), os.Rename(whole, path))
		if err != nil {
			t.Fatal(err)
		}
	}
}
