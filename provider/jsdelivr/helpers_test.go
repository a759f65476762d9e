package jsdelivr_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/pkgref"
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
	client, err := fetch.New(fetch.Config{
		Trusted: c.Trusted(),
		Proxy:   func(*http.Request) (*url.URL, error) { return nil, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdle)
	c.Client = client
	p, err := jsdelivr.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// fromGitHub makes it a provider of repositories.
func fromGitHub(c *jsdelivr.Config) { c.Source = jsdelivr.SourceGitHub }

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
	return providertest.Package{
		Name: "widget", Version: "1.0.0", Tags: []string{"latest"},
		Files: map[string][]byte{"index.js": []byte("export default 1\n"), "dist/a b+c.js": []byte("a")},
	}
}
