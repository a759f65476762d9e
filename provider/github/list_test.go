package github_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/github"
	"github.com/registryd/registryd/provider/providertest"
)

// many publishes n releases, 1.0.0 being the oldest.
func many(t testing.TB, n int) *providertest.GitHub {
	t.Helper()
	g := providertest.NewGitHub(t)
	for i := range n {
		w := widget(fmt.Sprintf("1.%d.0", i))
		w.Created = day(1 + i)
		g.Release(t, w)
	}
	return g
}

func pages(n int) func(*github.Config, *fetch.Config) {
	return func(c *github.Config, _ *fetch.Config) { c.Pages = n }
}

func TestPaging_PG2(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name                             string
		releases, pages, listed, request int
	}{
		{"one page", 99, 10, 99, 1},
		{"one full page", 100, 10, 100, 2},
		{"two pages", 101, 10, 101, 2},
		{"three pages", 250, 10, 250, 3},
		{"beyond the pages", 250, 2, 200, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := many(t, tt.releases)
			_, vs := listed(t, over(t, g, pages(tt.pages)))
			if len(vs.List) != tt.listed || g.Count(providertest.Releases) != tt.request {
				t.Errorf("%d versions by %d requests", len(vs.List), g.Count(providertest.Releases))
			}
			if v, _ := vs.TagVersion("latest"); v.String() != fmt.Sprintf("1.%d.0", tt.releases-1) {
				t.Errorf("latest is %s", v)
			}
		})
	}
}

// What no list reaches is found when it is asked for exactly.
func TestBeyondThePages_PC7(t *testing.T) {
	t.Parallel()
	g := many(t, 150)
	plain := widget("0.1.0")
	plain.Tag, plain.Created = "0.1.0", day(0)
	g.Release(t, plain)
	p := over(t, g, pages(1))
	for version_, requests := range map[string]int{"1.0.0": 1, "0.1.0": 3, "1.149.0": 1} {
		before := g.Count(providertest.Any)
		if _, err := p.Release(t.Context(), "@acme/widget", providertest.ParseVersion(t, version_)); err != nil {
			t.Errorf("%s: %v", version_, err)
		}
		if n := g.Count(providertest.Any) - before; n != requests {
			t.Errorf("%s: %d requests, want %d", version_, n, requests)
		}
	}
	if _, err := p.Release(t.Context(), "@acme/widget", providertest.ParseVersion(t, "9.9.9")); !errors.Is(err, outcome.NotFound) {
		t.Errorf("got %v", err)
	}
}

// Requests are scarce: 60 an hour without a token.
func TestPriceOfAQuestion_PC7(t *testing.T) {
	t.Parallel()
	g := providertest.NewGitHub(t)
	g.Release(t, widget("1.0.0"))
	bare := widget("1.1.0")
	bare.Tag = "1.1.0"
	g.Release(t, bare)
	tag := widget("1.0.0")
	tag.Name = "@acme/tags"
	g.Tag(t, tag)
	p := over(t, g, nil)
	for ask, requests := range map[string]int{
		"@acme/widget 1.0.0": 1, "@acme/widget 1.1.0": 2, "@acme/widget 9.9.9": 2, "@acme/none 1.0.0": 2,
		"@acme/tags 1.0.0": 3, "@acme/widget": 1, "@acme/none": 1, "@acme/tags": 2,
	} {
		before := g.Count(providertest.Any)
		name, v, exact := strings.Cut(ask, " ")
		if exact {
			_, _ = p.Release(t.Context(), pkgref.Name(name), providertest.ParseVersion(t, v))
		} else {
			_, _ = p.Versions(t.Context(), pkgref.Name(name), "")
		}
		if n := g.Count(providertest.Any) - before; n != requests {
			t.Errorf("%s: %d requests, want %d", ask, n, requests)
		}
	}
}

// A Link header does not survive every proxy.
func TestPagingWithoutLinks_PG2(t *testing.T) {
	t.Parallel()
	g := many(t, 150)
	g.Fault(providertest.Releases, "", providertest.Fault{Rewrite: func(b []byte) []byte { return b }})
	if _, vs := listed(t, over(t, g, nil)); len(vs.List) != 150 {
		t.Errorf("%d versions", len(vs.List))
	}
}

func TestRevalidation_PC7(t *testing.T) {
	t.Parallel()
	g := many(t, 250)
	p := over(t, g, nil)
	_, vs := listed(t, p)
	if vs.Validator == "" {
		t.Fatal("no validator")
	}
	unchanged := func(what string, requests int) {
		t.Helper()
		before := g.Count(providertest.Any)
		if _, err := p.Versions(t.Context(), "@acme/widget", vs.Validator); !errors.Is(err, provider.ErrNotModified) {
			t.Errorf("%s: %v", what, err)
		}
		if n := g.Count(providertest.Any) - before; n != requests {
			t.Errorf("%s: %d requests", what, n)
		}
	}
	changed := func(what string, versions int) {
		t.Helper()
		now, err := p.Versions(t.Context(), "@acme/widget", vs.Validator)
		if err != nil || len(now.List) != versions || now.Validator == vs.Validator {
			t.Fatalf("%s: not %d versions, or the validator is the same: %v", what, versions, err)
		}
		vs = now
	}
	unchanged("nothing happened", 3)
	newest := widget("2.0.0")
	newest.Created = day(500)
	g.Release(t, newest)
	changed("a newer release", 251)
	unchanged("after that", 3)
	g.Remove("@acme/widget", "v1.3.0") // on the last page
	changed("an old one was taken back", 250)
	for i := range 151 {
		g.Remove("@acme/widget", fmt.Sprintf("v1.%d.0", i))
	}
	changed("all but a page were taken back", 100)
	old := widget("0.1.0")
	old.Created = day(0)
	g.Release(t, old)
	changed("an old one appeared after a full page", 101)
	for _, other := range []*github.Provider{over(t, g, pages(3)), over(t, g, plainTags)} {
		if _, err := other.Versions(t.Context(), "@acme/widget", vs.Validator); err != nil {
			t.Errorf("asked in another way: %v", err)
		}
	}
}

func TestRevalidationOfTags_PC7(t *testing.T) {
	t.Parallel()
	g := providertest.NewGitHub(t)
	g.Tag(t, widget("1.0.0"))
	p := over(t, g, nil)
	_, vs := listed(t, p)
	if _, err := p.Versions(t.Context(), "@acme/widget", vs.Validator); !errors.Is(err, provider.ErrNotModified) {
		t.Fatalf("unchanged: %v", err)
	}
	g.Tag(t, widget("1.1.0"))
	vs, err := p.Versions(t.Context(), "@acme/widget", vs.Validator)
	if err != nil || len(vs.List) != 2 {
		t.Fatalf("another tag: %+v, %v", vs, err)
	}
	g.Release(t, widget("1.1.0"))
	vs, err = p.Versions(t.Context(), "@acme/widget", vs.Validator)
	if err != nil || len(vs.List) != 1 {
		t.Fatalf("the first release: %+v, %v", vs, err)
	}
	g.Remove("@acme/widget", "v1.1.0")
	g.Tag(t, widget("1.2.0"))
	if vs, err = p.Versions(t.Context(), "@acme/widget", vs.Validator); err != nil || len(vs.List) != 2 {
		t.Fatalf("back to tags: %+v, %v", vs, err)
	}
}

func TestNoValidatorWithoutETags_PC7(t *testing.T) {
	t.Parallel()
	for _, etag := range []string{"", "unquoted", `"with blanks"`} {
		g := providertest.NewGitHub(t)
		g.Release(t, widget("1.0.0"))
		g.Fault(providertest.Releases, "", providertest.Fault{
			Rewrite: func(b []byte) []byte { return b }, Header: http.Header{"Etag": {etag}},
		})
		if _, vs := listed(t, over(t, g, nil)); vs.Validator != "" {
			t.Errorf("%q makes the validator %q", etag, vs.Validator)
		}
	}
}
