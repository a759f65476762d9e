package registry_test

import (
	"sync"
	"testing"

	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/providertest"
)

// A provider keeps its name when its registry is changed. Versions of the old
// registry must not be offered, nor its tarballs fetched, on behalf of the new.
func TestListOfAnotherSource_PC3(t *testing.T) {
	t.Parallel()
	one := func(version, body string) providertest.Package {
		return providertest.Package{Name: "p", Version: version, Files: map[string][]byte{"a.js": []byte(body)}}
	}
	before := providertest.NewRegistry(t, one("1.0.0", "old"), one("1.9.0", "old"))
	after := providertest.NewRegistry(t, one("1.0.0", "new"))
	e := start(t, setup{providers: []provider.Provider{overNPM(t, before, nil)}})
	e.wantRedirect(t, "/lib/p/^1/a.js", "/lib/p/1.9.0/a.js")
	next := generation(t, setup{providers: []provider.Provider{overNPM(t, after, nil)}})
	if _, err := e.Swap(next); err != nil {
		t.Fatal(err)
	}
	e.wantRedirect(t, "/lib/p/^1/a.js", "/lib/p/1.0.0/a.js")
	e.wantBody(t, "/lib/p/1.0.0/a.js", "new")
	if n := before.Count(providertest.Tarball, ""); n != 0 {
		t.Errorf("%d tarballs came from the registry of before", n)
	}
}

// Who comes after a reload does not join what began before it and asks another registry; what that ends in is not
// remembered for him, either.
func TestFlightOfAnotherSource_GN2(t *testing.T) {
	t.Parallel()
	one := func(version, body string) providertest.Package {
		return providertest.Package{Name: "p", Version: version, Files: map[string][]byte{"a.js": []byte(body)}}
	}
	before, after := providertest.NewRegistry(t), providertest.NewRegistry(t, one("1.0.0", "new"))
	release := make(chan struct{})
	before.Fault(providertest.Any, "", providertest.Hang(release))
	e := start(t, setup{providers: []provider.Provider{overNPM(t, before, nil)}})
	var early sync.WaitGroup
	for _, path := range []string{"/lib/p/1.0.0/a.js", "/lib/p/^1/a.js"} {
		early.Go(func() { _, _ = e.find(t, path) })
	}
	before.Await(providertest.Any, "", 2)
	next := generation(t, setup{providers: []provider.Provider{overNPM(t, after, nil)}})
	if _, err := e.Swap(next); err != nil {
		t.Fatal(err)
	}
	e.wantBody(t, "/lib/p/1.0.0/a.js", "new")
	e.wantRedirect(t, "/lib/p/^1/a.js", "/lib/p/1.0.0/a.js")
	close(release) // and then it answers that there is nothing
	early.Wait()
	e.wantBody(t, "/lib/p/1.0.0/a.js", "new")
	e.wantRedirect(t, "/lib/p/^1/a.js", "/lib/p/1.0.0/a.js")
}
