package registry_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/npm"
	"github.com/registryd/registryd/provider/providertest"
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
	release := make(chan struct{})
	o.publicly.Fault(providertest.Tarball, "", providertest.Fault{Wait: release, Times: 1})
	ended := make(chan error, 1)
	go func() {
		_, err := e.body(t, "/lib/@acme/p/1.0.0/a.js")
		ended <- err
	}()
	o.publicly.Await(providertest.Tarball, "", 1)
	if _, err := e.Swap(generation(t, setup{entries: o.entries(t, "@acme/*")})); err != nil {
		t.Fatal(err)
	}
	close(release)
	if err := <-ended; !errors.Is(err, outcome.Busy) {
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
