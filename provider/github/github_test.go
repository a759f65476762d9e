package github_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/github"
	"github.com/registryd/registryd/provider/providertest"
)

func TestConformance_PG2(t *testing.T) {
	t.Parallel()
	providertest.Run(t, providertest.Fixture{
		NoTags: true, // beside latest
		New: func(t *testing.T, packages []providertest.Package) provider.Provider {
			return over(t, providertest.NewGitHub(t, packages...), nil)
		},
		Failing: func(t *testing.T, packages []providertest.Package) provider.Provider {
			g := providertest.NewGitHub(t, packages...)
			g.Fault(providertest.Any, "", providertest.Status(500))
			return over(t, g, nil)
		},
	})
}

// TestConformanceOfTags_PG2 is of repositories that have plain tags alone,
// found by way of the releases that they do not have, or directly.
func TestConformanceOfTags_PG2(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*github.Config, *fetch.Config){"fallback": nil, "source tags": plainTags} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tagged := func(t *testing.T, packages []providertest.Package) *providertest.GitHub {
				g := providertest.NewGitHub(t)
				for i, p := range packages {
					tag := []string{"", p.Version}[i%2]
					g.Tag(t, providertest.GitHubRelease{Package: p, Tag: tag})
				}
				return g
			}
			providertest.Run(t, providertest.Fixture{
				NoTags: true, NoTimes: true,
				New: func(t *testing.T, packages []providertest.Package) provider.Provider {
					return over(t, tagged(t, packages), change)
				},
				Failing: func(t *testing.T, packages []providertest.Package) provider.Provider {
					g := tagged(t, packages)
					g.Fault(providertest.Any, "", providertest.HTML())
					return over(t, g, change)
				},
			})
		})
	}
}

func TestTagsWithAndWithoutV_PG2(t *testing.T) {
	t.Parallel()
	g := providertest.NewGitHub(t)
	for i, tag := range []string{"v1.0.0", "1.1.0", "v1.2.0", "1.2.0", "1.3.0", "v1.3.0", "v1.4", "nightly", "vv1.5.0", "V1.5.0", "pkg@1.6.0", "v1.7.0-rc.1"} {
		r := widget("1.0.0")
		r.Tag, r.Created = tag, day(1+i)
		g.Release(t, r)
	}
	p := over(t, g, nil)
	versions, vs := listed(t, p)
	if want := "1.0.0 1.1.0 1.2.0 1.3.0 1.7.0-rc.1"; versions != want {
		t.Errorf("got %s, want %s", versions, want)
	}
	for v, tag := range map[string]string{"1.0.0": "v1.0.0", "1.1.0": "1.1.0", "1.2.0": "v1.2.0", "1.3.0": "v1.3.0"} {
		want := &provider.Archive{URL: "refs/tags/" + tag, Generated: true}
		r, err := p.Release(t.Context(), "@acme/widget", providertest.ParseVersion(t, v))
		if err != nil || !cmp.Equal(r.Archive, want) {
			t.Errorf("release %s: got %+v, %v", v, r, err)
		}
		if i := vs.Index(v); i < 0 || !cmp.Equal(vs.List[i].Archive, want) {
			t.Errorf("listed %s: got %+v", v, vs.List)
		}
	}
	if _, err := p.Release(t.Context(), "@acme/widget", providertest.ParseVersion(t, "1.5.0")); !errors.Is(err, outcome.NotFound) {
		t.Errorf("another tag was taken for 1.5.0: %v", err)
	}
}

func TestLatest_PG2(t *testing.T) {
	t.Parallel()
	type release struct {
		version    string
		day        int
		prerelease bool
		draft      bool
	}
	for _, tt := range []struct {
		name     string
		releases []release
		want     string // "" is none
	}{
		{"newest, not highest", []release{{version: "2.0.0", day: 1}, {version: "1.9.1", day: 2}}, "1.9.1"},
		{"marked as a prerelease", []release{{version: "1.0.0", day: 1}, {version: "1.1.0", day: 2, prerelease: true}}, "1.0.0"},
		{"version of a prerelease", []release{{version: "1.0.0", day: 1}, {version: "1.1.0-rc.1", day: 2}}, "1.0.0"},
		{"draft", []release{{version: "1.0.0", day: 1}, {version: "1.1.0", day: 2, draft: true}}, "1.0.0"},
		{"of one commit", []release{{version: "1.0.0", day: 1}, {version: "1.1.0", day: 1}, {version: "1.0.5", day: 1}}, "1.1.0"},
		{"all marked", []release{{version: "1.0.0", day: 1, prerelease: true}, {version: "1.1.0", day: 1, prerelease: true}}, "1.1.0"},
		{"all prereleases", []release{{version: "1.0.0-a", day: 1}, {version: "1.0.0-b", day: 1, prerelease: true}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := providertest.NewGitHub(t)
			for _, r := range tt.releases {
				w := widget(r.version)
				w.Created, w.Prerelease, w.Draft = day(r.day), r.prerelease, r.draft
				g.Release(t, w)
			}
			_, vs := listed(t, over(t, g, nil))
			if v, _ := vs.TagVersion(pkgref.Latest); v.String() != tt.want {
				t.Errorf("latest is %q, want %q", v, tt.want)
			}
			if g.Count(providertest.Any) != 1 {
				t.Errorf("%d requests", g.Count(providertest.Any))
			}
		})
	}
}

// A mark as prerelease is about latest alone: the version is what ranges go by.
func TestMarkedPrereleaseIsAVersion_PG2(t *testing.T) {
	t.Parallel()
	g := providertest.NewGitHub(t)
	w := widget("1.1.0")
	w.Prerelease = true
	g.Release(t, w)
	p := over(t, g, nil)
	if versions, _ := listed(t, p); versions != "1.1.0" {
		t.Errorf("listed %q", versions)
	}
	if _, err := p.Release(t.Context(), "@acme/widget", providertest.ParseVersion(t, "1.1.0")); err != nil {
		t.Error(err)
	}
}

func TestDrafts_PG2(t *testing.T) {
	t.Parallel()
	g := providertest.NewGitHub(t)
	draft := widget("1.0.0")
	draft.Draft = true
	g.Release(t, draft)
	p := over(t, g, nil)
	absent := func(what string) {
		t.Helper()
		if _, err := p.Versions(t.Context(), "@acme/widget", ""); !errors.Is(err, outcome.NotFound) {
			t.Errorf("%s: list: %v", what, err)
		}
		if _, err := p.Release(t.Context(), "@acme/widget", providertest.ParseVersion(t, "1.0.0")); !errors.Is(err, outcome.NotFound) {
			t.Errorf("%s: release: %v", what, err)
		}
	}
	absent("drafts alone")
	g.Tag(t, widget("0.9.0"))
	if versions, _ := listed(t, p); versions != "0.9.0" {
		t.Errorf("a draft hides the plain tags: %q", versions)
	}
	g.Fault(providertest.ReleaseByTag, "", providertest.Text(`{"tag_name":"v1.0.0","draft":true}`))
	if _, err := p.Release(t.Context(), "@acme/widget", providertest.ParseVersion(t, "1.0.0")); !errors.Is(err, outcome.NotFound) {
		t.Errorf("a draft found by its tag: %v", err)
	}
}

func TestReleasesHidePlainTags_PG2(t *testing.T) {
	t.Parallel()
	g := providertest.NewGitHub(t)
	g.Release(t, widget("1.0.0"))
	g.Tag(t, widget("0.9.0"))
	p := over(t, g, nil)
	if versions, _ := listed(t, p); versions != "1.0.0" {
		t.Errorf("listed %q", versions)
	}
	if _, err := p.Release(t.Context(), "@acme/widget", providertest.ParseVersion(t, "0.9.0")); !errors.Is(err, outcome.NotFound) {
		t.Errorf("release: %v", err)
	}
	p = over(t, g, plainTags)
	if versions, _ := listed(t, p); versions != "0.9.0 1.0.0" {
		t.Errorf("source tags: listed %q", versions)
	}
	if _, err := p.Release(t.Context(), "@acme/widget", providertest.ParseVersion(t, "0.9.0")); err != nil {
		t.Errorf("source tags: release: %v", err)
	}
}

func TestNames_PG2(t *testing.T) {
	t.Parallel()
	g := providertest.NewGitHub(t)
	p := over(t, g, nil)
	for _, name := range []string{
		"widget", "@acme.corp/widget", "@-acme/widget", "@_acme/widget", "@ac~me/widget", "@acme/wid~get", "@acme/widget.git",
		"@" + strings.Repeat("a", 40) + "/widget", "@acme/" + strings.Repeat("w", 101), "@acme/..", "@acme/widget/x", "@/x", "",
	} {
		if _, err := p.Versions(t.Context(), pkgref.Name(name), ""); !errors.Is(err, outcome.NotFound) {
			t.Errorf("list of %q: %v", name, err)
		}
		if _, err := p.Release(t.Context(), pkgref.Name(name), providertest.ParseVersion(t, "1.0.0")); !errors.Is(err, outcome.NotFound) {
			t.Errorf("release of %q: %v", name, err)
		}
		r := &provider.Release{Name: pkgref.Name(name), Version: providertest.ParseVersion(t, "1.0.0"), Archive: &provider.Archive{URL: "refs/tags/v1.0.0"}}
		if _, err := p.OpenArchive(t.Context(), r); !errors.Is(err, outcome.NotFound) {
			t.Errorf("tarball of %q: %v", name, err)
		}
	}
	if n := g.Count(providertest.Any); n != 0 {
		t.Errorf("%d requests for names that no repository has", n)
	}
	for _, name := range []string{"@a/b", "@Acme-Corp_co/my.lib_x-Y", "@9/9"} {
		g.Create(name)
		if _, err := p.Versions(t.Context(), pkgref.Name(name), ""); !errors.Is(err, outcome.NotFound) {
			t.Errorf("list of %q: %v", name, err)
		}
	}
	if n := g.Count(providertest.Any); n != 6 {
		t.Errorf("%d requests for names that repositories may have", n)
	}
}

// A rule speaks of one spelling; the others must not lead past it.
func TestSpelling(t *testing.T) {
	t.Parallel()
	g := providertest.NewGitHub(t)
	g.Release(t, widget("1.0.0"))
	for _, change := range []func(*github.Config, *fetch.Config){nil, plainTags} {
		p := over(t, g, change)
		for _, name := range []pkgref.Name{"@Acme/widget", "@acme/Widget"} {
			if vs, err := p.Versions(t.Context(), name, ""); !errors.Is(err, outcome.NotFound) {
				t.Errorf("list of %s: %v, %v", name, vs, err)
			}
			if r, err := p.Release(t.Context(), name, providertest.ParseVersion(t, "1.0.0")); !errors.Is(err, outcome.NotFound) {
				t.Errorf("release of %s: %v, %v", name, r, err)
			}
		}
	}
}

func TestRenamed_PG2(t *testing.T) {
	t.Parallel()
	g := providertest.NewGitHub(t)
	g.Release(t, widget("1.0.0"))
	g.Rename("@acme/widget", "@acme-corp/gadget")
	p := over(t, g, func(c *github.Config, _ *fetch.Config) { c.Token = "t0ken" })
	for _, name := range []pkgref.Name{"@acme/widget", "@acme-corp/gadget"} {
		vs, err := p.Versions(t.Context(), name, "")
		if err != nil || vs.Name != name {
			t.Fatalf("list of %s: %+v, %v", name, vs, err)
		}
		r, err := p.Release(t.Context(), name, providertest.ParseVersion(t, "1.0.0"))
		if err != nil || r.Name != name {
			t.Fatalf("release of %s: %+v, %v", name, r, err)
		}
		if b, err := readArchive(t, p, r); err != nil || len(b) == 0 {
			t.Errorf("tarball of %s: %d bytes, %v", name, len(b), err)
		}
	}
	moved := slices.DeleteFunc(g.Requests(), func(r providertest.Request) bool {
		return !strings.HasPrefix(r.Path, "/repositories/")
	})
	for _, r := range moved {
		if r.Header.Get("Authorization") != "Bearer t0ken" {
			t.Errorf("%s is asked without the token, on the same host", r.Path)
		}
	}
	if len(moved) != 3 {
		t.Errorf("%d requests by number", len(moved))
	}
}

func TestNew_PG2(t *testing.T) {
	t.Parallel()
	client := providertest.Client(t, fetch.Config{})
	for name, c := range map[string]github.Config{
		"no client":          {},
		"bad scheme":         {Client: client, API: "ftp://hunter2.test"},
		"user info":          {Client: client, API: "https://user:hunter2@api.test"},
		"no URL":             {Client: client, API: "https://user:hunter2@%zz"},
		"query":              {Client: client, API: "https://api.test?x=hunter2"},
		"bad source":         {Client: client, Source: "branches"},
		"too many pages":     {Client: client, Pages: 101},
		"negative pages":     {Client: client, Pages: -1},
		"scope with a slash": {Client: client, Scope: map[string]string{"@acme/widget": "hunter2"}},
		"repo without scope": {Client: client, Repo: map[string]string{"widget": "hunter2"}},
		"one scope twice":    {Client: client, Scope: map[string]string{"acme": "hunter2", "@Acme": "hunter2"}},
		"one repo twice":     {Client: client, Repo: map[string]string{"@a/b": "hunter2", "@a/B": "hunter2"}},
		"repo of a bad name": {Client: client, Repo: map[string]string{"@acme/a~b": "hunter2"}},
	} {
		if _, err := github.New(c); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	p, err := github.New(github.Config{Client: client})
	if err != nil || p.Name() != "github" {
		t.Errorf("got %v, %v", p, err)
	}
}

func TestTrusted(t *testing.T) {
	t.Parallel()
	for api, want := range map[string][]string{
		"":                                    nil,
		"https://git.example.org/api/v3/":     {"git.example.org:443", "codeload.git.example.org:443"},
		"http://git.example.org:8080":         {"git.example.org:8080"},
		"https://192.0.2.1/api/v3":            {"192.0.2.1:443"},
		"no URL":                              nil,
		"https://[2001:db8::1]:8443/x/api/v3": {"[2001:db8::1]:8443"},
	} {
		if got := (github.Config{API: api}).Trusted(); !slices.Equal(got, want) {
			t.Errorf("%q: got %q", api, got)
		}
	}
}
