package e2e_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/provider/providertest"
)

func TestMain(m *testing.M) { os.Exit(e2e.Main(m)) }

// widget is a package with everything that the tests ask for.
func widget(version string, tags ...string) providertest.Package {
	return providertest.Package{
		Name: "widget", Version: version, Tags: tags,
		Files: map[string][]byte{
			"package.json":       []byte(`{"name":"widget","version":"` + version + `","main":"lib/widget"}`),
			"index.js":           []byte("export default 'index of " + version + "'\n"),
			"lib/widget.js":      []byte("module.exports = 'widget " + version + "'\n"),
			"lib/a b%41?.js":     []byte("odd name\n"),
			"lib/ünï.mjs":        []byte("export {}\n"),
			"docs/index.html":    []byte("<!doctype html><title>docs</title>\n"),
			"docs/pic.svg":       []byte("<svg xmlns='http://www.w3.org/2000/svg'/>\n"),
			"dist/index.min.js":  []byte("1\n"),
			"dist/app.js":        []byte(strings.Repeat("console.log(1);\n", 200)),
			"dist/app.js.gz":     []byte("shipped by the package, not gzip at all\n"),
			"types/index.d.ts":   []byte("export {}\n"),
			"types/deep/more.ts": []byte("export {}\n"),
		},
	}
}

func scoped() providertest.Package {
	return providertest.Package{
		Name: "@acme/tool", Version: "1.0.0", Files: map[string][]byte{
			"package.json": []byte(`{"name":"@acme/tool","version":"1.0.0"}`), "index.js": []byte("1\n"),
		},
	}
}

func packages() []providertest.Package {
	return []providertest.Package{
		widget("1.0.0"), widget("1.2.0"), widget("1.3.0+build.5"), widget("2.0.0", "latest"), widget("3.0.0-rc.1", "next"), scoped(),
		{Name: "JSONStream", Version: "1.3.5", Files: map[string][]byte{"package.json": []byte("{}"), "index.js": []byte("2\n")}},
	}
}

// files lists what a directory tree holds, for tests of what must not grow.
func files(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	found := map[string]int64{}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		if !info.IsDir() {
			found[path] = info.Size()
		} else {
			found[path] = -1
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func status(t *testing.T, a e2e.Answer, want int) {
	t.Helper()
	if a.Status != want {
		t.Fatalf("status %d, want %d: %.300s", a.Status, want, a.Body)
	}
}

func body(t *testing.T, a e2e.Answer, want string) {
	t.Helper()
	status(t, a, http.StatusOK)
	if string(a.Body) != want {
		t.Fatalf("body is %.100q, want %.100q", a.Body, want)
	}
}

func sum(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }
