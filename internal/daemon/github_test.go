package daemon_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/registryd/registryd/provider/providertest"
)

// A provider of type github gets all that the configuration gives it, and may
// reach an API at a private address, because the configuration names it.
func TestGitHub_PG2(t *testing.T) {
	t.Parallel()
	widget := providertest.Package{Name: "@acme/widget", Version: "1.0.0", Files: map[string][]byte{"a.js": []byte("a")}}
	packed, err := widget.Archive()
	if err != nil {
		t.Fatal(err)
	}
	g := providertest.NewGitHub(t, widget)
	g.Private("@acme/widget", "hunter2-repo")
	tagged := widget
	tagged.Version = "0.9.0"
	g.Tag(t, providertest.GitHubRelease{Package: tagged})
	// Packed by the API itself: nothing names the other host.
	g.Fault(providertest.Tarball, "", providertest.Fault{Status: http.StatusOK, Body: packed})
	f := newFixture(t)
	f.raw(fmt.Sprintf("root: {fs: data}\nlisten: 127.0.0.1:0\naccel: 'off'\nlog: {level: debug}\nproviders:\n"+
		"  - {type: github, api: %q, source: tags, pages: 1, token: hunter2-all, scope: {acme: hunter2-scope}, repo: {'@acme/widget': hunter2-repo}}\n", g.URL()))
	s := f.server()
	w := ask(s, http.MethodGet, "/lib/@acme/widget/^0/a.js")
	status(t, w, http.StatusFound)
	if got := w.Header().Get("Location"); got != "/lib/@acme/widget/0.9.0/a.js" {
		t.Errorf("leads to %s", got)
	}
	w = ask(s, http.MethodGet, "/lib/@acme/widget/1.0.0/a.js")
	if status(t, w, http.StatusOK); w.Body.String() != "a" {
		t.Errorf("got %q", w.Body)
	}
	if strings.Contains(f.screen.String(), "hunter2") {
		t.Errorf("a token is told:\n%s", f.screen)
	}
	g.Fault(providertest.Any, "", providertest.SecondaryLimit(http.StatusForbidden, "Retry-After", "90"))
	w = ask(s, http.MethodGet, "/lib/@acme/gadget/1.0.0/a.js")
	status(t, w, http.StatusServiceUnavailable)
	if got := w.Header().Get("Retry-After"); got != "90" {
		t.Errorf("come back after %q", got)
	}
}
