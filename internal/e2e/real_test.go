package e2e_test

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/internal/testenv"
)

// realPackages are compared file for file with what npm itself downloads;
// REGISTRYD_REAL_PACKAGES names others, separated by blanks.
func realPackages() []string {
	if text := os.Getenv("REGISTRYD_REAL_PACKAGES"); text != "" {
		return strings.Fields(text)
	}
	return []string{"lodash@4.17.21", "JSONStream@1.3.5", "@types/node@20.1.0", "d3@7.9.0"}
}

// TestRealRegistry_PG1 serves real packages from the registry that npm is
// configured with. REGISTRYD_OFFLINE=1 leaves it out.
func TestRealRegistry_PG1(t *testing.T) {
	t.Parallel()
	testenv.Network(t)
	testenv.Program(t, "npm")
	s := e2e.Start(t, e2e.Options{Registry: "npm"})
	for _, spec := range realPackages() {
		t.Run(spec, func(t *testing.T) { compareWithNPM(t, s, spec) })
	}
	t.Run("latest", func(t *testing.T) {
		a := s.Get("/lib/react/latest/package.json")
		status(t, a, http.StatusFound)
		status(t, s.Get(a.Header.Get("Location")), http.StatusOK)
	})
}

// compareWithNPM unpacks what npm downloads with the system's tar and asks for
// every file of it.
func compareWithNPM(t *testing.T, s *e2e.Stack, spec string) {
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	pack := exec.CommandContext(ctx, "npm", "pack", "--silent", "--pack-destination", dir, spec)
	pack.Dir = dir
	if out, err := pack.Output(); err != nil {
		t.Fatalf("npm pack: %v\n%s", err, out)
	}
	tarballs, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(tarballs) != 1 {
		t.Fatalf("npm pack left %v, %v", tarballs, err)
	}
	tree := filepath.Join(dir, "tree")
	if err := os.Mkdir(tree, 0o755); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(ctx, "tar", "-xzf", tarballs[0], "-C", tree, "--strip-components=1", "--no-same-permissions").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, out)
	}
	base := "/lib/" + strings.Replace(spec[:1]+strings.Replace(spec[1:], "@", "/", 1), " ", "", 1)
	n := 0
	err = filepath.WalkDir(tree, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		want, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(tree, path)
		a := s.Get(base + "/" + (&url.URL{Path: rel}).EscapedPath())
		if a.Status != http.StatusOK || sum(a.Body) != sum(want) {
			t.Errorf("%s/%s: status %d, %d bytes instead of %d", spec, rel, a.Status, len(a.Body), len(want))
		}
		n++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %d files are equal", spec, n)
}
