package docs_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/registryd/registryd/config"
)

// env is an environment in which every variable but ours is set.
func env(name string) (string, bool) {
	return "set-" + strings.ToLower(name), !strings.HasPrefix(name, "REGISTRYD_") && !strings.HasPrefix(name, "npm_")
}

// loads fails the test unless daemon and generator both accept the file.
func loads(t *testing.T, file string) {
	t.Helper()
	o := config.Options{File: file, Env: env, Dir: "/srv"}
	if _, err := config.Load(o); err != nil {
		t.Errorf("daemon: %v", err)
	}
	if _, err := config.LoadGenerator(o); err != nil {
		t.Errorf("generator: %v", err)
	}
}

func TestConfigurationsInDocumentsLoad(t *testing.T) {
	t.Parallel()
	total := 0
	for _, name := range documents() {
		for _, b := range blocks(read(t, name), "yaml") {
			total++
			t.Run(fmt.Sprintf("%s:%d", name, b.line), func(t *testing.T) {
				t.Parallel()
				file := filepath.Join(t.TempDir(), "registryd.yaml")
				if err := os.WriteFile(file, []byte(b.text), 0o644); err != nil {
					t.Fatal(err)
				}
				loads(t, file)
			})
		}
	}
	if total < 4 {
		t.Errorf("only %d configurations were found: is the fence still ```yaml?", total)
	}
}

func TestConfigurationFilesLoad(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"sample", "deploy", "deploy/container"} {
		files, err := filepath.Glob(filepath.Join(root, dir, "*.yaml"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s has no configuration: %v", dir, err)
		}
		for _, file := range files {
			if filepath.Base(file) == "compose.yaml" {
				continue
			}
			t.Run(dir+"/"+filepath.Base(file), func(t *testing.T) {
				t.Parallel()
				abs, err := filepath.Abs(file)
				if err != nil {
					t.Fatal(err)
				}
				loads(t, abs)
			})
		}
	}
}

func TestReferenceIsGenerated(t *testing.T) {
	t.Parallel()
	const begin, end = "<!-- config reference: begin -->", "<!-- config reference: end -->"
	_, rest, ok := strings.Cut(read(t, "README.md"), begin)
	reference, _, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatal("README.md has lost the marks of the reference")
	}
	if strings.TrimSpace(reference) != strings.TrimSpace(config.Reference()) {
		t.Error("the reference in README.md is not that of the table of keys: run make generate")
	}
}

// TestKeysInDocumentsExist looks for words like `policy.default` in the text.
func TestKeysInDocumentsExist(t *testing.T) {
	t.Parallel()
	known, sections := map[string]bool{}, map[string]bool{}
	for _, k := range config.Keys() {
		path := strings.ReplaceAll(k.Path, "[]", "")
		known[path] = true
		for i, c := range path {
			if c == '.' {
				known[path[:i]] = true
				sections[path[:i]] = true
			}
		}
	}
	found := 0
	for _, name := range documents() {
		for key := range matches("`([a-z_]+(?:\\.[a-z_]+)+)`", read(t, name)) {
			section, _, _ := strings.Cut(key, ".")
			if !sections[section] || strings.HasSuffix(key, ".conf") {
				continue
			}
			found++
			if !known[key] {
				t.Errorf("%s speaks of %s, which is no key of the configuration", name, key)
			}
		}
	}
	if found < 10 {
		t.Errorf("only %d keys were found in the text", found)
	}
}
