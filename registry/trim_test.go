package registry_test

import (
	"testing"
	"time"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/providertest"
)

// What was evicted comes back as it was, or not at all.
func TestEvictedComesBack_PF3_PC8(t *testing.T) {
	t.Parallel()
	one := func(body string) providertest.Package {
		return providertest.Package{Name: "p", Version: "1.0.0", Files: map[string][]byte{"a.js": []byte(body), "b.js": []byte("b")}}
	}
	g := providertest.NewRegistry(t, one("a"))
	e := start(t, setup{providers: []provider.Provider{overNPM(t, g, nil)}})
	evict := func() {
		t.Helper()
		e.clock.add(time.Minute)
		e.cache.SetBudget(cache.Amount{Files: 1})
		if got, err := e.Trim(t.Context(), false); err != nil || len(got.Evicted) != 1 {
			t.Fatalf("evicted %+v, %v", got, err)
		}
		e.cache.SetBudget(cache.Amount{})
		e.wantViewed(t)
	}
	e.wantBody(t, "/lib/p/1.0.0/a.js", "a")
	evict()
	e.wantBody(t, "/lib/p/1.0.0/b.js", "b")
	e.wantBody(t, "/lib/p/1.0.0/a.js", "a")
	if n := g.Count(providertest.Tarball, ""); n != 2 {
		t.Errorf("%d tarballs were fetched", n)
	}
	evict()
	g.Add(t, one("another"))
	_ = e.want(t, "/lib/p/1.0.0/a.js", outcome.Refused)
	e.wantViewed(t)
	if e.count("content-change") == 0 {
		t.Error("no alarm")
	}
}

// A file of a files release that was just answered from the view stays a moment.
func TestJustAnsweredLooseStays_PF3(t *testing.T) {
	t.Parallel()
	s := providertest.NewFileServer(t, providertest.Tagged, providertest.Package{Name: "p", Version: "1.0.0", Files: map[string][]byte{"a.js": []byte("a")}})
	e := start(t, setup{providers: []provider.Provider{overFiles(t, s, false)}})
	e.wantBody(t, "/lib/p/1.0.0/a.js", "a")
	e.clock.add(time.Hour)
	e.wantBody(t, "/lib/p/1.0.0/a.js", "a")
	e.cache.SetBudget(cache.Amount{Files: 1})
	if got, err := e.Trim(t.Context(), false); err != nil || len(got.Evicted) > 0 {
		t.Errorf("evicted %+v, %v", got, err)
	}
}
