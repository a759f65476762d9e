package e2e_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/internal/testenv"
	"github.com/registryd/registryd/provider/providertest"
)

// samples copies the plugins of the sample configuration to where a test may change them.
func samples(t *testing.T, change *strings.Replacer) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "plugins")
	if err := os.CopyFS(dir, os.DirFS("../../sample/plugins")); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Second)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		return errors.Join(err, os.WriteFile(path, []byte(change.Replace(string(text))), 0o644), os.Chtimes(path, past, past))
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// small is a package of one file.
func small(name, version string) providertest.Package {
	return providertest.Package{Name: name, Version: version, Files: map[string][]byte{
		"package.json": []byte(`{"name":"` + name + `","version":"` + version + `"}`), "index.js": []byte("1\n"),
	}}
}

// gitLab answers as GitLab does for one project with two tags that are versions. The archive is another one each time.
func gitLab(t *testing.T) *httptest.Server {
	t.Helper()
	const project = "/api/v4/projects/gitlab-org%2Ftool/repository/"
	packed := 0
	g := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.EscapedPath(); {
		case r.Header.Get("Private-Token") != "glpat-of-the-test":
			w.WriteHeader(http.StatusUnauthorized)
		case path == project+"tags" && r.FormValue("page") == "1":
			w.Header().Set("X-Next-Page", "2")
			fmt.Fprint(w, `[{"name": "v1.1.0"}, {"name": "nightly"}]`)
		case path == project+"tags":
			w.Header().Set("X-Next-Page", "")
			fmt.Fprint(w, `[{"name": "1.0.0"}]`)
		case path == project+"archive.tar.gz" && r.FormValue("sha") == "v1.1.0":
			packed++
			_, _ = w.Write(packedProject(t, packed))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(g.Close)
	return g
}

func packedProject(t *testing.T, time int) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Comment = fmt.Sprint(time)
	w := tar.NewWriter(z)
	const text = "tool\n"
	h := &tar.Header{Name: "tool-v1.1.0-0123abc/index.js", Mode: 0o644, Size: int64(len(text))}
	if err := w.WriteHeader(h); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Each of the sample plugins does what it says, by the sample configuration: the predecessor's example with a default
// provider behind it, the gate in one file, the provider in TypeScript, the process.
func TestSamplePlugins_PG6(t *testing.T) {
	t.Parallel()
	testenv.Program(t, "node")
	lab := gitLab(t)
	dir := samples(t, strings.NewReplacer("https://gitlab.com", lab.URL))
	text, err := os.ReadFile("../../sample/registryd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, list, ok := strings.Cut(string(text), "\nproviders:\n")
	list, _, found := strings.Cut(list, "  # Packages of your own")
	if !ok || !found || strings.Count(list, "type: plugin") != 4 {
		t.Fatalf("sample/registryd.yaml does not begin with four plugins:\n%s", list)
	}
	s := e2e.Start(t, e2e.Options{
		Front: e2e.Direct, Providers: list, Config: fmt.Sprintf("plugins: {dir: %q, strict: true}\n", dir), Env: []string{"GITLAB_TOKEN=glpat-of-the-test"},
		Packages: []providertest.Package{
			small("widget", "1.0.0"), small("@plotdb/block", "1.0.0"), small("plotdb", "1.0.0"), small("lodahs", "1.0.0"),
			small("lodash", "1.0.0"), small("@legacy/leaky", "1.0.0"), small("@legacy/tool", "1.0.0"), small("@legacy/tool", "1.0.1"),
		},
	})
	for path, want := range map[string]int{
		"/lib/@plotdb/block/1.0.0/index.js":     http.StatusOK,
		"/lib/plotdb/1.0.0/index.js":            http.StatusForbidden,
		"/lib/widget/1.0.0/index.js":            http.StatusOK,
		"/lib/lodash/1.0.0/index.js":            http.StatusOK,
		"/lib/lodahs/1.0.0/index.js":            http.StatusForbidden,
		"/lib/@legacy/leaky/1.0.0/index.js":     http.StatusForbidden,
		"/lib/@legacy/tool/1.0.0/index.js":      http.StatusForbidden,
		"/lib/@legacy/tool/1.0.1/index.js":      http.StatusOK,
		"/lib/@gitlab-org/tool/1.1.0/index.js":  http.StatusOK,
		"/lib/@gitlab-org/tool/^1/index.js":     http.StatusFound,
		"/lib/@gitlab-org/tool/2.0.0/index.js":  http.StatusNotFound,
		"/lib/@gitlab-org/other/1.0.0/index.js": http.StatusNotFound,
	} {
		if a := s.Get(path); a.Status != want {
			t.Errorf("%s: status %d, want %d: %s", path, a.Status, want, a.Body)
		}
	}
	if a := s.Get("/lib/lodahs/1.0.0/index.js"); !strings.Contains(string(a.Body), "did you mean lodash?") {
		t.Errorf("body %s", a.Body)
	}
	for _, r := range s.Upstream.Requests() {
		for _, name := range []string{"gitlab-org", "lodahs", "/plotdb", "leaky"} {
			if strings.Contains(r.Path, name) {
				t.Errorf("npm was asked for %s", r.Path)
			}
		}
	}
}
