package plugin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/outcome"
	core "github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/plugin/process"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/plugin"
	"github.com/registryd/registryd/provider/providertest"
)

// newTarballs serves bytes that name a header of the request.
func newTarballs(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "bytes for "+r.Header.Get("X-Token"))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// G-N2: all questions of a request are answered by one generation, which is released when the tarball flows.
func TestSession_OneGeneration_GN2(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, place := t.TempDir(), newTarballs(t)
	put := func(build string) {
		answer := fmt.Sprintf(`{"version":"1.0.0","url":%q}`, place+"/"+build)
		write(t, dir, script{Answers: map[string]json.RawMessage{"resolve": json.RawMessage(answer)}}, self, []string{place})
	}
	put("old")
	m := core.NewManager(core.Config{Engines: map[string]core.Engine{core.EngineProcess: process.New(process.Config{})}})
	defer m.Revoke()
	settings := core.Settings{Dir: dir, Strict: true}
	reload := func() {
		if _, err := m.Reload(t.Context(), settings, core.Reload{}); err != nil {
			t.Fatal(err)
		}
	}
	reload()
	p := plugin.New(plugin.Config{Manager: m, Plugin: "acme"}, m.Loaded()[0].Offers)
	where := func(ctx context.Context) string {
		r, err := p.(provider.Releaser).Release(ctx, "widget", providertest.ParseVersion(t, "1.0.0"))
		if err != nil {
			t.Fatal(err)
		}
		return r.Archive.URL
	}
	ctx, end := provider.WithSession(t.Context())
	defer end()
	if got := where(ctx); got != place+"/old" {
		t.Fatalf("at %s", got)
	}
	put("new")
	reload()
	if got := where(ctx); got != place+"/old" {
		t.Errorf("the request sees the new code: %s", got)
	}
	if got := where(t.Context()); got != place+"/new" {
		t.Errorf("another request sees the old code: %s", got)
	}
	if n := m.Status()[0].Drained; n != 0 {
		t.Fatalf("%d generations have ended", n)
	}
	r, err := p.(provider.Releaser).Release(ctx, "widget", providertest.ParseVersion(t, "1.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := p.(provider.ArchiveOpener).OpenArchive(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	for m.Status()[0].Drained == 0 {
		time.Sleep(time.Millisecond)
	}
}

// What is configured and not loaded answers nothing, and keeps what it owns.
func TestMissing_PC3(t *testing.T) {
	t.Parallel()
	p := plugin.Missing(plugin.Config{Manager: core.NewManager(core.Config{}), Plugin: "acme"})
	if _, err := p.(provider.Releaser).Release(t.Context(), "widget", providertest.ParseVersion(t, "1.0.0")); !errors.Is(err, outcome.Unavailable) {
		t.Error(err)
	}
	if _, err := p.(provider.Versioner).Versions(t.Context(), "widget", ""); !errors.Is(err, outcome.Unavailable) {
		t.Error(err)
	}
}
