package e2e_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/provider/providertest"
)

// A text file gets compressed copies after it was first asked for, by nginx and
// by the daemon alone; what the package ships itself is never taken for one.
func TestPrecompressed_N8_PH4(t *testing.T) {
	t.Parallel()
	const url = "/lib/zip/1.0.0/"
	long := strings.Repeat("export const answer = 42;\n", 1000)
	for _, front := range []e2e.Front{e2e.Full, e2e.Include, e2e.Direct} {
		t.Run(string(front), func(t *testing.T) {
			t.Parallel()
			s := e2e.Start(t, e2e.Options{Front: front, Packages: []providertest.Package{{Name: "zip", Version: "1.0.0", Files: map[string][]byte{
				"package.json": []byte(`{"name":"zip","version":"1.0.0"}`), "long.js": []byte(long), "short.js": []byte("1\n"),
				"pic.png": []byte(long), "own.js": []byte(long), "own.js.gz": []byte("shipped, and not gzip at all"),
			}}}})
			for _, path := range []string{"long.js", "short.js", "pic.png", "own.js", "own.js.gz"} {
				status(t, s.Get(url+path), http.StatusOK)
			}
			eventually(t, func() bool {
				return s.Get(url+"long.js", "Accept-Encoding", "gzip").Header.Get("Content-Encoding") == "gzip"
			})
			plain := s.Get(url + "long.js")
			body(t, plain, long)
			for accepted, coding := range map[string]string{"gzip": "gzip", "gzip, br": "br", "br;q=0, gzip": "gzip", "identity": "", "deflate": ""} {
				a := s.Get(url+"long.js", "Accept-Encoding", accepted)
				status(t, a, http.StatusOK)
				got := a.Header.Get("Content-Encoding")
				// nginx's module for brotli may not be there. Where it is, it sometimes
				// misses a copy: with disable_symlinks it reads past the end of the path.
				perhaps := coding == "br" && front != e2e.Direct
				if got != coding && !(perhaps && got == "gzip") {
					t.Errorf("%s: content coding %q", accepted, got)
				}
				if got, err := decoded(a); err != nil || string(got) != long {
					t.Errorf("%s: other bytes (%v)", accepted, err)
				}
				if !strings.Contains(a.Header.Get("Vary"), "Accept-Encoding") || a.Header.Get("Content-Type") != plain.Header.Get("Content-Type") {
					t.Errorf("%s: header %v", accepted, a.Header)
				}
				if (got == "") != (a.Header.Get("ETag") == plain.Header.Get("ETag")) {
					t.Errorf("%s: ETag %s, that of the file is %s", accepted, a.Header.Get("ETag"), plain.Header.Get("ETag"))
				}
				eventually(t, func() bool { // nginx remembers for a second which files there are
					if perhaps {
						return true
					}
					tag := s.Get(url+"long.js", "Accept-Encoding", accepted).Header.Get("ETag")
					return s.Get(url+"long.js", "Accept-Encoding", accepted, "If-None-Match", tag).Status == http.StatusNotModified
				})
			}
			for _, path := range []string{"short.js", "pic.png", "own.js"} {
				a := s.Get(url+path, "Accept-Encoding", "gzip, br")
				if status(t, a, http.StatusOK); a.Header.Get("Content-Encoding") != "" {
					t.Errorf("%s is compressed", path)
				}
			}
			body(t, s.Get(url+"own.js.gz"), "shipped, and not gzip at all")
			if a := s.Get(url+"long.js", "Range", "bytes=7-11"); a.Status != http.StatusPartialContent || string(a.Body) != long[7:12] {
				t.Errorf("a range: %d %q", a.Status, a.Body)
			}
			status(t, s.Get("/lib/zip/1.0.0/?meta"), http.StatusOK)
			if listed := s.Get("/lib/zip/1.0.0/?meta"); strings.Contains(string(listed.Body), "long.js.gz") {
				t.Error("a compressed copy is listed as a file of the package")
			}
			if out, err := s.Command("verify"); err != nil {
				t.Errorf("verify: %v\n%s", err, out)
			}
			s.WriteConfig("policy: {rules: [{deny: [zip]}]}\n")
			if a := s.Admin(http.MethodPost, "reload"); a.Status != http.StatusOK {
				t.Fatalf("reload: %d %s", a.Status, a.Body)
			}
			eventually(t, func() bool { return s.Get(url+"long.js", "Accept-Encoding", "gzip").Status == http.StatusForbidden })
			if _, err := os.Stat(s.Data + "/www/lib/zip/1.0.0"); !os.IsNotExist(err) {
				t.Errorf("something of it is still in the view: %v", err)
			}
		})
	}
}
