package registry_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/registry"
)

// imported takes over all of a directory and returns the report by package.
func (e *env) imported(t *testing.T, dir string, dry bool) map[string]*registry.Imported {
	t.Helper()
	tree, err := cache.OpenTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	packages, _, err := tree.Packages()
	if err != nil {
		t.Fatal(err)
	}
	reports := map[string]*registry.Imported{}
	for _, p := range packages {
		if reports[string(p.Name)], err = e.Import(t.Context(), tree, p, dry); err != nil {
			t.Fatal(err)
		}
	}
	return reports
}

func leftOut(i *registry.Imported) []string {
	var what []string
	for _, l := range i.LeftOut {
		what = append(what, l.What)
	}
	return what
}

// Fault 38: nothing of an old cache is believed.
func TestImport_VerifiesEverything_Fault38(t *testing.T) {
	t.Parallel()
	s := newSource("npm").put("p", "1.0.0", text{"index.js": "good", "a.js": "a", "b.js": "b"}).versionsOf("p", "3.0.0")
	s.versionsOf("bad", "1.0.0")
	old := t.TempDir()
	for file, body := range map[string]string{
		"p/.reg.versions.npm": "[]", "p/1.0.0/.reg.version": "1.0.0", "p/1.0.0/index.js": "evil",
		"p/1.0.0/a.js": "a", "p/1.0.0/extra.js": "x", // half unpacked: b.js is missing
		"p/2.0.0/index.js": "never published", "p/3.0.0/index.js": "npm 3.0.0", "p/9.0.0/.reg.404": "",
		"bad/1.0.0/index.js": "bad 1.0.0",
	} {
		write(t, filepath.Join(old, file), body)
	}
	if err := errors.Join(os.Symlink("a.js", old+"/p/1.0.0/link.js"), os.Symlink("1.0.0", old+"/p/main"), os.Symlink("1.0.0", old+"/bad/main")); err != nil {
		t.Fatal(err)
	}
	e := start(t, setup{providers: []provider.Provider{s}, policy: deny("bad")})

	dry := e.imported(t, old, true)["p"]
	if diff := cmp.Diff([]string{"1.0.0", "3.0.0"}, dry.Releases); diff != "" || dry.Main != "is pinned to 1.0.0" {
		t.Errorf("dry: %+v\n%s", dry, diff)
	}
	s.wantCount(t, "archive", 0)
	e.wantViewed(t)

	all := e.imported(t, old, false)
	p := all["p"]
	if diff := cmp.Diff([]string{"1.0.0", "3.0.0"}, p.Releases); diff != "" || p.Same != 2 || p.Empty != 1 {
		t.Errorf("got %+v\n%s", p, diff)
	}
	differs := []string{
		"1.0.0/extra.js: is not in the release", "1.0.0/index.js: has other content", "1.0.0/link.js: is no regular file",
	}
	if diff := cmp.Diff(differs, p.Differs); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"2.0.0"}, leftOut(p)); diff != "" || !p.LeftOut[0].Final() {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"1.0.0", "main"}, leftOut(all["bad"])); diff != "" || !all["bad"].LeftOut[1].Final() {
		t.Error(diff)
	}
	if pin, err := e.cache.Pin("p"); err != nil || pin.Version != "1.0.0" || pin.By != registry.ImportedBy {
		t.Errorf("the record says %+v, %v", pin, err)
	}
	e.wantPin(t, "p", "1.0.0")
	e.wantBody(t, "/lib/p/main/index.js", "good")
	e.wantBody(t, "/lib/p/main/b.js", "b")

	// Once more changes nothing, and what was chosen here since stays.
	calls := s.count("archive")
	if again := e.imported(t, old, false)["p"]; again.Main != "is 1.0.0 already" || len(again.Releases) != 2 {
		t.Errorf("again: %+v", again)
	}
	if err := e.Designate(t.Context(), "p", version(t, "3.0.0"), "ops"); err != nil {
		t.Fatal(err)
	}
	if again := e.imported(t, old, false)["p"]; again.Main != "" || !errors.Is(again.LeftOut[1].Why, outcome.Conflict) {
		t.Errorf("after a designation: %+v", again)
	}
	s.wantCount(t, "archive", calls)
	e.wantPin(t, "p", "3.0.0")
}

func TestImport_TroubleIsNotFinal(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0")
	s.fail(outcome.New(outcome.Unavailable, "away"))
	old := t.TempDir()
	write(t, old+"/p/1.0.0/index.js", "npm 1.0.0")
	e := start(t, one(s))
	p := e.imported(t, old, false)["p"]
	if diff := cmp.Diff([]string{"1.0.0"}, leftOut(p)); diff != "" || p.LeftOut[0].Final() {
		t.Errorf("got %+v\n%s", p, diff)
	}
}

func TestImport_FilesRelease_PG5(t *testing.T) {
	t.Parallel()
	s := newSource("url")
	s.files, s.open = true, true
	s.put("p", "1.0.0", text{"a.js": "a", "b.js": "b"})
	old := t.TempDir()
	write(t, old+"/p/1.0.0/a.js", "a")
	write(t, old+"/p/1.0.0/b.js", "evil")
	write(t, old+"/p/2.0.0/a.js", "a")
	e := start(t, one(s))
	p := e.imported(t, old, false)["p"]
	if diff := cmp.Diff([]string{"1.0.0"}, p.Releases); diff != "" || p.Same != 1 || len(p.LeftOut) != 1 {
		t.Errorf("got %+v\n%s", p, diff)
	}
	e.wantViewed(t, "p/1.0.0/a.js", "p/1.0.0/b.js")
	e.wantBody(t, "/lib/p/1.0.0/b.js", "b")
}

func TestImport_MainDirectory_PM1_PM5(t *testing.T) {
	t.Parallel()
	old := t.TempDir()
	write(t, old+"/p/main/package.json", `{"version":"2.0.0"}`)
	write(t, old+"/p/main/index.js", "by hand")
	write(t, old+"/q/main/package.json", `{"version":"2.0.0"}`)
	write(t, old+"/q/main/index.js", "by hand")
	e := start(t, setup{providers: []provider.Provider{newSource("npm")}, policy: deny("q@2")})
	all := e.imported(t, old, false)
	if all["p"].Main == "" || len(all["p"].LeftOut) != 0 {
		t.Errorf("p: %+v", all["p"])
	}
	e.wantBody(t, "/lib/p/main/index.js", "by hand")
	if all["q"].Main != "" || !errors.Is(all["q"].LeftOut[0].Why, outcome.Forbidden) {
		t.Errorf("q: %+v", all["q"])
	}
	e.wantViewed(t, "p/main/index.js", "p/main/package.json")
}
