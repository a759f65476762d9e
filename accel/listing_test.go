package accel_test

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider"
)

func TestListingEntries_PL1(t *testing.T) {
	t.Parallel()
	s := erect(t, &shelf{versions: []string{"1.0.0"}, files: append(planks("d/b.txt", "d/a.js", "d/z/1", "d/z/2", "d/a.js.map", "d/a/x/y", "d/Z.md", "outside.txt"),
		provider.File{Path: "d/later.bin", Size: -1})}, "", config.Policy{})
	page := s.page(t, "/lib/shelf/1.0.0/d/")
	wantParts(t, page,
		`<a href="/lib/shelf/1.0.0/"><bdi>shelf@1.0.0</bdi></a>`, `<bdi aria-current="page">d</bdi>`, "<h1><bdi>d/</bdi></h1>",
		"2 directories and 5 files",
		`href="/lib/shelf/1.0.0/d/a/"><bdi>a/</bdi>`, "7 B<small>1 file</small>", `href="/lib/shelf/1.0.0/d/z/"><bdi>z/</bdi>`, "10 B<small>2 files</small>",
		"<bdi>Z.md</bdi>", "<bdi>a.js</bdi>", "<bdi>a.js.map</bdi>", "<bdi>b.txt</bdi>", "<bdi>later.bin</bdi>", "–</td>",
		`href="/lib/shelf/1.0.0/d/?meta"`)
	wantNone(t, page, "outside", "x/y", "<bdi>1</bdi>")
	wantParts(t, s.page(t, "/lib/shelf/1.0.0/d/a/x/"), `<a href="/lib/shelf/1.0.0/"><bdi>shelf@1.0.0</bdi></a>`,
		`<a href="/lib/shelf/1.0.0/d/"><bdi>d</bdi></a>`, `<a href="/lib/shelf/1.0.0/d/a/"><bdi>a</bdi></a>`, `<bdi aria-current="page">x</bdi>`)
}

// What an archive or an upstream calls its files must neither act nor deceive.
func TestListingHostileNames_PL1(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ name, shown, url string }{
		"element":       {"<script>alert(1)<", "&lt;script&gt;alert(1)&lt;", "%3Cscript%3Ealert%281%29%3C"},
		"attribute":     {`" onclick="x`, "&#34; onclick=&#34;x", "%22%20onclick%3D%22x"},
		"apostrophe":    {"' x='", "&#39; x=&#39;", "%27%20x%3D%27"},
		"entity":        {"&lt;b&gt;", "&amp;lt;b&amp;gt;", "%26lt%3Bb%26gt%3B"},
		"template":      {"{{.Name}}", "{{.Name}}", "%7B%7B.Name%7D%7D"},
		"scheme":        {"javascript:alert(1)", "javascript:alert(1)", "javascript%3Aalert%281%29"},
		"percent":       {"%2e%2e", "%2e%2e", "%252e%252e"},
		"query":         {"a?b#c", "a?b#c", "a%3Fb%23c"},
		"direction":     {"\u202egpj.exe", `\u{202e}gpj.exe`, "%E2%80%AEgpj.exe"},
		"isolate":       {"a\u2066b\u2069", `a\u{2066}b\u{2069}`, "a%E2%81%A6b%E2%81%A9"},
		"zero width":    {"a\u200bb\ufeff", `a\u{200b}b\u{feff}`, "a%E2%80%8Bb%EF%BB%BF"},
		"odd blank":     {"a\u00a0b\u3164", `a\u{a0}b\u{3164}`, "a%C2%A0b%E3%85%A4"},
		"no text":       {"a\xffb\xef", `a\xffb\xef`, "a%FFb%EF"},
		"replacement":   {"a\ufffd", `a\u{fffd}`, "a%EF%BF%BD"},
		"other scripts": {"ünï-日本-שלום", "ünï-日本-שלום", "%C3%BCn%C3%AF-%E6%97%A5%E6%9C%AC-%D7%A9%D7%9C%D7%95%D7%9D"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := erect(t, &shelf{versions: []string{"1.0.0"}, files: planks(tt.name+"/"+tt.name+".js", tt.name+".txt")}, "https://cdn.test", config.Policy{})
			wantParts(t, s.page(t, "/lib/shelf/1.0.0/"), `href="/lib/shelf/1.0.0/`+tt.url+`/"><bdi>`+tt.shown+"/</bdi>",
				`href="/lib/shelf/1.0.0/`+tt.url+`.txt"><bdi>`+tt.shown+".txt</bdi>", `aria-label="Copy what refers to `+tt.shown+`.txt"`)
			wantParts(t, s.page(t, "/lib/shelf/1.0.0/"+tt.url+"/"), "<h1><bdi>"+tt.shown+"/</bdi></h1>", "<bdi>"+tt.shown+".js</bdi>",
				html.EscapeString(`<script src="https://cdn.test/lib/shelf/1.0.0/`+tt.url+"/"+tt.url+`.js" integrity="sha256-`))
		})
	}
}

func TestListingAbsoluteURLs_PL1(t *testing.T) {
	t.Parallel()
	forwarded := []string{"X-Forwarded-Proto", "https", "X-Forwarded-Host", "cdn.test:8443"}
	for name, tt := range map[string]struct {
		public, remote string
		header         []string
		want           string
	}{
		"public_url":          {"https://cdn.example.org/base", "127.0.0.1:1", forwarded, "https://cdn.example.org/base"},
		"trusted front":       {"", "127.0.0.1:1", forwarded, "https://cdn.test:8443"},
		"front on a socket":   {"", "@", forwarded, "https://cdn.test:8443"},
		"somebody else":       {"", "192.0.2.1:1", forwarded, "http://own.test"},
		"no front":            {"", "192.0.2.1:1", nil, "http://own.test"},
		"a host that escapes": {"", "127.0.0.1:1", []string{"X-Forwarded-Host", `x"><script>`}, "http://localhost"},
		"an odd scheme":       {"", "127.0.0.1:1", []string{"X-Forwarded-Proto", "javascript"}, "http://own.test"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := erect(t, &shelf{versions: []string{"1.0.0"}, files: planks("d/a.txt")}, tt.public, config.Policy{})
			r := httptest.NewRequest(http.MethodGet, "/lib/shelf/1.0.0/d/", http.NoBody)
			r.RemoteAddr, r.Host = tt.remote, "own.test"
			for i := 0; i+1 < len(tt.header); i += 2 {
				r.Header.Set(tt.header[i], tt.header[i+1])
			}
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, r)
			wantParts(t, w.Body.String(), "<code>"+tt.want+"/lib/shelf/1.0.0/d/a.txt</code>")
		})
	}
}

func TestListingSnippets_PL1(t *testing.T) {
	t.Parallel()
	files := append(planks("d/a.js", "d/b.css", "d/c.mjs", "d/d.txt", "d/e.js.map"), provider.File{Path: "d/f.js", Size: -1})
	s := erect(t, &shelf{versions: []string{"1.0.0"}, files: files}, "https://cdn.test", config.Policy{})
	page := html.UnescapeString(s.page(t, "/lib/shelf/1.0.0/d/"))
	integrity := func(path string) string { return plank(path).Integrity.String() }
	wantParts(t, page,
		"<code>"+integrity("d/a.js")+"</code>", `<script src="https://cdn.test/lib/shelf/1.0.0/d/a.js" integrity="`+integrity("d/a.js")+`" crossorigin="anonymous"></script>`,
		`<link rel="stylesheet" href="https://cdn.test/lib/shelf/1.0.0/d/b.css" integrity="`+integrity("d/b.css")+`" crossorigin="anonymous">`,
		`<script type="module" src="https://cdn.test/lib/shelf/1.0.0/d/c.mjs" integrity="`,
		"<code>"+integrity("d/d.txt")+"</code>", "<code>"+integrity("d/e.js.map")+"</code>",
		`<script src="https://cdn.test/lib/shelf/1.0.0/d/f.js" crossorigin="anonymous"></script>`)
	if n := strings.Count(page, "<dt>HTML</dt>"); n != 4 {
		t.Errorf("%d snippets, want 4", n)
	}
}

func TestListingSwitches_PL1(t *testing.T) {
	t.Parallel()
	s := &shelf{files: planks("d/x/a.txt"), tags: map[string]string{"latest": "1.59.0", "next": "2.0.0-rc.1"}, versions: []string{"2.0.0-rc.1", "1.0.0+build.5", "3.0.0"}}
	for i := range 60 {
		s.versions = append(s.versions, fmt.Sprintf("1.%d.0", i))
	}
	stand := erect(t, s, "", config.Policy{Rules: []config.Rule{{Deny: []string{"shelf@3", "shelf@1.58.0"}}}})
	page := stand.page(t, "/lib/shelf/1.57.0/d/x/")
	wantParts(t, page, `href="/lib/shelf/1.59.0/d/x/"><b><bdi>latest</bdi></b> 1.59.0`, `href="/lib/shelf/2.0.0-rc.1/d/x/"><b><bdi>next</bdi></b>`,
		"61 versions", `href="/lib/shelf/2.0.0-rc.1/d/x/">2.0.0-rc.1 <time datetime="2024-05-01">2024-05-01</time>`,
		`href="/lib/shelf/1.59.0/d/x/">`, `href="/lib/shelf/1.57.0/d/x/" aria-current="true">1.57.0`, `href="/lib/shelf/1.56.0/d/x/">`,
		`href="/lib/shelf/1.10.0/d/x/">`, "11 older ones are not shown")
	wantNone(t, page, "1.58.0", "3.0.0", `href="/lib/shelf/1.9.0/`)
	wantParts(t, stand.page(t, "/lib/shelf/1.57.0/"), "61 versions", `href="/lib/shelf/1.9.0/">`, `href="/lib/shelf/1.0.0%2Bbuild.5/">1.0.0&#43;build.5`)
}

func TestListingPackagePage_PL1_PH3(t *testing.T) {
	t.Parallel()
	s := erect(t, &shelf{versions: []string{"1.0.0", "1.2.0"}, files: planks("a.txt", "d/b.txt"), tags: map[string]string{"latest": "1.2.0", "next": "1.2.0"}}, "https://cdn.test", config.Policy{})
	page := s.page(t, "/lib/shelf/1.2.0/")
	wantParts(t, page, "<h1><bdi>shelf</bdi> <span>1.2.0</span></h1>", "Version</dt><dd><bdi>1.2.0", "Tags here</dt><dd><bdi>latest, next",
		"Provider</dt><dd><bdi>oak", "Published</dt><dd><bdi>2024-05-02", "Files</dt><dd><bdi>2", "Unpacked</dt><dd><bdi>12 B",
		"https://cdn.test/lib/shelf/1.2.0/</code>", "https://cdn.test/lib/shelf/^1.2.0/</code>", "https://cdn.test/lib/shelf/latest/</code>",
		"https://cdn.test/lib/shelf/main/</code>", "https://cdn.test/lib/shelf/1.2.0/?meta</code>", `<time datetime="2024-05-01">`)
	wantNone(t, page, "main points at", "Tarball")
	if w := s.request("/lib/shelf/main/a.txt"); w.Code != http.StatusOK {
		t.Fatalf("status %d", w.Code)
	}
	page = s.page(t, "/lib/shelf/main/")
	wantParts(t, page, "main points at</dt><dd><bdi>1.2.0", "main is 1.2.0 now and may be moved", "1.2.0 now</dd>")
}

// On main the HTML to copy names the version, or its integrity would not hold.
func TestListingMain_PL1(t *testing.T) {
	t.Parallel()
	s := erect(t, &shelf{versions: []string{"1.0.0"}, files: planks("d/a.js")}, "https://cdn.test", config.Policy{})
	wantParts(t, s.page(t, "/lib/shelf/main/d/"), `<a href="/lib/shelf/main/"><bdi>shelf@main</bdi></a>`, `<a href="/lib/shelf/main/d/a.js">`,
		"<code>https://cdn.test/lib/shelf/main/d/a.js</code>", html.EscapeString(`<script src="https://cdn.test/lib/shelf/1.0.0/d/a.js" `))
}

// Looking changes nothing: no file enters the view, and upstream is asked for
// one list.
func TestListingChangesNothing_PL1(t *testing.T) {
	t.Parallel()
	s := erect(t, &shelf{versions: []string{"1.0.0", "1.1.0"}, files: planks("d/a.js", "d/b.js")}, "", config.Policy{})
	for range 3 {
		s.page(t, "/lib/shelf/1.0.0/")
		s.page(t, "/lib/shelf/1.0.0/d/")
	}
	if want := []string{"release", "versions"}; !slices.Equal(s.calls, want) {
		t.Errorf("upstream was asked %q, want %q", s.calls, want)
	}
	held, err := s.registry.Held("shelf")
	if err != nil || len(held.Versions) != 1 || held.Versions[0].Viewed != 0 || held.Main != "" {
		t.Errorf("%+v is held, %v", held, err)
	}
}

func TestListingUpstreamDown_PL1(t *testing.T) {
	t.Parallel()
	s := erect(t, &shelf{versions: []string{"1.0.0", "1.1.0", "1.2.0"}, files: planks("d/a.js"), trouble: outcome.Unavailable}, "", config.Policy{})
	for _, v := range []string{"1.0.0", "1.1.0"} {
		s.page(t, "/lib/shelf/"+v+"/d/")
	}
	page := s.page(t, "/lib/shelf/1.0.0/d/")
	wantParts(t, page, "<bdi>a.js</bdi>", "Upstream could not be asked just now", "2 versions", `href="/lib/shelf/1.1.0/d/"`, `href="/lib/shelf/1.0.0/d/"`)
	wantNone(t, page, "1.2.0")
}

func TestListingOpen_PL1_PG5(t *testing.T) {
	t.Parallel()
	s := erect(t, &shelf{versions: []string{"1.0.0"}, files: planks("d/a.js", "d/b.js"), open: true}, "", config.Policy{})
	if w := s.request("/lib/shelf/1.0.0/d/a.js"); w.Code != http.StatusOK {
		t.Fatalf("status %d", w.Code)
	}
	page := s.page(t, "/lib/shelf/1.0.0/d/")
	wantParts(t, page, "Only those that somebody asked for already are shown", "1 file,", "<bdi>a.js</bdi>", "Files so far</dt><dd><bdi>1<")
	wantNone(t, page, "b.js")
}

// Where nobody lists versions, neither ranges nor tags are proposed.
func TestListingWithoutVersions_PL1_PG5(t *testing.T) {
	t.Parallel()
	s := erect(t, &shelf{versions: []string{"1.0.0", "1.1.0"}, files: planks("a.txt"), silent: true}, "", config.Policy{})
	page := s.page(t, "/lib/shelf/1.0.0/")
	wantParts(t, page, ">Exact</a>", ">Metadata</a>", "No source lists the versions", "1 version,")
	wantNone(t, page, ">Range</a>", ">Tag</a>", ">main</a>", "1.1.0")
}

func TestListingHead_PL1(t *testing.T) {
	t.Parallel()
	s := erect(t, &shelf{versions: []string{"1.0.0"}, files: planks("d/a.js")}, "", config.Policy{})
	r := httptest.NewRequest(http.MethodHead, "/lib/shelf/1.0.0/d/", http.NoBody)
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	if w.Code != http.StatusOK || w.Body.Len() > 0 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("status %d, %d bytes, %v", w.Code, w.Body.Len(), w.Header())
	}
}

// gone is a client that leaves after the headers.
type gone struct{ nowhere }

func (gone) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestListingForNobody_PL1(t *testing.T) {
	t.Parallel()
	s := erect(t, crowd(500), "", config.Policy{})
	r := httptest.NewRequest(http.MethodGet, "/lib/shelf/1.0.0/d/", http.NoBody)
	if err := s.serve(gone{nowhere{http.Header{}}}, r); err != nil {
		t.Errorf("a client that left is our fault: %v", err)
	}
}

// crowd is a directory of n files and as many directories.
func crowd(n int) *shelf {
	s := &shelf{versions: []string{"1.0.0"}}
	for i := range n {
		s.files = append(s.files, plank(fmt.Sprintf("d/%05d.js", i)), plank(fmt.Sprintf("d/%05d/x.js", i)))
	}
	return s
}

func TestListingOfManyEntries_PL1(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ n, rows, left int }{
		"directories alone": {15000, 2000, 28000}, "both": {1200, 2000, 400}, "just enough": {1000, 2000, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := erect(t, crowd(tt.n), "", config.Policy{}).page(t, "/lib/shelf/1.0.0/d/")
			if n := strings.Count(page, "<tr><td>"); n != tt.rows {
				t.Errorf("%d rows, want %d", n, tt.rows)
			}
			if told := strings.Contains(page, fmt.Sprintf("%d more are in the", tt.left)); told != (tt.left > 0) {
				t.Errorf("tells of %d more: %t", tt.left, told)
			}
			if len(page) > 3<<20 {
				t.Errorf("the page has %d bytes", len(page))
			}
		})
	}
}

// nowhere is a client that keeps nothing.
type nowhere struct{ h http.Header }

func (w nowhere) Header() http.Header         { return w.h }
func (w nowhere) WriteHeader(int)             {}
func (w nowhere) Write(p []byte) (int, error) { return len(p), nil }

func BenchmarkListing(b *testing.B) {
	for name, n := range map[string]int{"10 entries": 5, "30000 entries": 15000} {
		b.Run(name, func(b *testing.B) {
			s := erect(b, crowd(n), "", config.Policy{})
			s.page(b, "/lib/shelf/1.0.0/d/")
			r := httptest.NewRequest(http.MethodGet, "/lib/shelf/1.0.0/d/", http.NoBody)
			b.ReportAllocs()
			for b.Loop() {
				s.handler.ServeHTTP(nowhere{http.Header{}}, r)
			}
		})
	}
}
