package cache_test

import (
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// mains are all the forms that main of @acme/x may have.
func mains(t *testing.T) map[string]struct {
	make func(e env)
	want cache.Main
} {
	v := parseVersion(t, "1.2.3")
	link := func(target string) func(e env) {
		return func(e env) { symlink(t, target, e.view("@acme/x/main")) }
	}
	dir := func(body string) func(e env) {
		return func(e env) { write(t, e.view("@acme/x/main/package.json"), body) }
	}
	return map[string]struct {
		make func(e env)
		want cache.Main
	}{
		"none":              {func(env) {}, cache.Main{}},
		"pin":               {link("1.2.3"), cache.Main{Kind: cache.MainPin, Version: v, Target: "1.2.3"}},
		"pin with a dot":    {link("./1.2.3"), cache.Main{Kind: cache.MainPin, Version: v, Target: "./1.2.3"}},
		"pin with a slash":  {link("1.2.3/"), cache.Main{Kind: cache.MainPin, Version: v, Target: "1.2.3/"}},
		"link to a tag":     {link("v1.2.3"), cache.Main{Kind: cache.MainLink, Target: "v1.2.3"}},
		"link below":        {link("1.2.3/dist"), cache.Main{Kind: cache.MainLink, Target: "1.2.3/dist"}},
		"link elsewhere":    {link("../y/1.2.3"), cache.Main{Kind: cache.MainLink, Target: "../y/1.2.3"}},
		"link out":          {link("/srv/x"), cache.Main{Kind: cache.MainLink, Target: "/srv/x"}},
		"link to itself":    {link("main"), cache.Main{Kind: cache.MainLink, Target: "main"}},
		"directory":         {dir(`{"name":"x","version":"1.2.3"}`), cache.Main{Kind: cache.MainDir, Version: v}},
		"directory, torn":   {dir(`{"version":"1.2.3"`), cache.Main{Kind: cache.MainDir}},
		"directory, none":   {func(e env) { write(t, e.view("@acme/x/main/a.js"), "a") }, cache.Main{Kind: cache.MainDir}},
		"directory, beside": {dir(`{"versions":"1.2.3"}`), cache.Main{Kind: cache.MainDir}},
		"file":              {func(e env) { write(t, e.view("@acme/x/main"), "1.2.3") }, cache.Main{Kind: cache.MainLink}},
	}
}

func TestMain_Forms_PM1(t *testing.T) {
	t.Parallel()
	for name, tt := range mains(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := open(t)
			tt.make(e)
			before := entries(t, e.View())
			got, err := e.Main("@acme/x")
			if diff := cmp.Diff(tt.want, got, sameManifest); diff != "" || err != nil {
				t.Error(diff, err)
			}
			if diff := cmp.Diff(before, entries(t, e.View())); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("absolute pin", func(t *testing.T) {
		t.Parallel()
		e := open(t)
		symlink(t, e.view("@acme/x/1.2.3"), e.view("@acme/x/main"))
		if got, err := e.Main("@acme/x"); err != nil || got.Kind != cache.MainPin || got.Version.String() != "1.2.3" {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestDesignate_PM3(t *testing.T) {
	t.Parallel()
	for name, tt := range mains(t) {
		for how, force := range map[string]bool{"gently": false, "by force": true} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				e := open(t)
				tt.make(e)
				write(t, e.view("@acme/y/1.2.3/a.js"), "a")
				before, _ := os.Lstat(e.view("@acme/x/main"))
				if err := e.Designate("@acme/x", parseVersion(t, "2.0.0"), "ops", force); err != nil {
					t.Fatal(err)
				}
				wantFile(t, e.view("@acme/y/1.2.3/a.js"), "a") // no target is touched
				moved := force || tt.want.Kind == cache.MainNone
				if to, _ := os.Readlink(e.view("@acme/x/main")); moved != (to == "2.0.0") {
					t.Errorf("leads to %q", to)
				}
				_, err := e.Pin("@acme/x")
				if moved != (err == nil) {
					t.Errorf("the record: %v", err)
				}
				if after, _ := os.Lstat(e.view("@acme/x/main")); !moved && !os.SameFile(before, after) {
					t.Error("what a person made was replaced")
				}
				e.WaitForDeletions()
				wantNothingStaged(t, e)
			})
		}
	}
}

func TestDesignate_SurvivesReopen_PA2(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 5, 6, 7, 8, 9, 0, time.FixedZone("", 3600))
	e := openWith(t, cache.Config{Now: func() time.Time { return now }})
	m := e.put(t, "x", "1.0.0", lodash)
	for _, by := range []string{cache.FirstTouch, "ops"} {
		if err := e.Designate(m.Name, m.Version, by, true); err != nil {
			t.Fatal(err)
		}
	}
	e.Close()
	e = openWith(t, cache.Config{Dir: e.dir})
	pin, err := e.Pin("x")
	if diff := cmp.Diff(cache.Pin{Version: "1.0.0", By: "ops", At: now.UTC()}, pin); diff != "" || err != nil {
		t.Error(diff, err)
	}
	e.show(t, m, "index.js")
	wantFile(t, e.view("x/main/index.js"), "module.exports = 1\n")
	os.RemoveAll(e.view("x"))
	if again, err := e.Pin("x"); err != nil || again != pin {
		t.Errorf("without its link: %+v, %v", again, err)
	}
}

func TestPin_Unreadable(t *testing.T) {
	t.Parallel()
	log, logged := logger()
	e := openWith(t, cache.Config{Logger: log})
	if _, err := e.Pin("x"); !errors.Is(err, outcome.NotFound) || logged.Len() != 0 {
		t.Errorf("none: %v, %s", err, logged)
	}
	for name, body := range map[string]string{"torn": `{"version":"1.0`, "zeros": "\x00\x00", "no version": `{}`, "range": `{"version":"^1"}`} {
		logged.Reset()
		write(t, e.path("state/packages/x/pin.json"), body)
		if pin, err := e.Pin("x"); !errors.Is(err, outcome.NotFound) || pin != (cache.Pin{}) {
			t.Errorf("%s: %+v, %v", name, pin, err)
		}
		if !strings.Contains(logged.String(), "file=state/packages/x/pin.json") {
			t.Errorf("%s: logged %q", name, logged)
		}
	}
}

// Of many that find nothing there, one designates and all see its choice.
func TestDesignate_Concurrent_PM2(t *testing.T) {
	t.Parallel()
	e := open(t)
	versions := []pkgref.Version{parseVersion(t, "1.0.0"), parseVersion(t, "2.0.0"), parseVersion(t, "3.0.0")}
	seen := make([]string, 30)
	var herd sync.WaitGroup
	for i := range seen {
		herd.Go(func() {
			if err := e.Designate("x", versions[i%3], cache.FirstTouch, false); err != nil {
				t.Error(err)
			}
			main, err := e.Main("x")
			if err != nil {
				t.Error(err)
			}
			seen[i] = main.Version.String()
		})
	}
	herd.Wait()
	pin, err := e.Pin("x")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range seen {
		if v != pin.Version {
			t.Fatalf("one saw %s, the record says %s", v, pin.Version)
		}
	}
}

// Neither a pin nor a hidden main appears through a link.
func TestDesignate_NotThroughLinks(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]string{"package": "@acme/x", "scope": "@acme"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := open(t)
			write(t, e.view("trap/f"), "f")
			symlink(t, strings.Repeat("../", strings.Count(at, "/"))+"trap", e.view(at))
			if err := e.Designate("@acme/x", parseVersion(t, "1.0.0"), "ops", true); !errors.Is(err, outcome.Busy) {
				t.Errorf("got %v", err)
			}
			if err := os.MkdirAll(e.path("hidden/@acme/x/main"), 0o755); err != nil {
				t.Fatal(err)
			}
			if _, err := e.Sweep(denyNone); !errors.Is(err, outcome.Busy) {
				t.Errorf("a sweep: %v", err)
			}
			found, err := os.ReadDir(e.view("trap"))
			if err != nil || len(found) != 1 {
				t.Errorf("through the link appeared: %v, %v", found, err)
			}
			if _, err := e.Pin("@acme/x"); !errors.Is(err, outcome.NotFound) {
				t.Errorf("recorded what did not happen: %v", err)
			}
		})
	}
}
