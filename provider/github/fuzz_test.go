package github_test

import (
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider/github"
	"github.com/registryd/registryd/provider/providertest"
)

// saying builds a provider whose upstream says the same to everything.
func saying(t *testing.T, body, link string) *github.Provider {
	t.Helper()
	return overMemory(t, &answering{answer: func(string) (int, map[string]string, string) {
		return 200, map[string]string{"Link": link, "ETag": `"x"`}, body
	}})
}

// FuzzDocuments feeds a provider with what may come from upstream: a list is
// sorted and finds its own versions, and everything else is an outcome.
func FuzzDocuments(f *testing.F) {
	for _, body := range []string{
		`[{"tag_name":"v1.2.3","draft":false,"prerelease":true,"created_at":"2024-01-01T00:00:00Z","published_at":null,"name":null}]`,
		`[{"tag_name":"1.2.3","name":"x"},{"tag_name":"v1.2.3","name":"v1.2.3","commit":{"url":"http://x/repos/Acme/widget/y"}}]`,
		`[{"tag_name":"v1.2.3+b","created_at":5}] `, `{"tag_name":"v1.0.0","ref":"refs/tags/v1.0.0"}`, `[]`, `[null]`, `{}`, "<html>", "",
	} {
		f.Add(body, `<http://x/y?page=2>; rel="next", <http://x/z>; rel="last"`, `releases/10 "x" tags W/"y"`)
	}
	f.Fuzz(func(t *testing.T, body, link, held string) {
		p := saying(t, body, link)
		vs, err := p.Versions(t.Context(), "@acme/widget", held)
		switch {
		case err != nil:
			if !outcome.Known(err) {
				t.Errorf("list: %v is no outcome", err)
			}
		case len(vs.List) == 0:
			t.Error("an empty list is no list")
		default:
			for i, l := range vs.List {
				if vs.Index(l.Version.String()) != i || l.Archive == nil || !l.Archive.Generated {
					t.Errorf("%d: %+v", i, l)
				}
			}
			if v, ok := vs.TagVersion(pkgref.Latest); ok && v.IsPrerelease() {
				t.Errorf("latest is %s", v)
			}
		}
		if _, err := p.Release(t.Context(), "@acme/widget", providertest.ParseVersion(t, "1.0.0")); err != nil && !outcome.Known(err) {
			t.Errorf("release: %v is no outcome", err)
		}
	})
}

// FuzzNames asks for names: nothing is sent for one that no repository has, and
// what is sent stays below /repos/.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"@acme/widget", "widget", "@acme/../x", "@a/b?c", "@a/b#c", "@a/%2e%2e", "@a/b/c", "@/"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		a := &answering{answer: func(string) (int, map[string]string, string) { return 404, nil, "{}" }}
		_, err := overMemory(t, a).Versions(t.Context(), pkgref.Name(name), "")
		if err == nil || !outcome.Known(err) {
			t.Errorf("%q: %v", name, err)
		}
		if want := "/repos/" + name[min(1, len(name)):] + "/releases"; a.count > 0 && a.path != want {
			t.Errorf("%q asks for %q", name, a.path)
		}
	})
}
