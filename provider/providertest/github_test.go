package providertest_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/registryd/registryd/provider/providertest"
)

// widgetOnGitHub is a repository with three releases and a plain tag.
func widgetOnGitHub(t *testing.T) *providertest.GitHub {
	t.Helper()
	p := func(v string) providertest.Package {
		return providertest.Package{Name: "@Acme/Widget", Version: v, Files: map[string][]byte{"a.js": []byte("a")}}
	}
	g := providertest.NewGitHub(t, p("1.1.0"), p("1.0.0"), p("2.0.0-rc.1"))
	g.Release(t, providertest.GitHubRelease{Package: p("3.0.0"), Draft: true})
	g.Tag(t, providertest.GitHubRelease{Package: p("0.1.0"), Tag: "0.1.0"})
	return g
}

func TestGitHubAnswers(t *testing.T) {
	t.Parallel()
	g := widgetOnGitHub(t)
	for path, want := range map[string]int{
		"/repos/Acme/Widget/releases": 200, "/repos/acme/widget/tags": 200, "/repos/acme/widget/releases/tags/v1.0.0": 200,
		"/repos/acme/widget/releases/tags/v3.0.0": 404, "/repos/acme/widget/releases/tags/1.0.0": 404,
		"/repos/acme/widget/git/ref/tags/0.1.0": 200, "/repos/acme/widget/git/ref/tags/v0.1.0": 404,
		"/repos/acme/widget/tarball/refs/tags/v1.0.0": 302, "/repos/acme/widget/tarball/refs/tags/v9": 404,
		"/repos/acme/none/releases": 404, "/repos/acme": 404, "/": 404,
	} {
		resp, body, err := get(t, g.URL()+path)
		if err != nil || resp.StatusCode != want || resp.Header.Get("X-RateLimit-Remaining") == "" {
			t.Errorf("%s: %v, %v", path, resp, err)
		}
		var problem struct {
			Message string
			URL     string `json:"documentation_url"`
		}
		if want == 404 && (json.Unmarshal(body, &problem) != nil || problem.Message != "Not Found" || problem.URL == "") {
			t.Errorf("%s: %s", path, body)
		}
	}
	if n := g.Count(providertest.Any); n != 12 || g.Count(providertest.ReleaseByTag) != 3 || g.Count(providertest.Other) != 2 {
		t.Errorf("%d requests", n)
	}
}

func TestGitHubPages(t *testing.T) {
	t.Parallel()
	g := widgetOnGitHub(t)
	var tags []string
	for _, page := range []string{"1", "2", "3", "4"} {
		resp, body, err := get(t, g.URL()+"/repos/acme/widget/releases?per_page=2&page="+page)
		if err != nil {
			t.Fatal(err)
		}
		var list []struct {
			Tag               string `json:"tag_name"`
			Draft, Prerelease bool
		}
		if err := json.Unmarshal(body, &list); err != nil {
			t.Fatal(err)
		}
		for _, r := range list {
			tags = append(tags, r.Tag)
			if r.Draft != (r.Tag == "v3.0.0") || r.Prerelease != (r.Tag == "v2.0.0-rc.1") {
				t.Errorf("%+v", r)
			}
		}
		link := resp.Header.Get("Link")
		if strings.Contains(link, `rel="next"`) != (page == "1") || strings.Contains(link, `rel="prev"`) != (page != "1") {
			t.Errorf("page %s has the links %s", page, link)
		}
		held, _, err := get(t, g.URL()+"/repos/acme/widget/releases?per_page=2&page="+page, "If-None-Match", resp.Header.Get("ETag"))
		if err != nil || held.StatusCode != http.StatusNotModified {
			t.Errorf("page %s held: %v, %v", page, held, err)
		}
	}
	if got := strings.Join(tags, " "); got != "v3.0.0 v1.1.0 v1.0.0 v2.0.0-rc.1" {
		t.Errorf("order: %s", got)
	}
}

func TestGitHubTarballs(t *testing.T) {
	t.Parallel()
	g := widgetOnGitHub(t)
	g.Private("@acme/widget", "good", "better")
	_, codeload := g.Hosts()
	fetch := func() []byte {
		t.Helper()
		resp, _, err := get(t, g.URL()+"/repos/acme/widget/tarball/refs/tags/v1.0.0", "Authorization", "Bearer good")
		if err != nil || !strings.HasPrefix(resp.Header.Get("Location"), "http://"+codeload+"/") {
			t.Fatalf("got %v, %v", resp, err)
		}
		bare, _, _ := strings.Cut(resp.Header.Get("Location"), "?")
		if resp, _, err := get(t, bare); err != nil || resp.StatusCode != 404 {
			t.Errorf("a private tarball without its pass: %v, %v", resp, err)
		}
		_, body, err := get(t, resp.Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	first, second := fetch(), fetch()
	if !bytes.Equal(first, second) {
		t.Error("packed anew without being told")
	}
	g.Repack()
	third := fetch()
	if bytes.Equal(first, third) {
		t.Error("not packed anew")
	}
	for _, b := range [][]byte{first, third} {
		names := strings.Join(members(t, b), " ")
		if !strings.HasPrefix(names, "pax_global_header Acme-Widget-") || !strings.HasSuffix(names, "/a.js") {
			t.Errorf("members %s", names)
		}
	}
	for token, want := range map[string]int{"good": 200, "better": 200, "bad": 401} {
		if resp, _, err := get(t, g.URL()+"/repos/acme/widget/releases", "Authorization", "Bearer "+token); err != nil || resp.StatusCode != want {
			t.Errorf("%s: %v, %v", token, resp, err)
		}
	}
	if resp, _, err := get(t, g.URL()+"/repos/acme/widget/releases"); err != nil || resp.StatusCode != 404 {
		t.Errorf("without a token: %v, %v", resp, err)
	}
}

func TestGitHubRenames(t *testing.T) {
	t.Parallel()
	g := widgetOnGitHub(t)
	g.Rename("@acme/widget", "@acme/gadget")
	resp, _, err := get(t, g.URL()+"/repos/acme/widget/releases?page=1")
	if err != nil || resp.StatusCode != http.StatusMovedPermanently {
		t.Fatalf("got %v, %v", resp, err)
	}
	for _, url := range []string{resp.Header.Get("Location"), g.URL() + "/repos/acme/gadget/releases"} {
		if resp, body, err := get(t, url); err != nil || resp.StatusCode != 200 || !bytes.Contains(body, []byte("/repos/acme/gadget/")) {
			t.Errorf("%s: %v, %v", url, resp, err)
		}
	}
}
