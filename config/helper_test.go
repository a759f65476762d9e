package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/registryd/registryd/config"
)

// secret is what must never be seen in a message.
const secret = "hunter2hunter2"

// environment returns a lookup in m.
func environment(m map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := m[name]
		return v, ok
	}
}

// writeFile puts a configuration into a directory of the test's own.
func writeFile(t *testing.T, name, content string) config.Options {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return config.Options{File: name, Dir: dir}
}

// mustLoad loads a file's content.
func mustLoad(t *testing.T, content string) *config.Config {
	t.Helper()
	cfg, err := config.Load(writeFile(t, "registryd.yaml", content))
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return cfg
}

var update = flag.Bool("update", false, "write expected messages anew")
