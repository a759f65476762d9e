package e2e_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/internal/testenv"
	"github.com/registryd/registryd/provider/providertest"
)

// shelf has no index and no entry file, so that its root is a page.
func shelf(version string, tags ...string) providertest.Package {
	return providertest.Package{
		Name: "@acme/shelf", Version: version, Tags: tags,
		Files: map[string][]byte{
			"package.json": []byte(`{"name":"@acme/shelf"}`), "README.md": []byte("# shelf\n"), "LICENSE": []byte(strings.Repeat("free\n", 700)),
			"dist/shelf.js": []byte(strings.Repeat("shelf()\n", 9000)), "dist/shelf.css": []byte("a{}\n"), "dist/shelf.mjs": []byte("export {}\n"),
			"dist/themes/dark.css": []byte("a{}\n"), "fonts/a.woff2": make([]byte, 300_000), "fonts/b.woff2": make([]byte, 280_000),
			"dist/<img src=x onerror=alert(1)>.js":                  []byte("hostile\n"),
			"dist/\u202egpj.exe.js":                                 []byte("bidi\n"),
			"dist/" + strings.Repeat("very-long-name-", 12) + ".js": []byte("long\n"),
		},
	}
}

func shelves() []providertest.Package {
	list := []providertest.Package{shelf("2.0.0-rc.1", "next", "beta"), shelf("1.12.0", "latest")}
	for minor := range 12 {
		for patch := range 6 {
			list = append(list, shelf(fmt.Sprintf("1.%d.%d", minor, patch)))
		}
	}
	return list
}

// measured is what a script in a frame around a page finds.
type measured struct {
	Inner, Scroll int      // widths in CSS pixels
	Wide          []string // elements that stick out
	Dark          bool     // the page sees that dark is preferred
	Contrast      float64  // the least of any text against what is behind it
	Weakest       string   // the element of that
}

// TestListingInChromium_PL1 looks at the pages as people do. The real ones run
// no script, so what has to be measured is measured on a copy in a frame.
func TestListingInChromium_PL1(t *testing.T) {
	t.Parallel()
	testenv.Chromium(t)
	s := e2e.Start(t, e2e.Options{Packages: shelves()})
	status(t, s.Get("/lib/@acme/shelf/main/LICENSE"), http.StatusOK)
	pictures := os.Getenv("REGISTRYD_SCREENSHOTS")
	if pictures == "" {
		pictures = t.TempDir()
	}
	for page, path := range map[string]string{
		"package": "/lib/@acme/shelf/1.12.0/", "directory": "/lib/@acme/shelf/1.12.0/dist/", "main": "/lib/@acme/shelf/main/dist/themes/",
	} {
		answer := s.Get(path)
		status(t, answer, http.StatusOK)
		if csp := answer.Header.Get("Content-Security-Policy"); csp != "sandbox" {
			t.Errorf("%s: policy %q", page, csp)
		}
		frame := framed(t, string(answer.Body))
		for scheme, dark := range map[string]bool{"light": false, "dark": true} {
			look := e2e.Look{Width: 390 + 20 + 1280, Height: 2600, Dark: dark, Screenshot: filepath.Join(pictures, page+"-"+scheme+".png")}
			checkMeasures(t, e2e.Browse(t, frame, look), dark)
		}
		dom := e2e.Browse(t, s.URL+path, e2e.Look{Width: 1280, Height: 900, Screenshot: filepath.Join(pictures, page+".png")})
		checkDocument(t, s.URL, page, dom)
	}
}

// checkDocument looks at what the browser made of the real page; url is where
// the page came from, port included.
func checkDocument(t *testing.T, url, page, dom string) {
	t.Helper()
	want := []string{"<code>" + url + "/lib/@acme/shelf/", `<nav aria-label="On this page">`, "<main>", "<caption>", `href="/lib/@acme/shelf/1.11.5/`, "2.0.0-rc.1"}
	switch page {
	case "directory":
		want = append(want, `<nav aria-label="Path">`, "&lt;img src=x onerror=alert(1)&gt;.js", `\u{202e}gpj.exe.js`, `href="/lib/@acme/shelf/1.12.0/dist/themes/"`,
			`integrity="sha256-`, `href="/lib/@acme/shelf/1.12.0/"`)
	case "package":
		want = append(want, "How to ask for it", "sha512-", "main points at")
	}
	for _, part := range want {
		if !strings.Contains(dom, part) {
			t.Errorf("%s: the document lacks %q", page, part)
		}
	}
	for _, part := range []string{"<script", "<form", "<img", "<iframe", "\u202e"} {
		if strings.Contains(dom, part) {
			t.Errorf("%s: the document holds %q", page, part)
		}
	}
}

var resultElement = regexp.MustCompile(`<pre id="result">([^<]+)</pre>`)

func checkMeasures(t *testing.T, dom string, dark bool) {
	t.Helper()
	found := resultElement.FindStringSubmatch(dom)
	if found == nil {
		t.Fatalf("nothing was measured: %.2000s", dom)
	}
	var frames []measured
	if err := json.Unmarshal([]byte(html.UnescapeString(found[1])), &frames); err != nil {
		t.Fatal(err)
	}
	for i, width := range []int{390, 1280} {
		m := frames[i]
		if m.Inner != width || m.Dark != dark {
			t.Errorf("the page is %d wide and dark is %t, want %d and %t", m.Inner, m.Dark, width, dark)
		}
		if m.Scroll > m.Inner || len(m.Wide) > 0 {
			t.Errorf("%d wide: the page scrolls to %d, for %q", width, m.Scroll, m.Wide)
		}
		if m.Contrast < 4.5 {
			t.Errorf("dark %t: contrast of %s is %.2f", dark, m.Weakest, m.Contrast)
		}
	}
}

// framed serves a copy of a page in two frames, one as wide as a phone and one
// as wide as a desk, with a script that opens what is folded in and writes down
// what it measures.
func framed(t *testing.T, page string) string {
	t.Helper()
	wrapper, err := os.ReadFile("testdata/frame.html")
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if r.URL.Path == "/page" {
			fmt.Fprint(w, page)
			return
		}
		fmt.Fprint(w, string(wrapper))
	}))
	t.Cleanup(server.Close)
	return server.URL
}
