package npm_test

import (
	"testing"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/provider/npm"
	"github.com/registryd/registryd/provider/providertest"
)

// over builds a provider over the registry; change may alter its configuration.
func over(t testing.TB, g *providertest.Registry, change func(*npm.Config, *fetch.Config)) *npm.Provider {
	t.Helper()
	c := npm.Config{Registry: g.URL()}
	f := fetch.Config{Trusted: []string{g.Host()}}
	if change != nil {
		change(&c, &f)
	}
	c.Client = providertest.Client(t, f)
	p, err := npm.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// widget is a small package.
func widget() providertest.Package {
	return providertest.Package{Name: "widget", Version: "1.0.0", Files: map[string][]byte{"index.js": []byte("x")}}
}
