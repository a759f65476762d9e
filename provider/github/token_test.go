package github_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/syncbuf"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider/github"
	"github.com/registryd/registryd/provider/providertest"
)

// three gives a token at each level.
func three(c *github.Config, _ *fetch.Config) {
	c.Token = "global-hunter2"
	c.Scope = map[string]string{"acme": "scope-hunter2", "@Other": "other-hunter2", "none": ""}
	c.Repo = map[string]string{"@acme/widget": "repo-hunter2", "@acme/empty": ""}
}

func TestTokens_PG2(t *testing.T) {
	t.Parallel()
	g := providertest.NewGitHub(t)
	p := over(t, g, three)
	for name, want := range map[pkgref.Name]string{
		"@acme/widget": "repo", "@Acme/Widget": "repo", "@acme/gadget": "scope", "@acme/empty": "scope", "@ACME/x": "scope",
		"@other/x": "other", "@acme2/widget": "global", "@none/x": "global",
	} {
		g.Create(string(name))
		before := len(g.Requests())
		if _, err := p.Versions(t.Context(), name, ""); !errors.Is(err, outcome.NotFound) {
			t.Fatal(err)
		}
		for _, r := range g.Requests()[before:] {
			if got := r.Header.Get("Authorization"); got != "Bearer "+want+"-hunter2" {
				t.Errorf("%s is asked for with %q", name, got)
			}
		}
	}
	_, _ = over(t, g, nil).Versions(t.Context(), "@acme/widget", "")
	if got := g.Requests()[g.Count(providertest.Any)-1].Header.Values("Authorization"); len(got) != 0 {
		t.Errorf("without tokens %q is sent", got)
	}
}

func TestPrivate_PG2(t *testing.T) {
	t.Parallel()
	g := providertest.NewGitHub(t)
	g.Release(t, widget("1.0.0"))
	g.Private("@acme/widget", "scope-hunter2")
	scoped := func(c *github.Config, _ *fetch.Config) { c.Scope = map[string]string{"@acme": "scope-hunter2"} }
	p := over(t, g, scoped)
	if versions, _ := listed(t, p); versions != "1.0.0" {
		t.Errorf("listed %q", versions)
	}
	r, err := p.Release(t.Context(), "@acme/widget", providertest.ParseVersion(t, "1.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := readArchive(t, p, r); err != nil || len(b) == 0 {
		t.Errorf("tarball: %d bytes, %v", len(b), err)
	}
	if _, err := over(t, g, nil).Versions(t.Context(), "@acme/widget", ""); !errors.Is(err, outcome.NotFound) {
		t.Errorf("without a token: %v", err)
	}
	wrong := over(t, g, func(c *github.Config, _ *fetch.Config) { c.Token = "revoked" })
	if _, err := wrong.Versions(t.Context(), "@acme/widget", ""); !errors.Is(err, outcome.Unavailable) {
		t.Errorf("with bad credentials: %v", err)
	}
}

// TestTokenStaysAtTheAPI_PG2 is CVE-2024-45336 too: the token is not sent to
// the other host, and not again when that one sends us back.
func TestTokenStaysAtTheAPI_PG2(t *testing.T) {
	t.Parallel()
	g := providertest.NewGitHub(t)
	g.Release(t, widget("1.0.0"))
	p := over(t, g, three)
	r, err := p.Release(t.Context(), "@acme/widget", providertest.ParseVersion(t, "1.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readArchive(t, p, r); err != nil {
		t.Fatal(err)
	}
	g.Fault(providertest.Download, "", providertest.Redirect(g.URL()+"/repos/acme/widget/back"))
	if _, err := readArchive(t, p, r); !errors.Is(err, outcome.NotFound) {
		t.Fatalf("sent back: %v", err)
	}
	seen := map[providertest.Kind]int{}
	for _, q := range g.Requests() {
		seen[q.Kind]++
		want := q.Kind == providertest.ReleaseByTag || q.Kind == providertest.Tarball
		if got := q.Header.Get("Authorization"); (got == "Bearer repo-hunter2") != want || (got != "") != want {
			t.Errorf("%s %s is asked for with %q", q.Kind, q.Path, got)
		}
		if q.Header.Get("Cookie") != "" {
			t.Errorf("%s gets a cookie", q.Path)
		}
	}
	if seen[providertest.Download] != 2 || seen[providertest.Other] != 1 || seen[providertest.Tarball] != 2 {
		t.Errorf("requests: %v", seen)
	}
}

// A document is believed from the API's own host alone.
func TestDocumentFromAnotherHost(t *testing.T) {
	t.Parallel()
	var asked []string
	var mu sync.Mutex
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.Header.Get("Authorization"))
		_, _ = w.Write([]byte(`[{"tag_name":"v6.6.6"}]`))
	}))
	t.Cleanup(other.Close)
	g := providertest.NewGitHub(t)
	g.Fault(providertest.Releases, "", providertest.Redirect(other.URL))
	p := over(t, g, func(c *github.Config, f *fetch.Config) {
		c.Token = "hunter2"
		f.Trusted = append(f.Trusted, strings.TrimPrefix(other.URL, "http://"))
	})
	if vs, err := p.Versions(t.Context(), "@acme/widget", ""); !errors.Is(err, outcome.Unavailable) {
		t.Errorf("got %+v, %v", vs, err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(asked) != 1 || asked[0] != "" {
		t.Errorf("the other host saw %q", asked)
	}
}

func TestTokensAreNeverShown(t *testing.T) {
	t.Parallel()
	var log syncbuf.Buffer
	g := providertest.NewGitHub(t)
	g.Release(t, widget("1.0.0"))
	g.Private("@acme/widget", "repo-hunter2")
	var config github.Config
	p := over(t, g, func(c *github.Config, f *fetch.Config) {
		three(c, f)
		l := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.Logger, f.Logger = l, l
		config = *c
	})
	var shown []string
	note := func(v ...any) { shown = append(shown, fmt.Sprintf("%v %+v %#v", v, v, v)) }
	r, err := p.Release(t.Context(), "@acme/widget", providertest.ParseVersion(t, "1.0.0"))
	note(r, err)
	_, err = readArchive(t, p, r)
	note(err)
	vs, err := p.Versions(t.Context(), "@acme/widget", "")
	note(vs, err)
	for _, f := range []providertest.Fault{providertest.Status(401), providertest.SecondaryLimit(403), providertest.HTML(), providertest.Redirect("http://10.0.0.1/")} {
		remove := g.Fault(providertest.Any, "", f)
		for _, name := range []pkgref.Name{"@acme/widget", "@acme/gadget", "@other/x"} {
			_, err := p.Versions(t.Context(), name, "")
			note(err)
		}
		remove()
	}
	note(p)
	config.Scope = map[string]string{"a/b": "hunter2"}
	_, err = github.New(config)
	note(err)
	all := strings.Join(shown, "\n") + log.String()
	if log.String() == "" || strings.Contains(all, "hunter2") || strings.Contains(all, "TEMPORARYPASS") {
		t.Errorf("shown:\n%s", all)
	}
}
