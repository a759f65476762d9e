package accel_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/mediatype"
	"github.com/registryd/registryd/pkgref"
)

func TestAccelRedirect_PH2(t *testing.T) {
	t.Parallel()
	files := map[string]string{ // path in the release → after X-Accel-Redirect's prefix
		"index.js": "index.js", "a b.js": "a%20b.js", "a%2fb.js": "a%252fb.js", "ü.js": "%C3%BC.js", "a?b.js": "a%3Fb.js", "a#b.js": "a%23b.js",
		"a;b.js": "a%3Bb.js", "a&b=c+d.js": "a%26b%3Dc%2Bd.js", `a"b'.js`: "a%22b%27.js", "$uri.js": "%24uri.js", "a:b@c.js": "a%3Ab%40c.js",
		"~a-b_c.d": "~a-b_c.d", "(x)[y]{z}|^`<>": "%28x%29%5By%5D%7Bz%7D%7C%5E%60%3C%3E", "%00": "%2500", "dir/*": "dir/%2A",
	}
	p := pack("@acme/p", "1.0.0+b")
	for path := range files {
		p.Files[path] = []byte(path)
	}
	s := start(t, options{}, p)
	for path, want := range files {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			w := ask(s.handler, method, "/lib/@acme/p/1.0.0+b/"+pkgref.Escape(path))
			if w.Code != 200 || w.Body.Len() != 0 {
				t.Fatalf("%s: %d %s", path, w.Code, w.Body)
			}
			if _, has := w.Header()["Content-Type"]; has && w.Header()["Content-Type"] != nil {
				t.Errorf("%s: it has a type: %q", path, w.Header()["Content-Type"])
			}
			wantHeaders(t, w, "X-Accel-Redirect", "/ilib/@acme/p/1.0.0%2Bb/"+want, "Content-Length", "0", "Cache-Control", "",
				"X-Accel-Expires", "", "ETag", "", "Content-Security-Policy", "", "Access-Control-Allow-Origin", "")
		}
	}
	// What goes over the wire has no type either.
	if w := s.get("/lib/@acme%2fp@1.0.0+b/index.js?x=1"); w.Result().Header.Get("Content-Type") != "" {
		t.Errorf("headers %v", w.Result().Header)
	}
}

func TestRedirects_PH5(t *testing.T) {
	t.Parallel()
	for name, direct := range map[string]bool{"nginx": false, "direct": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, options{direct: direct}, pack("p", "1.0.0", "lib/a.js", "a"), pack("@acme/p", "1.2.0+x", "a.js", "a"))
			for target, want := range map[string]string{
				"/lib/p": "/lib/p/1.0.0/", "/lib/p/^1/lib/a.js?x=//evil.test": "/lib/p/1.0.0/lib/a.js", "/lib/p/latest/%22%3E": "/lib/p/1.0.0/%22%3E",
				"/lib/p@1/lib": "/lib/p/1.0.0/lib", "/lib/p/1.0.0/lib": "/lib/p/1.0.0/lib/", "/lib/p@main/lib/a.js": "/lib/p/main/lib/a.js",
				"/lib/@acme%2fp/": "/lib/@acme/p/1.2.0%2Bx/", "/lib/p@latest?meta": "/lib/p/1.0.0/?meta", "/lib/p@main/x?meta": "/lib/p/main/x?meta",
				"/lib/p/1.0.0?meta": "/lib/p/1.0.0/?meta", "/lib/p/^1/lib/a.js?meta": "/lib/p/1.0.0/lib/a.js?meta", "/lib/p/1.0.0/lib?meta": "/lib/p/1.0.0/lib/?meta",
			} {
				w := s.get(target)
				if w.Code != http.StatusFound || w.Body.Len() != 0 {
					t.Errorf("%s: %d %s", target, w.Code, w.Body)
				}
				wantHeaders(t, w, "Location", want, "Cache-Control", "", "Expires", "", "ETag", "", "Last-Modified", "", "X-Accel-Expires", "", "Content-Length", "0")
			}
			if got := s.view(t); len(got) > 0 {
				t.Errorf("the view holds %q", got)
			}
		})
	}
}

func TestBadRequests_PH1(t *testing.T) {
	t.Parallel()
	s := start(t, options{}, pack("p", "1.0.0", "a.js", "a"))
	for _, target := range []string{
		"/lib/p/1.0.0/../x", "/lib/p/1.0.0/%2e%2e/x", "/lib/p/1.0.0//a.js", "/lib/p/1.0.0/a%5cb", "/lib/p/1.0.0/a%00", "/lib/p/1.0.0/%zz",
		"/lib/p/1.0.0/a%2fb", "/lib//p", "/lib/", "/lib/p/01.2.3/a.js", "/lib/p/^bad/a.js", "/lib/@acme", "/lib/p/1.0.0/" + strings.Repeat("x", 1100), "/lib/.hidden/1.0.0/x",
	} {
		w := s.get(target)
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"type":"invalid"`) {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	if n := len(s.upstream.Requests()); n > 0 {
		t.Errorf("upstream was asked %d times", n)
	}
}

func TestServiceWorker_PH1(t *testing.T) {
	t.Parallel()
	s := start(t, options{}, pack("p", "1.0.0", "a.js", "a"))
	if w := s.get("/lib/p/1.0.0/a.js", "Service-Worker", "script"); w.Code != 400 {
		t.Errorf("got %d", w.Code)
	}
}

func TestMethods_PH8(t *testing.T) {
	t.Parallel()
	for name, direct := range map[string]bool{"nginx": false, "direct": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, options{direct: direct}, pack("p", "1.0.0", "a.js", "a"))
			w := ask(s.handler, http.MethodOptions, "/lib/p/1.0.0/a.js", "Origin", "https://x.test", "Access-Control-Request-Method", "GET")
			if w.Code != http.StatusNoContent {
				t.Errorf("OPTIONS: %d", w.Code)
			}
			wantHeaders(t, w, "Access-Control-Allow-Origin", "*", "Access-Control-Allow-Methods", "GET, HEAD, OPTIONS", "Access-Control-Allow-Headers", "*")
			for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, "PROPFIND", strings.Repeat("X", 9000)} {
				w := ask(s.handler, method, "/lib/p/1.0.0/a.js")
				if w.Code != http.StatusMethodNotAllowed || w.Body.Len() > 1000 {
					t.Errorf("%.10s: %d, %d bytes", method, w.Code, w.Body.Len())
				}
				wantHeaders(t, w, "Allow", "GET, HEAD, OPTIONS")
			}
			if n := len(s.upstream.Requests()); n > 0 {
				t.Errorf("upstream was asked %d times", n)
			}
		})
	}
}

func TestErrors_PH7(t *testing.T) {
	t.Parallel()
	policy := config.Policy{Rules: []config.Rule{{Deny: []string{"bad"}, Reason: "why"}}}
	s := start(t, options{policy: policy}, pack("p", "1.0.0", "a.js", "a"), pack("bad", "1.0.0", "a.js", "a"))
	w := s.get("/lib/bad/1.0.0/a.js")
	if want := `{"type":"forbidden","error":"forbidden by deny bad: why","rule":"deny bad","reason":"why"}` + "\n"; w.Code != 403 || w.Body.String() != want {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	wantHeaders(t, w, "Cache-Control", "no-store")
	for _, target := range []string{"/lib/p/1.0.0/none.js", "/lib/p/9.0.0/a.js", "/lib/none/1.0.0/a.js", "/lib/p/^9/a.js", "/lib/p/1.0.0/none.js?meta"} {
		w := s.get(target)
		if w.Code != 404 || w.Body.String() != `{"type":"not-found","error":"not found"}`+"\n" {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
		wantHeaders(t, w, "X-Accel-Expires", "60", "X-Accel-Redirect", "")
	}
	s.upstream.Close()
	w = s.get("/lib/other/1.0.0/a.js")
	if w.Code != 502 || strings.Contains(w.Body.String(), "127.0.0.1") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	wantHeaders(t, w, "Cache-Control", "no-store", "X-Accel-Expires", "")
}

// A shipped sibling never enters the view, so the daemon sends it, also where
// nginx sends everything else.
func TestShippedSibling_PH4(t *testing.T) {
	t.Parallel()
	s := start(t, options{}, pack("p", "1.0.0", "a.js", "a", "a.js.gz", "0123456789"))
	w := s.get("/lib/p/1.0.0/a.js.gz")
	if w.Code != 200 || w.Body.String() != "0123456789" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	wantHeaders(t, w, "Content-Type", "application/octet-stream", "Cache-Control", "public, max-age=31536000, immutable", "X-Accel-Redirect", "", "X-Accel-Expires", "0", "Content-Encoding", "")
	tag := w.Header().Get("ETag")
	if w := s.get("/lib/p/1.0.0/a.js.gz", "If-None-Match", tag); tag == "" || w.Code != 304 {
		t.Errorf("ETag %q: %d", tag, w.Code)
	}
	if w := s.get("/lib/p/1.0.0/a.js.gz", "Range", "bytes=2-4"); w.Code != 206 || w.Body.String() != "234" {
		t.Errorf("range: %d %q", w.Code, w.Body)
	}
	if got := s.view(t); len(got) > 0 {
		t.Errorf("the view holds %q", got)
	}
}

func TestDirect_PH2(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("0123456789", 1000)
	s := start(t, options{direct: true}, pack("p", "1.0.0", "a.js", body, "a.svg", "<svg>", "index.html", "<p>", "x", "x", "doc.xhtml", "<html>", "empty.css", ""))
	w := s.get("/lib/p/1.0.0/a.js")
	if w.Code != 200 || w.Body.String() != body {
		t.Fatalf("%d, %d bytes", w.Code, w.Body.Len())
	}
	wantHeaders(t, w, "Content-Type", "text/javascript; charset=utf-8", "Content-Length", "10000", "Accept-Ranges", "bytes",
		"Cache-Control", "public, max-age=31536000, immutable", "Access-Control-Allow-Origin", "*", "X-Content-Type-Options", "nosniff",
		"Cross-Origin-Resource-Policy", "cross-origin", "Timing-Allow-Origin", "*", "X-Accel-Redirect", "", "Content-Security-Policy", "")
	tag, modified := w.Header().Get("ETag"), w.Header().Get("Last-Modified")
	for name, tt := range map[string]struct {
		method string
		header []string
		status int
		body   string
	}{
		"head":                 {http.MethodHead, nil, 200, ""},
		"one range":            {http.MethodGet, []string{"Range", "bytes=10-19"}, 206, "0123456789"},
		"the end":              {http.MethodGet, []string{"Range", "bytes=-3"}, 206, "789"},
		"beyond":               {http.MethodGet, []string{"Range", "bytes=10000-"}, 416, ""},
		"if range holds":       {http.MethodGet, []string{"Range", "bytes=0-1", "If-Range", tag}, 206, "01"},
		"if range differs":     {http.MethodGet, []string{"Range", "bytes=0-1", "If-Range", `"x"`}, 200, body},
		"not modified":         {http.MethodGet, []string{"If-None-Match", tag}, 304, ""},
		"not modified, weakly": {http.MethodGet, []string{"If-None-Match", `"y", W/` + tag}, 304, ""},
		"modified":             {http.MethodGet, []string{"If-None-Match", `"y"`}, 200, body},
		"since":                {http.MethodGet, []string{"If-Modified-Since", modified}, 304, ""},
		"since another":        {http.MethodGet, []string{"If-Modified-Since", "Sat, 01 Jan 2028 00:00:00 GMT"}, 200, body},
		"precondition":         {http.MethodGet, []string{"If-Match", `"y"`}, 412, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := ask(s.handler, tt.method, "/lib/p/1.0.0/a.js", tt.header...)
			if w.Code != tt.status || tt.status < 400 && w.Body.String() != tt.body {
				t.Errorf("%d %.50q", w.Code, w.Body)
			}
			if tt.status >= 400 && w.Header().Get("Cache-Control") != "" {
				t.Errorf("an error is kept: %v", w.Header())
			}
		})
	}
	for path, want := range map[string]string{"a.svg": mediatype.Of("a.svg"), "index.html": "text/html; charset=utf-8", "": "text/html; charset=utf-8", "doc.xhtml": "application/xhtml+xml"} {
		wantHeaders(t, s.get("/lib/p/1.0.0/"+path), "Content-Type", want, "Content-Security-Policy", "sandbox")
	}
	wantHeaders(t, s.get("/lib/p/1.0.0/x"), "Content-Type", "application/octet-stream")
	wantHeaders(t, s.get("/lib/p/1.0.0/empty.css"), "Content-Length", "0", "Content-Type", "text/css; charset=utf-8")
	w = s.get("/lib/p/main/a.js")
	if w.Code != 200 || w.Header().Get("ETag") != tag {
		t.Errorf("main: %d, ETag %s, not %s", w.Code, w.Header().Get("ETag"), tag)
	}
	wantHeaders(t, w, "Cache-Control", "public, max-age=60, stale-while-revalidate=600")
	wantHeaders(t, s.get("/lib/p/1.0.0/none"), "Access-Control-Allow-Origin", "*", "Cache-Control", "")
}

// A file that leaves the view between the answer and its bytes is no absence:
// a client, and every cache on the way, would remember that.
func TestDirectUnderFlush_F34(t *testing.T) {
	t.Parallel()
	s := start(t, options{direct: true}, pack("p", "1.0.0", "a.js", "content 0"))
	s.get("/lib/p/1.0.0/a.js") // held, or a first fetch would meet a release that changes under it
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				w := s.get("/lib/p/1.0.0/a.js")
				if w.Code != 503 && (w.Code != 200 || !strings.HasPrefix(w.Body.String(), "content ")) {
					t.Errorf("%d %s", w.Code, w.Body)
					return
				}
			}
		})
	}
	exact := pkgref.Spec{Kind: pkgref.KindExact, Text: "1.0.0", Version: version(t, "1.0.0")}
	for i := range 60 {
		s.upstream.Add(t, pack("p", "1.0.0", "a.js", fmt.Sprint("content ", i)))
		if _, err := s.registry.Flush(t.Context(), "p", exact, "ops"); err != nil {
			t.Error(err)
		}
	}
	close(done)
	wg.Wait()
}

func sri(body string) string {
	sum := sha256.Sum256([]byte(body))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func TestMeta_PL1(t *testing.T) {
	t.Parallel()
	for name, direct := range map[string]bool{"nginx": false, "direct": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, options{direct: direct}, pack("@acme/p", "1.0.0", "lib/a b.js", "aa", "lib/deep/x.css", "", "README", "r"))
			file := func(path, body, kind string) map[string]any {
				return map[string]any{"path": path, "type": "file", "size": float64(len(body)), "integrity": sri(body), "contentType": kind}
			}
			a := file("/lib/a b.js", "aa", "text/javascript; charset=utf-8")
			x := file("/lib/deep/x.css", "", "text/css; charset=utf-8")
			readme := file("/README", "r", "application/octet-stream")
			head := func(m map[string]any) map[string]any {
				m["package"], m["version"] = "@acme/p", "1.0.0"
				return m
			}
			dir := func(path string, files ...any) map[string]any {
				return head(map[string]any{"path": path, "type": "directory", "files": files})
			}
			for target, want := range map[string]map[string]any{
				"/lib/@acme/p/1.0.0/README?meta":       head(file("/README", "r", "application/octet-stream")),
				"/lib/@acme/p/1.0.0/lib/a%20b.js?meta": head(file("/lib/a b.js", "aa", "text/javascript; charset=utf-8")),
				"/lib/@acme/p/1.0.0/?meta":             dir("/", readme, a, x),
				"/lib/@acme/p/1.0.0/lib/?meta":         dir("/lib/", a, x),
				"/lib/@acme/p/1.0.0/lib/deep/?meta":    dir("/lib/deep/", x),
			} {
				w := s.get(target)
				var got map[string]any
				if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
					t.Fatalf("%s: %d %s", target, w.Code, w.Body)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", target, diff)
				}
				wantHeaders(t, w, "Content-Type", "application/json; charset=utf-8", "Cache-Control", "public, max-age=31536000, immutable", "X-Accel-Expires", "60")
				if h := ask(s.handler, http.MethodHead, target); h.Code != 200 || h.Body.Len() != 0 || h.Header().Get("Content-Length") != fmt.Sprint(w.Body.Len()) {
					t.Errorf("HEAD: %d, %d bytes, %v", h.Code, h.Body.Len(), h.Header())
				}
			}
			if got := s.view(t); len(got) > 0 {
				t.Errorf("the view holds %q", got)
			}
			w := s.get("/lib/@acme/p/main/README?meta")
			wantHeaders(t, w, "Cache-Control", "public, max-age=60, stale-while-revalidate=600", "X-Accel-Expires", "0")
			// Nothing else of a query means anything.
			for _, query := range []string{"?meta=", "?Meta", "?meta&x", "?x&meta", "?me%74a"} {
				if w := s.get("/lib/@acme/p/1.0.0/README" + query); w.Code != 200 || strings.Contains(w.Body.String(), "integrity") {
					t.Errorf("%s: %d %s", query, w.Code, w.Body)
				}
			}
		})
	}
}

func BenchmarkServe(b *testing.B) {
	s := start(b, options{}, pack("p", "1.0.0", "a.js", "a"))
	for name, target := range map[string]string{
		"file": "/lib/p/1.0.0/a.js", "302": "/lib/p/^1/a.js", "404 file": "/lib/p/1.0.0/none.js", "404 version": "/lib/p/9.0.0/a.js", "404 package": "/lib/none/^1/a.js",
	} {
		b.Run(name, func(b *testing.B) {
			s.get(target)
			b.ReportAllocs()
			for b.Loop() {
				s.get(target)
			}
		})
	}
}
