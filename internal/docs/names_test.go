package docs_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
)

// registered returns the metrics that the server makes, by the texts of its
// source: a metric without a value yet is not in what a daemon exposes.
func registered(t *testing.T) []string {
	t.Helper()
	names := map[string]bool{}
	for _, source := range []string{"metrics.go", "holding.go", "collected.go", "components.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "internal/daemon", source), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			if text, err := strconv.Unquote(lit.Value); err == nil && regexp.MustCompile(`^registryd_[a-z_]+$`).MatchString(text) {
				names[text] = true
			}
			return true
		})
	}
	return slices.Sorted(maps.Keys(names))
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	var documented []string
	for _, row := range table(t, read(t, "README.md"), "metric", "labels") {
		documented = append(documented, row[0])
	}
	slices.Sort(documented)
	if diff := cmp.Diff(registered(t), documented); diff != "" {
		t.Errorf("metrics (-server +README.md):\n%s", diff)
	}
}

// TestStatuses compares the table of statuses with what the daemon's own table
// makes of each outcome that a client can meet.
func TestStatuses(t *testing.T) {
	t.Parallel()
	var want, documented []string
	for _, err := range []error{
		outcome.NotFound, outcome.Forbidden, outcome.Unauthorized, outcome.WrongCredentials, outcome.Invalid,
		outcome.MethodNotAllowed, outcome.TooManyRequests, outcome.Refused, outcome.Unavailable, outcome.TooSlow,
		outcome.Busy, errors.New("anything else"),
	} {
		want = append(want, strconv.Itoa(httpx.Status(err))+" "+httpx.Label(err))
	}
	for _, row := range table(t, read(t, "README.md"), "status", "type", "meaning") {
		documented = append(documented, row[0]+" "+row[1])
	}
	slices.Sort(want)
	slices.Sort(documented)
	if diff := cmp.Diff(want, documented); diff != "" {
		t.Errorf("statuses (-daemon +README.md):\n%s", diff)
	}
}

// TestPackagesInArchitecture compares the map of packages with the tree.
func TestPackagesInArchitecture(t *testing.T) {
	t.Parallel()
	var named strings.Builder
	for _, row := range table(t, read(t, "ARCHITECTURE.md"), "floor", "packages") {
		named.WriteString("`" + row[1] + "`\n")
	}
	mapped := matches("`([a-z0-9-]+(?:/[a-z0-9-]+)*)`", named.String())
	exist := goPackages(t)
	for name := range exist {
		if !mapped[name] {
			t.Errorf("ARCHITECTURE.md does not have package %s in its map", name)
		}
	}
	for name := range mapped {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil {
			t.Errorf("ARCHITECTURE.md maps %s, which does not exist", name)
		}
	}
}

// goPackages lists the directories that hold Go files which are no tests.
func goPackages(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name := filepath.Base(path)
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (name[0] == '.' || name == "testdata" || name == "node_modules"):
			return filepath.SkipDir
		case strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			dir, err := filepath.Rel(root, filepath.Dir(path))
			found[filepath.ToSlash(dir)] = true
			return err
		}
		return nil
	})
	if err != nil || len(found) < 10 {
		t.Fatalf("%d packages found: %v", len(found), err)
	}
	return found
}

// registryHost matches the hosts of package registries. It is put together
// here, because this file may not hold them either.
var registryHost = regexp.MustCompile(`(?i)registry\.(?:npm` + `js|yarn` + `pkg)|proxy\.go` + `lang\.org|deb\.deb` + `ian\.org`)

func TestNoRegistryHost(t *testing.T) {
	t.Parallel()
	names := documents()
	for _, dir := range []string{"sample", "deploy"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				path, err = filepath.Rel(root, path)
				names = append(names, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		if found := registryHost.FindString(read(t, name)); found != "" {
			t.Errorf("%s names the registry %s", name, found)
		}
	}
	if !registryHost.MatchString("https://Registry.npm" + "js.org/") {
		t.Error("the test finds nothing")
	}
}
