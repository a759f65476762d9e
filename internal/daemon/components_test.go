package daemon_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/daemon"
)

// register asks for the index of a host.
func register(s *daemon.Server, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, path+"host/register", strings.NewReader(`{"react":"^16.0.0"}`))
	s.ServeHTTP(w, r)
	return w
}

// A reload keeps the registry while its store stays, and can switch it off and
// on.
func TestComponents_ReloadKeepsTheStore(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"))
	f.write("components: {prefix: /c/}\n")
	s := f.server()
	status(t, register(s, "/c/"), 200)
	for _, step := range []struct {
		yaml, path string
		want       int
	}{
		{"components: {prefix: /c/, read_only: true}\n", "/c/", 200},
		{"", "/c/", 404},
		{"components: {prefix: /c/, store: {path: elsewhere}}\n", "/c/", 200},
	} {
		f.write(step.yaml)
		if _, err := s.Reload(t.Context()); err != nil {
			t.Fatalf("%q: %v", step.yaml, err)
		}
		status(t, register(s, step.path), step.want)
	}
	f.write("components: {prefix: /d/, store: {path: elsewhere}}\n")
	if _, err := s.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "components.prefix") {
		t.Errorf("another prefix on the same store: %v", err)
	}
	status(t, register(s, "/c/"), 200)
}

// A store that is away keeps nothing but components from being served.
func TestComponents_CN5_StartWithoutTheBucket(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"))
	f.write("components: {prefix: /c/, store: {type: s3, bucket: b, endpoint: 'http://127.0.0.1:1', access_key: a, secret_key: b}}\n")
	s := f.server()
	status(t, ask(s, "GET", "/lib/widget/1.0.0/index.js"), 200)
	w := register(s, "/c/")
	status(t, w, 503)
	if !strings.Contains(w.Body.String(), "storageError") || w.Header().Get("Retry-After") == "" {
		t.Errorf("%s %v", w.Body, w.Header())
	}
}
