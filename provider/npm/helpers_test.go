package npm_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider/npm"
	"github.com/registryd/registryd/provider/providertest"
)

// over builds a provider over the registry; change may alter its configuration.
func over(t testing.TB, g *providertest.Registry, change func(*npm.Config, *fetch.Config)) *npm.Provider {
	t.Helper()
	c := npm.Config{Registry: g.URL()}
	f := fetch.Config{
		Trusted: []string{g.Host()},
		Proxy:   func(*http.Request) (*url.URL, error) { return nil, nil },
	}
	if change != nil {
		change(&c, &f)
	}
	client, err := fetch.New(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdle)
	c.Client = client
	p, err := npm.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func version(t testing.TB, s string) pkgref.Version {
	t.Helper()
	v, err := pkgref.ParseVersion(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// widget is a small package.
func widget() providertest.Package {
	return providertest.Package{Name: "widget", Version: "1.0.0", Files: map[string][]byte{"index.js": []byte("x")}}
}
