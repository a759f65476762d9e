package jsdelivr_test

import (
	"testing"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/provider/jsdelivr"
	"github.com/registryd/registryd/provider/providertest"
)

// over builds a provider over the fake; change may alter its configuration.
func over(t testing.TB, j *providertest.JSDelivr, change func(*jsdelivr.Config)) *jsdelivr.Provider {
	t.Helper()
	c := jsdelivr.Config{API: j.API(), CDN: j.CDN() + "/"}
	if change != nil {
		change(&c)
	}
	c.Client = providertest.Client(t, fetch.Config{Trusted: c.Trusted()})
	p, err := jsdelivr.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// fromGitHub makes it a provider of repositories.
func fromGitHub(c *jsdelivr.Config) { c.Source = jsdelivr.SourceGitHub }

// widget is a small package.
func widget() providertest.Package {
	return providertest.Package{
		Name: "widget", Version: "1.0.0", Tags: []string{"latest"},
		Files: map[string][]byte{"index.js": []byte("export default 1\n"), "dist/a b+c.js": []byte("a")},
	}
}
