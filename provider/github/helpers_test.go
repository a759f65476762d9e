package github_test

import (
	"io"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/github"
	"github.com/registryd/registryd/provider/providertest"
)

// over builds a provider over the fake; change may alter its configuration.
func over(t testing.TB, g *providertest.GitHub, change func(*github.Config, *fetch.Config)) *github.Provider {
	t.Helper()
	api, codeload := g.Hosts()
	c := github.Config{API: g.URL()}
	f := fetch.Config{Trusted: []string{api, codeload}}
	if change != nil {
		change(&c, &f)
	}
	c.Client = providertest.Client(t, f)
	p, err := github.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// plainTags makes a provider look at plain tags alone.
func plainTags(c *github.Config, _ *fetch.Config) { c.Source = github.SourceTags }

// widget is a release of a small package.
func widget(v string) providertest.GitHubRelease {
	return providertest.GitHubRelease{Package: providertest.Package{
		Name: "@acme/widget", Version: v, Files: map[string][]byte{"index.js": []byte("// " + v + "\n")},
	}}
}

// day is a day of 2024, counted from its first.
func day(n int) time.Time { return time.Date(2024, 1, n, 0, 0, 0, 0, time.UTC) }

// listed lists the versions of @acme/widget, "" where that fails.
func listed(t testing.TB, p *github.Provider) (versions string, vs *provider.Versions) {
	t.Helper()
	vs, err := p.Versions(t.Context(), "@acme/widget", "")
	if err != nil {
		t.Error(err)
		return "", &provider.Versions{}
	}
	for _, l := range vs.List {
		versions += " " + l.Version.String()
	}
	return versions[1:], vs
}

func readArchive(t testing.TB, p *github.Provider, r *provider.Release) ([]byte, error) {
	t.Helper()
	rc, err := p.OpenArchive(t.Context(), r)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	return io.ReadAll(rc)
}
