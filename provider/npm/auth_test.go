package npm_test

import (
	"net/url"
	"testing"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/provider/npm"
	"github.com/registryd/registryd/provider/providertest"
)

func TestCredentialsStayWithTheirPlace_PG1(t *testing.T) {
	t.Parallel()
	s := settings(t, `
//r.test/npm/:_authToken=inner
//r.test/:_authToken=outer
//port.test:8443/:_authToken=port
//Upper.TEST:_authToken=upper
//basic.test/:_auth=dXNlcjpwYXNz
//user.test/:username=user
//user.test/:_password=cGFzcw==
//unset.test/:_authToken=${NOT_SET}
//plain.test/:_authToken=plain
//[::1]:4873/:_authToken=v6
`, nil)
	client := providertest.Client(t, fetch.Config{})
	p, err := npm.New(npm.Config{
		Client: client, Settings: s, Token: "own",
		Registry: "https://own.test/base",
		Scopes:   map[string]string{"@p": "http://plain.test", "@u": "https://name:word@url.test/x/"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for rawURL, want := range map[string]string{
		"https://own.test/base/widget":          "Bearer own",
		"https://OWN.test:443/base/w/-/w.tgz":   "Bearer own",
		"https://own.test/":                     "",
		"https://own.test/bases/widget":         "",
		"https://own.test/base/../other/widget": "",
		"https://own.test/base/%2e%2E/w":        "",
		"https://own.test/base/x%2f..%2f..%2fw": "",
		"https://own.test:8443/base/widget":     "",
		"http://own.test/base/widget":           "",
		"https://sub.own.test/base/widget":      "",
		"https://r.test/npm/widget":             "Bearer inner",
		"https://r.test/widget":                 "Bearer outer",
		"https://r.test/npmx/widget":            "Bearer outer",
		"https://r.test:444/widget":             "",
		"https://port.test:8443/widget":         "Bearer port",
		"https://port.test/widget":              "",
		"https://upper.test/widget":             "Bearer upper",
		"https://basic.test/w":                  "Basic dXNlcjpwYXNz",
		"https://user.test/w":                   "Basic dXNlcjpwYXNz",
		"https://unset.test/w":                  "",
		"http://plain.test/w":                   "Bearer plain",
		"https://plain.test/w":                  "Bearer plain",
		"http://r.test/w":                       "",
		"https://url.test/x/w":                  "Basic bmFtZTp3b3Jk",
		"https://url.test/y/w":                  "",
		"https://[::1]:4873/w":                  "Bearer v6",
		"https://evil.test/?//own.test/base/":   "",
		"https://evil.test/own.test/base/w":     "",
		"https://r.test@evil.test/npm/w":        "",
		"https://evil.test/r.test/npm/w":        "",
	} {
		u, err := url.Parse(rawURL)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.AuthFor(u); got != want {
			t.Errorf("%s: got %q, want %q", rawURL, got, want)
		}
	}
}

// The token of the registry goes with its tarballs, and to no other host:
// neither one that a document names nor one that a redirect leads to.
func TestTokenNeverReachesAnotherHost_PG1(t *testing.T) {
	t.Parallel()
	other := providertest.NewRegistry(t, widget())
	away := widget()
	away.Version, away.TarballURL = "2.0.0", other.URL()+"/widget/-/widget-1.0.0.tgz"
	g := providertest.NewRegistry(t, widget(), away)
	moved := "/widget/-/widget-1.0.0.tgz"
	p := over(t, g, func(c *npm.Config, f *fetch.Config) {
		c.Token = "hunter2"
		f.Trusted = append(f.Trusted, other.Host())
	})
	open := func(v string) {
		t.Helper()
		r, err := p.Release(t.Context(), "widget", providertest.ParseVersion(t, v))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readArchive(t, p, r); err != nil {
			t.Fatal(err)
		}
	}
	open("1.0.0")
	open("2.0.0")
	g.Fault(providertest.Tarball, "", providertest.Redirect(other.URL()+moved))
	open("1.0.0")
	for _, r := range g.Requests() {
		if r.Header.Get("Authorization") != "Bearer hunter2" {
			t.Errorf("%s came without the token", r.Path)
		}
	}
	if n := other.Count(providertest.Any, ""); n != 2 {
		t.Errorf("%d requests to the other host", n)
	}
	for _, r := range other.Requests() {
		if v := r.Header.Get("Authorization"); v != "" {
			t.Errorf("the other host got %q", v)
		}
	}
}
