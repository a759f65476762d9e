package cache_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
)

// predecessor writes a tree as the earlier program left it: markers, a version
// that was never finished, marks of absence, mains of all kinds.
func predecessor(t *testing.T, dir string) {
	t.Helper()
	for file, body := range map[string]string{
		"d3/.reg.versions.npm": "[]", "d3/.reg.latest.npm": "7.8.5",
		"d3/7.8.5/.reg.version": "7.8.5", "d3/7.8.5/package.json": "{}", "d3/7.8.5/dist/d3.js": "d3",
		"d3/9.9.9/.reg.404": "", "d3/notes.txt": "x", "d3/latest/x.js": "x",
		"@s/p/1.0.0-rc.1+b/.eslintrc": "{}", "@s/p/main/package.json": `{"version":"2.0.0"}`,
		"@s/p/main/.reg.version": "2.0.0", "@s/p/main/lib/a.js": "a", "@s/.reg.404": "",
		"gone/1.0.0/.reg.404": "", "gone/main/.reg.404": "", ".reg.lock": "", "_private/1.0.0/x": "x", "readme.md": "x",
	} {
		write(t, filepath.Join(dir, file), body)
	}
	symlink(t, "7.8.5", filepath.Join(dir, "d3/main"))
	symlink(t, "7.8.5", filepath.Join(dir, "d3/8.0.0"))
	symlink(t, "/etc/passwd", filepath.Join(dir, "@s/p/main/passwd"))
	symlink(t, "d3", filepath.Join(dir, "alias"))
}

func openTree(t *testing.T, dir string) *cache.Tree {
	t.Helper()
	tree, err := cache.OpenTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Close() })
	return tree
}

// Fault 38: the predecessor's layout.
func TestTree_TellsPackagesFromMarkers(t *testing.T) {
	t.Parallel()
	for _, place := range []string{".", "lib", "www/lib"} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			predecessor(t, filepath.Join(dir, place))
			tree := openTree(t, dir)
			if tree.Path() != filepath.Join(dir, place) {
				t.Errorf("the packages are in %s", tree.Path())
			}
			packages, odd, err := tree.Packages()
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range packages {
				line := string(p.Name)
				for _, v := range p.Versions {
					line += " " + v.String()
				}
				got = append(got, line+" main "+p.Main.Version.String()+" odd "+strings.Join(p.Odd, ","))
				if want := map[string]int{"d3": 1, "gone": 1}[string(p.Name)]; p.Empty != want {
					t.Errorf("%s has %d empty versions, want %d", p.Name, p.Empty, want)
				}
			}
			want := []string{"@s/p 1.0.0-rc.1+b main 2.0.0 odd ", "d3 7.8.5 main 7.8.5 odd 8.0.0,latest,notes.txt", "gone main  odd "}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{"_private", "alias", "readme.md"}, odd); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTreeMain_Links(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]cache.MainKind{
		"1.0.0": cache.MainPin, "./1.0.0/": cache.MainPin, "/srv/lib/p/1.0.0": cache.MainPin, "../p/1.0.0": cache.MainPin,
		"../q/1.0.0": cache.MainLink, "/etc": cache.MainLink, "sub/1.0.0": cache.MainLink, "latest": cache.MainLink,
	} {
		t.Run(target, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, dir+"/p/1.0.0/a.js", "a")
			symlink(t, target, dir+"/p/main")
			packages, _, err := openTree(t, dir).Packages()
			if err != nil || len(packages) != 1 || packages[0].Main.Kind != want {
				t.Errorf("got %+v, %v", packages, err)
			}
		})
	}
}

func TestTree_FollowsNoLinkAndWaitsForNoFifo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir+"/outside.js", "secret")
	write(t, dir+"/lib/p/1.0.0/a.js", "a")
	symlink(t, "../../../outside.js", dir+"/lib/p/1.0.0/link.js")
	symlink(t, "../..", dir+"/lib/p/1.0.0/up")
	if err := syscall.Mkfifo(dir+"/lib/p/1.0.0/fifo", 0o600); err != nil {
		t.Fatal(err)
	}
	tree := openTree(t, dir+"/lib")
	var seen []string
	err := tree.Walk("p", "1.0.0", func(path string, e fs.DirEntry) error {
		seen = append(seen, path)
		if _, _, err := tree.Sum("p", "1.0.0", path); (err == nil) != e.Type().IsRegular() {
			t.Errorf("%s: %v", path, err)
		}
		return nil
	})
	if diff := cmp.Diff([]string{"a.js", "fifo", "link.js", "up"}, seen); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestCopyMain_PM1(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	predecessor(t, dir)
	e, tree := open(t), openTree(t, dir)
	skipped, err := e.CopyMain(t.Context(), tree, "@s/p")
	if err != nil || !slices.Equal(skipped, []string{"passwd"}) {
		t.Fatalf("skipped %q, %v", skipped, err)
	}
	if diff := cmp.Diff([]string{"lib/a.js", "package.json"}, entries(t, e.view("@s/p/main"))); diff != "" {
		t.Error(diff)
	}
	wantFile(t, e.view("@s/p/main/lib/a.js"), "a")
	info, err := os.Stat(e.view("@s/p/main/lib/a.js"))
	if err != nil || info.Mode() != 0o644 || !info.ModTime().Equal(sum("a").ModTime()) {
		t.Errorf("got %v, %v", info, err)
	}
	if main, err := e.Main("@s/p"); err != nil || main.Kind != cache.MainDir || main.Version.String() != "2.0.0" {
		t.Errorf("main is %+v, %v", main, err)
	}
	write(t, e.view("@s/p/main/lib/a.js"), "newer")
	if _, err := e.CopyMain(t.Context(), tree, "@s/p"); !errors.Is(err, outcome.Conflict) {
		t.Errorf("a second time: %v", err)
	}
	wantFile(t, e.view("@s/p/main/lib/a.js"), "newer")
	e.WaitForDeletions()
	wantNothingStaged(t, e)
}

func TestErrForeign_NamesImport(t *testing.T) {
	t.Parallel()
	for place, names := range map[string]bool{"www/lib": true, "lib": true, "photos": false} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, filepath.Join(dir, place, "d3/7.8.5/d3.js"), "d3")
			_, err := cache.Open(cache.Config{Dir: dir, Pub: "/lib/"})
			if !errors.Is(err, cache.ErrForeign) {
				t.Fatal(err)
			}
			want := `"registryd import ` + filepath.Join(dir, place) + `"`
			if strings.Contains(err.Error(), want) != names || strings.Contains(err.Error(), "\n") {
				t.Errorf("it says %v", err)
			}
		})
	}
}
