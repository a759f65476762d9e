package daemon_test

import (
	"bytes"
	"errors"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/daemon"
	"github.com/registryd/registryd/internal/unpack/unpacktest"
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

// A rule that a reload brings takes a version out of the view, whatever its case;
// its end gives it back, and what is wrong with one is said.
func TestComponents_CN7_RulesByReload(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"))
	f.write("components: {prefix: /c/}\n")
	s := f.server()
	for _, v := range []string{"1.0.0", "1.1.0"} {
		status(t, publish(t, s, "/c/@acme/button/"+v), 200)
		status(t, ask(s, "GET", "/c/@acme/button/"+v+"/index.js"), 200)
	}
	file := func(v string) error {
		_, err := os.Stat(filepath.Join(f.dir, "data", "www", "c", "@acme", "button", v, "index.js"))
		return err
	}
	if err := errors.Join(file("1.0.0"), file("1.1.0")); err != nil {
		t.Fatal(err)
	}
	rules := "components: {prefix: /c/, rules: [{allow: ['@acme/button@<1.1.0']}, {deny: ['@Acme/*', gone@>=2], reason: withdrawn}]}\n"
	f.write(rules)
	report, err := s.Reload(t.Context())
	if err != nil || !slices.Equal(report.Components, []string{"@acme/button@1.1.0"}) {
		t.Fatalf("%+v, %v", report, err)
	}
	if file("1.0.0") != nil || file("1.1.0") == nil {
		t.Errorf("in the view: %v, %v", file("1.0.0"), file("1.1.0"))
	}
	status(t, ask(s, "GET", "/c/@acme/button/1.0.0/index.js"), 200)
	status(t, ask(s, "GET", "/c/@acme/button/1.1.0/index.js"), 403)
	status(t, publish(t, s, "/c/@ACME/button/1.2.0"), 403)
	status(t, publish(t, s, "/c/gone/2.0.0"), 403)
	status(t, publish(t, s, "/c/gone/1.0.0"), 200)
	if w := register(s, "/c/"); !strings.Contains(w.Body.String(), `"@acme/button":"1.0.0"`) {
		t.Errorf("%s", w.Body)
	}
	f.write("policy: {conceal: true}\n" + rules)
	if _, err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	status(t, ask(s, "GET", "/c/@acme/button/1.1.0/index.js"), 404)
	f.write("components: {prefix: /c/, rules: [{deny: ['a b']}]}\n")
	if _, err := s.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "components.rules") {
		t.Errorf("a pattern that is none: %v", err)
	}
	f.write("components: {prefix: /c/}\n")
	if _, err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	status(t, ask(s, "GET", "/c/@acme/button/1.1.0/index.js"), 200)
	if file("1.1.0") != nil {
		t.Error("not back in the view")
	}
}

// What a rule denies is out of the view before the daemon answers.
func TestComponents_CN7_RulesAtTheStart(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"))
	f.write("components: {prefix: /c/}\n")
	s := f.server()
	status(t, publish(t, s, "/c/button/1.0.0"), 200)
	status(t, ask(s, "GET", "/c/button/1.0.0/index.js"), 200)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f.write("components: {prefix: /c/, rules: [{deny: [button]}]}\n")
	s = f.server()
	if _, err := os.Stat(filepath.Join(f.dir, "data", "www", "c", "button", "1.0.0")); !os.IsNotExist(err) {
		t.Errorf("it is there: %v", err)
	}
	status(t, ask(s, "GET", "/c/button?componentVersion=1.0.0"), 403)
}

// publish publishes a component of one file from this machine.
func publish(t *testing.T, s *daemon.Server, path string) *httptest.ResponseRecorder {
	t.Helper()
	var out bytes.Buffer
	form := multipart.NewWriter(&out)
	part, err := form.CreateFormFile("package", "package.tgz")
	if err != nil {
		t.Fatal(err)
	}
	part.Write(unpacktest.Tgz(unpacktest.File("package.json", "{}"), unpacktest.File("index.js", path)))
	form.Close()
	r := httptest.NewRequest(http.MethodPost, path, &out)
	r.RemoteAddr = "127.0.0.1:1"
	r.Header.Set("Content-Type", form.FormDataContentType())
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}
