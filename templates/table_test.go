package templates_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/registryd/registryd/config"
)

// row is one request and what nginx must make of it.
type row struct {
	name    string // with the id of a statement
	method  string // "" is GET
	target  string
	headers []string
	status  int
	want    map[string]string // exact headers; "" is absent
	text    string            // part of the body
	daemon  string            // the target the daemon must see; "" is that it sees nothing
}

// The headers that are spelt out most.
const (
	forever = "public, max-age=31536000, immutable"
	short   = "public, max-age=60, stale-while-revalidate=600"
	brief   = "public, max-age=60"
)

// TestTable_N7_N10 asks the same of both forms.
func TestTable_N7_N10(t *testing.T) {
	t.Parallel()
	for _, f := range forms() {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			s := start(t, f, siteOptions{change: func(c *config.Config) { c.Nginx.Admin = true }})
			furnish(s)
			rows := table()
			for _, r := range rows {
				t.Run(r.name, func(t *testing.T) { check(t, s, r) })
			}
			if len(rows) < 80 {
				t.Errorf("the table has %d rows", len(rows))
			}
		})
	}
}

// furnish fills the view.
func furnish(s *site) {
	for _, ext := range strings.Fields("js mjs cjs css html htm svg xml xhtml pdf json map wasm ts d.ts mts tsx md txt yml png jpg webp avif ico woff2 ttf bin") {
		s.put("lib/disk/1.0.0/a."+ext, "disk "+ext)
	}
	s.put("lib/disk/1.0.0/LICENSE", "free")
	s.put("lib/disk/1.0.0/sub/dir/deep.js", "deep")
	s.put("lib/disk/1.0.0/x.svg/y.js", "js below a directory named like a drawing")
	s.put("lib/disk/1.0.0/sp ace%?#é.js", "odd")
	s.put("lib/disk/1.0.0/index.html", "the index")
	s.put("lib/disk/2.0.0-rc.1/a.js", "prerelease")
	s.put("lib/disk/1.3.0+build.7/a.js", "build")
	s.put("lib/disk/1.3.0-a.b+c-d/a.js", "both")
	s.put("lib/@sc/disk/1.0.0/a.js", "scoped")
	s.put("lib/JSONStream/1.0.0/a.js", "legacy")
	s.put("lib/packed/1.0.0/a.js", strings.Repeat("plain ", 100))
	s.put("lib/packed/1.0.0/a.js.gz", "zipped")
	s.put("lib/packed/1.0.0/a.js.br", "brotli")
	s.put("lib/dir-a/1.0.0/dist/a.js", "below a directory")
	s.put("api/components/card/1.0.0/c.js", "card")
	s.put("api/components/card/1.0.0/c.svg", "drawing")
	s.put("api/components/held/1.0.0/c.js", "held")
	must(s.t, os.Symlink("1.0.0", filepath.Join(s.fs, "www/lib/disk/main")))
	must(s.t, os.MkdirAll(filepath.Join(s.fs, "state"), 0o755))
	must(s.t, os.WriteFile(filepath.Join(s.fs, "state/secret"), []byte("secret"), 0o644))
	must(s.t, os.WriteFile(filepath.Join(s.fs, "www/secret"), []byte("secret"), 0o644))
}

// check makes one request and holds its answer against the row.
func check(t *testing.T, s *site, r row) {
	if r.method == "" {
		r.method = "GET"
	}
	if r.want["X-Registryd-Cache"] == "cache" {
		// nginx answers before its cache file has its name.
		eventually(t, "the answer to be kept", func() bool {
			return plain("X-Registryd-Cache", s.ask(r.method, r.target, "", r.headers...).Header.Get("X-Registryd-Cache")) == "cache"
		})
	}
	before := len(s.daemon.asked(""))
	a := s.ask(r.method, r.target, "", r.headers...)
	asked := s.daemon.asked("")[before:]
	if a.StatusCode != r.status {
		t.Fatalf("status %d, want %d; %q", a.StatusCode, r.status, a.text)
	}
	if !strings.Contains(a.text, r.text) {
		t.Errorf("body %q lacks %q", a.text, r.text)
	}
	for name, want := range r.want {
		if got := strings.Join(a.Header.Values(name), " | "); plain(name, got) != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if strings.HasPrefix(r.target, s.pub) && r.status != 400 {
		checkSafety(t, a)
	}
	switch {
	case r.daemon == "" && len(asked) > 0:
		t.Errorf("the daemon was asked for %q", asked[0].target)
	case r.daemon != "" && (len(asked) != 1 || asked[0].target != r.daemon):
		t.Errorf("the daemon was asked %+v, want once %q", asked, r.daemon)
	}
}

// plain makes nginx's own words for the state of its cache ours: the include
// has no map to translate them with.
func plain(header, value string) string {
	if header != "X-Registryd-Cache" {
		return value
	}
	switch value {
	case "HIT", "STALE", "UPDATING", "REVALIDATED":
		return "cache"
	case "MISS", "EXPIRED", "BYPASS":
		return "daemon"
	}
	return value
}

// checkSafety holds for every answer below the public prefix.
func checkSafety(t *testing.T, a answer) {
	t.Helper()
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin":  "*",
		"Timing-Allow-Origin":          "*",
		"Cross-Origin-Resource-Policy": "cross-origin",
		"X-Content-Type-Options":       "nosniff",
	} {
		if got := a.Header.Values(name); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %q, want once %q", name, got, want)
		}
	}
	if got := a.Header.Values("Cache-Control"); len(got) > 1 {
		t.Errorf("more than one Cache-Control: %q", got)
	}
	if got := a.Header.Values("Content-Security-Policy"); len(got) > 1 {
		t.Errorf("more than one Content-Security-Policy: %q", got)
	}
	if got := a.Header.Get("Set-Cookie"); got != "" {
		t.Errorf("a cookie came through: %q", got)
	}
}
