package daemon_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/registryd/registryd/provider/providertest"
)

// Providers of types jsdelivr and url get all that the configuration gives
// them, and may reach private addresses that it names.
func TestFilesProviders_PG3_PG5(t *testing.T) {
	t.Parallel()
	page := map[string][]byte{"a.js": []byte("a"), "index.html": []byte("<p>"), "data.gz": []byte("packed")}
	j := providertest.NewJSDelivr(t, "gh", providertest.Package{Name: "@acme/widget", Version: "1.0.0", Files: page})
	files := providertest.NewFileServer(t, providertest.Tagged,
		providertest.Package{Name: "@files/x", Version: "1.0.0", Files: page, Tags: []string{"latest"}},
		providertest.Package{Name: "other", Version: "1.0.0", Files: page})
	f := newFixture(t)
	f.raw(fmt.Sprintf("root: {fs: data}\nlisten: 127.0.0.1:0\naccel: 'off'\nlimits: {entries: 5}\nproviders:\n"+
		"  - {type: jsdelivr, api: %q, cdn: %q, source: gh, names: '@acme/*'}\n"+
		"  - {type: url, url: %q, versions_url: %q, names: '@files/*'}\n"+
		"  - {type: url, name: rest, url: %q}\n", j.API(), j.CDN(), files.Files(), files.Lists(), files.Files()))
	s := f.server()
	for path, want := range map[string]string{
		"/lib/@acme/widget/1.0.0/a.js": "a", "/lib/@files/x/1.0.0/a.js": "a", "/lib/other/1.0.0/a.js": "a",
		"/lib/@files/x/1.0.0/": "<p>", "/lib/other/1.0.0/data.gz": "packed",
	} {
		w := ask(s, http.MethodGet, path)
		if status(t, w, http.StatusOK); w.Body.String() != want {
			t.Errorf("%s: got %q", path, w.Body)
		}
	}
	for path, want := range map[string]string{
		"/lib/@acme/widget/^1/a.js": "/lib/@acme/widget/1.0.0/a.js", "/lib/@files/x/latest/a.js": "/lib/@files/x/1.0.0/a.js",
	} {
		w := ask(s, http.MethodGet, path)
		if status(t, w, http.StatusFound); w.Header().Get("Location") != want {
			t.Errorf("%s leads to %s", path, w.Header().Get("Location"))
		}
	}
	for _, path := range []string{"/lib/other/^1/a.js", "/lib/other/1.0.0/none.js", "/lib/@files/x/2.0.0/a.js", "/lib/none/1.0.0/"} {
		status(t, ask(s, http.MethodGet, path), http.StatusNotFound)
	}
	// A release is whole or open, and its listing says so.
	if w := ask(s, http.MethodGet, "/lib/other/1.0.0/?meta"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "a.js") {
		t.Errorf("metadata %d %s", w.Code, w.Body)
	}
	// limits.entries holds for lists of files.
	many := providertest.Generate("@acme/many", "1.0.0", 9, 1)
	j.Add(many)
	status(t, ask(s, http.MethodGet, "/lib/@acme/many/1.0.0/package.json"), http.StatusBadGateway)
	j.Fault(providertest.FileList, "", providertest.Status(http.StatusTooManyRequests, "Retry-After", "70"))
	w := ask(s, http.MethodGet, "/lib/@acme/gadget/1.0.0/a.js")
	if status(t, w, http.StatusServiceUnavailable); w.Header().Get("Retry-After") != "70" {
		t.Errorf("come back after %q", w.Header().Get("Retry-After"))
	}
}
