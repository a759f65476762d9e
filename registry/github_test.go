package registry_test

import (
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/github"
	"github.com/registryd/registryd/provider/providertest"
	"github.com/registryd/registryd/registry"
)

// overGitHub returns a provider over a fake GitHub.
func overGitHub(tb testing.TB, g *providertest.GitHub) *github.Provider {
	tb.Helper()
	api, codeload := g.Hosts()
	client, err := fetch.New(fetch.Config{
		Trusted: []string{api, codeload},
		Proxy:   func(*http.Request) (*url.URL, error) { return nil, nil },
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(client.CloseIdle)
	p, err := github.New(github.Config{API: g.URL(), Client: client})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// GitHub packs its tarballs anew as it likes: what counts is their content.
func TestGeneratedTarball_PG2_PC8(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*testing.T, *env){
		"tarball lost": func(t *testing.T, e *env) {
			for _, dir := range []string{"blobs", "packs"} {
				for _, f := range below(t, filepath.Join(e.dir, dir)) {
					remove(t, filepath.Join(e.dir, dir, f))
				}
			}
			remove(t, filepath.Join(e.cache.View(), "@acme"))
		},
		"started again": func(t *testing.T, e *env) {
			for _, dir := range []string{"blobs", "packs", "www"} {
				remove(t, filepath.Join(e.dir, dir))
			}
			e.stop()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			widget := providertest.GitHubRelease{Package: providertest.Package{
				Name: "@acme/widget", Version: "1.0.0", Files: map[string][]byte{"a.js": []byte("a"), "dist/b.js": []byte("b")},
			}}
			g := providertest.NewGitHub(t)
			g.Release(t, widget)
			s := setup{providers: []provider.Provider{overGitHub(t, g)}, dir: filepath.Join(t.TempDir(), "data")}
			e := start(t, s)
			again := func() {
				t.Helper()
				if lose(t, e); name == "started again" {
					e = start(t, s)
				}
			}
			e.wantRedirect(t, "/lib/@acme/widget/^1/a.js", "/lib/@acme/widget/1.0.0/a.js")
			e.wantBody(t, "/lib/@acme/widget/1.0.0/a.js", "a")

			g.Repack()
			again()
			e.wantBody(t, "/lib/@acme/widget/1.0.0/dist/b.js", "b")
			if n := e.count(registry.EventContentChange); n != 0 || g.Count(providertest.Download) != 2 {
				t.Fatalf("%d alarms, %d downloads, log:\n%s", n, g.Count(providertest.Download), e.log)
			}

			widget.Files = map[string][]byte{"a.js": []byte("a"), "dist/b.js": []byte("evil")}
			g.Release(t, widget) // the tag was moved
			again()
			e.want(t, "/lib/@acme/widget/1.0.0/dist/b.js", outcome.Refused)
			e.want(t, "/lib/@acme/widget/1.0.0/a.js", outcome.Refused)
			if n := e.count(registry.EventContentChange); n != 1 || !strings.Contains(e.log.String(), "@acme/widget") {
				t.Errorf("%d alarms, log:\n%s", n, e.log)
			}
		})
	}
}

func TestGitHubThrottles_PG2(t *testing.T) {
	t.Parallel()
	g := providertest.NewGitHub(t)
	g.Release(t, providertest.GitHubRelease{Package: providertest.Package{Name: "@acme/widget", Version: "1.0.0"}})
	g.Fault(providertest.Any, "", providertest.SecondaryLimit(403))
	behind := newSource("behind").versionsOf("@acme/widget", "6.6.6")
	e := start(t, setup{providers: []provider.Provider{overGitHub(t, g), behind}})
	for _, path := range []string{"/lib/@acme/widget/1.0.0/x", "/lib/@acme/widget/^1/x", "/lib/@acme/widget/latest/x"} {
		if err := e.want(t, path, outcome.Busy); outcome.RetryAfter(err) < outcome.DefaultRetry {
			t.Errorf("%s: come back after %v", path, outcome.RetryAfter(err))
		}
	}
	behind.wantCount(t, "", 0)
	if n := g.Count(providertest.Any); n != 1 {
		t.Errorf("%d requests", n)
	}
	// Not GitHub's to answer: it costs nothing there.
	plain := newSource("plain").versionsOf("widget", "1.0.0")
	e = start(t, setup{providers: []provider.Provider{overGitHub(t, g), plain}})
	e.wantBody(t, "/lib/widget/1.0.0/index.js", "plain 1.0.0")
	if n := g.Count(providertest.Any); n != 1 {
		t.Errorf("%d requests", n)
	}
}
