package registry_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/npm"
	"github.com/registryd/registryd/provider/providertest"
	urlprovider "github.com/registryd/registryd/provider/url"
	"github.com/registryd/registryd/registry"
)

// owned are a public registry and one of one's own, as entries of a chain.
type owned struct {
	publicly, own *providertest.Registry
}

func newOwned(t *testing.T) owned {
	t.Helper()
	one := func(name, body string) providertest.Package {
		return providertest.Package{Name: name, Version: "1.0.0", Files: map[string][]byte{"a.js": []byte(body), "b.js": []byte(body)}}
	}
	return owned{
		providertest.NewRegistry(t, one("@acme/p", "public"), one("q", "public")),
		providertest.NewRegistry(t, one("@acme/p", "own")),
	}
}

func (o owned) entries(t *testing.T, names ...string) []provider.Entry {
	t.Helper()
	list := []provider.Entry{{Provider: overNPM(t, o.publicly, func(c *npm.Config, _ *fetch.Config) { c.Name = "public" })}}
	if len(names) > 0 {
		list = append(list, provider.Entry{
			Provider: overNPM(t, o.own, func(c *npm.Config, _ *fetch.Config) { c.Name = "own" }), Names: patterns(t, names...),
		})
	}
	return list
}

// askInside asks for a file, and comes back when the public registry is asked for
// what. It answers with the fault once finish is called, which waits for the end.
func (o owned) askInside(t *testing.T, e *env, path string, what providertest.Kind, f providertest.Fault) (finish func() error) {
	t.Helper()
	release, ended := make(chan struct{}), make(chan error, 1)
	f.Wait, f.Times = release, 1
	o.publicly.Fault(what, "", f)
	go func() {
		_, err := e.body(t, path)
		ended <- err
	}()
	o.publicly.Await(what, "", 1)
	return func() error {
		close(release)
		return <-ended
	}
}

// A reload gives names to an owner: what others brought of them before is not
// served any more, and all else stays.
func TestNewOwner_PC3(t *testing.T) {
	t.Parallel()
	o := newOwned(t)
	e := start(t, setup{entries: o.entries(t)})
	e.wantBody(t, "/lib/@acme/p/1.0.0/a.js", "public")
	e.wantBody(t, "/lib/q/1.0.0/a.js", "public")
	removed, err := e.Swap(generation(t, setup{entries: o.entries(t, "@acme/*")}))
	if err != nil || !slices.Equal(removed, []string{"@acme/p@1.0.0"}) {
		t.Errorf("removed %q, %v", removed, err)
	}
	e.wantViewed(t, "q/1.0.0/a.js")
	e.wantBody(t, "/lib/@acme/p/1.0.0/b.js", "own")
	e.wantBody(t, "/lib/@acme/p/1.0.0/a.js", "own")
	asked := len(o.own.Requests())
	removed, err = e.Swap(generation(t, setup{entries: o.entries(t, "@acme/*")}))
	if err != nil || len(removed) > 0 {
		t.Errorf("the same again removed %q, %v", removed, err)
	}
	e.wantBody(t, "/lib/@acme/p/1.0.0/b.js", "own")
	if got := len(o.own.Requests()); got != asked {
		t.Errorf("%d requests to the owner for what it brought itself", got-asked)
	}
}

// The same where the daemon was stopped meanwhile.
func TestNewOwnerAtStart_PC3(t *testing.T) {
	t.Parallel()
	o := newOwned(t)
	e := start(t, setup{entries: o.entries(t)})
	if _, err := e.Start(); err != nil {
		t.Fatal(err)
	}
	e.wantBody(t, "/lib/@acme/p/1.0.0/a.js", "public")
	e.stop()
	e = start(t, setup{entries: o.entries(t, "@acme/*"), dir: e.dir})
	removed, err := e.Start()
	if err != nil || !slices.Equal(removed, []string{"@acme/p@1.0.0"}) {
		t.Errorf("removed %q, %v", removed, err)
	}
	e.wantBody(t, "/lib/@acme/p/1.0.0/a.js", "own")
}

// What was on its way while the owner changed does not stay.
func TestFetchedWhileOwnerChanged_PC3(t *testing.T) {
	t.Parallel()
	o := newOwned(t)
	e := start(t, setup{entries: o.entries(t)})
	finish := o.askInside(t, e, "/lib/@acme/p/1.0.0/a.js", providertest.Tarball, providertest.Fault{})
	if _, err := e.Swap(generation(t, setup{entries: o.entries(t, "@acme/*")})); err != nil {
		t.Fatal(err)
	}
	if err := finish(); !errors.Is(err, outcome.Busy) {
		t.Errorf("the request of before ended with %v", err)
	}
	e.wantViewed(t)
	e.wantBody(t, "/lib/@acme/p/1.0.0/a.js", "own")
}

// A version that one place does not have may be in another, also behind a
// restart.
func TestAbsenceIsOfThoseWhoWereAsked_PH7(t *testing.T) {
	t.Parallel()
	o := newOwned(t)
	o.own.Add(t, providertest.Package{Name: "q", Version: "2.0.0", Files: map[string][]byte{"a.js": []byte("own")}})
	e := start(t, setup{entries: o.entries(t)})
	e.wantBody(t, "/lib/q/1.0.0/a.js", "public") // marks are kept of packages that are held
	_ = e.want(t, "/lib/q/2.0.0/a.js", outcome.NotFound)
	e.stop()
	asked := len(o.publicly.Requests())
	e = start(t, setup{entries: o.entries(t), dir: e.dir})
	_ = e.want(t, "/lib/q/2.0.0/a.js", outcome.NotFound)
	if n := len(o.publicly.Requests()); n != asked {
		t.Errorf("%d requests for what is known to be absent", n-asked)
	}
	e.stop()
	e = start(t, setup{entries: o.entries(t, "q"), dir: e.dir})
	e.wantBody(t, "/lib/q/2.0.0/a.js", "own")
}

// A provider's name says little of where its packages come from.
func TestNewOwnerOfTheSameName_PC3(t *testing.T) {
	t.Parallel()
	o := newOwned(t)
	call := func(g *providertest.Registry, name string) provider.Provider {
		return overNPM(t, g, func(c *npm.Config, _ *fetch.Config) { c.Name = name })
	}
	e := start(t, setup{entries: []provider.Entry{{Provider: call(o.publicly, "npm")}}})
	e.wantBody(t, "/lib/@acme/p/1.0.0/a.js", "public")
	removed, err := e.Swap(generation(t, setup{entries: []provider.Entry{
		{Provider: call(o.own, "npm"), Names: patterns(t, "@acme/*")},
		{Provider: call(o.publicly, "public")},
	}}))
	if err != nil || !slices.Equal(removed, []string{"@acme/p@1.0.0"}) {
		t.Errorf("removed %q, %v", removed, err)
	}
	e.wantBody(t, "/lib/@acme/p/1.0.0/a.js", "own")
	e.wantBody(t, "/lib/@acme/p/1.0.0/b.js", "own")
}

func TestNewOwnerWhileHolding_PC3(t *testing.T) {
	t.Parallel()
	o := newOwned(t)
	one := func(name, v, body string) providertest.Package {
		return providertest.Package{Name: name, Version: v, Files: map[string][]byte{"a.js": []byte(body)}}
	}
	o.publicly.Add(t, one("@acme/p", "2.0.0", "public"))
	o.own.Add(t, one("@acme/p", "2.0.0", "own"))
	third := providertest.NewRegistry(t, one("@acme/p", "1.0.0", "third"))
	dir := filepath.Join(t.TempDir(), "data")
	// A third one brought 1.0.0, so that a change of providers is observed, between
	// the look at the owner and the write.
	e0 := start(t, setup{dir: dir, entries: []provider.Entry{{Provider: overNPM(t, third, func(c *npm.Config, _ *fetch.Config) { c.Name = "third" })}}})
	e0.wantBody(t, "/lib/@acme/p/1.0.0/a.js", "third")
	e0.stop()
	c, err := cache.Open(cache.Config{Dir: dir, Pub: "/lib/"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	inside, goOn := make(chan struct{}), make(chan struct{})
	r := registry.New(registry.Config{Cache: c, Logger: slog.New(slog.DiscardHandler), Observe: func(ev registry.Event) {
		if ev.Kind == registry.EventProviderChange && ev.Provider == "public" {
			close(inside)
			<-goOn
		}
	}}, generation(t, setup{entries: o.entries(t)}))
	defer r.Close()
	ended := make(chan error, 1)
	go func() {
		_, err := r.Find(t.Context(), parse(t, "/lib/@acme/p/2.0.0/a.js"))
		ended <- err
	}()
	<-inside
	_, err = r.Swap(generation(t, setup{entries: o.entries(t, "@acme/*")}))
	if err != nil {
		t.Error(err)
	}
	close(goOn)
	<-ended
	m, err := c.Manifest("@acme/p", version(t, "2.0.0"))
	if err == nil && m.Provider != "own" {
		t.Errorf("held of an owned name: brought by %s", m.Provider)
	}
	if data, err := os.ReadFile(filepath.Join(c.View(), "@acme/p/2.0.0/a.js")); err == nil && string(data) != "own" {
		t.Errorf("in the view: %q", data)
	}
}

// nginx serves the view without a manifest; what has none came from anybody.
func TestNewOwnerOfUnreadable_PC3(t *testing.T) {
	t.Parallel()
	o := newOwned(t)
	e := start(t, setup{entries: o.entries(t)})
	e.wantBody(t, "/lib/@acme/p/1.0.0/a.js", "public")
	e.stop()
	write(t, filepath.Join(e.dir, "state/packages/@acme/p/releases/1.0.0.jsonl"), "{")
	e = start(t, setup{entries: o.entries(t, "@acme/*"), dir: e.dir})
	if _, err := e.Start(); err != nil {
		t.Fatal(err)
	}
	e.wantViewed(t)
}

// What others did not have, the new owner may have.
func TestMarkOfBefore_PC3_PH7(t *testing.T) {
	t.Parallel()
	o := newOwned(t)
	o.own.Add(t, providertest.Package{Name: "@acme/z", Version: "1.0.0", Files: map[string][]byte{"a.js": []byte("own")}})
	e := start(t, setup{entries: o.entries(t)})
	finish := o.askInside(t, e, "/lib/@acme/z/1.0.0/a.js", providertest.Version, providertest.Status(http.StatusNotFound))
	if _, err := e.Swap(generation(t, setup{entries: o.entries(t, "@acme/*")})); err != nil {
		t.Fatal(err)
	}
	_ = finish() // whatever became of it
	e.wantBody(t, "/lib/@acme/z/1.0.0/a.js", "own")
}

// A walk that began before does not go on to others, and nothing is assumed of them.
func TestAssumedOfBefore_PC3(t *testing.T) {
	t.Parallel()
	o := newOwned(t)
	z := func(body string) providertest.Package {
		return providertest.Package{Name: "@acme/z", Version: "1.0.0", Files: map[string][]byte{"a.js": []byte(body), "b.js": []byte(body)}}
	}
	s := providertest.NewFileServer(t, providertest.Tagged, z("evil"))
	o.own.Add(t, z("own"))
	u, err := urlprovider.New(urlprovider.Config{Name: "files", URL: s.Files(), Client: guarded(t, s.Hosts()...)})
	if err != nil {
		t.Fatal(err)
	}
	chain := func(names ...string) setup {
		return setup{entries: append(o.entries(t, names...), provider.Entry{Provider: u})}
	}
	e := start(t, chain())
	finish := o.askInside(t, e, "/lib/@acme/z/1.0.0/a.js", providertest.Version, providertest.Status(http.StatusNotFound))
	if _, err := e.Swap(generation(t, chain("@acme/*"))); err != nil {
		t.Fatal(err)
	}
	asked := len(s.Requests())
	_ = finish() // whatever became of it
	if n := len(s.Requests()) - asked; n > 0 {
		t.Errorf("%d requests to somebody else for an owned name", n)
	}
	e.wantBody(t, "/lib/@acme/z/1.0.0/a.js", "own")
	e.wantBody(t, "/lib/@acme/z/1.0.0/b.js", "own")
}

// liar describes another release than it was asked for.
type liar struct{ *npm.Provider }

func (l liar) Release(ctx context.Context, name pkgref.Name, v pkgref.Version) (*provider.Release, error) {
	rel, err := l.Provider.Release(ctx, name, v)
	if err == nil {
		rel.Name = "@acme/p"
	}
	return rel, err
}

func TestReleaseOfAnotherName_PC3(t *testing.T) {
	t.Parallel()
	o := newOwned(t)
	entries := o.entries(t, "@acme/*")
	entries[0].Provider = liar{overNPM(t, o.publicly, func(c *npm.Config, _ *fetch.Config) { c.Name = "public" })}
	e := start(t, setup{entries: entries})
	_ = e.want(t, "/lib/q/1.0.0/a.js", outcome.Unavailable)
	e.wantViewed(t)
	e.wantBody(t, "/lib/@acme/p/1.0.0/a.js", "own")
}
