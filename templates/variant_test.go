package templates_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/config"
)

// The public prefix "/" is a drop-in for URLs without one. Everything the
// daemon has besides packages would be reachable through it.
func TestPublicRoot_N9(t *testing.T) {
	front := t.TempDir()
	must(t, os.WriteFile(filepath.Join(front, "index.html"), []byte("the front page"), 0o644))
	root := func(c *config.Config) { c.Root.Pub = "/" }
	both(t, siteOptions{change: root, front: front}, func(t *testing.T, s *site) {
		s.put("disk/1.0.0/a.js", "disk")
		s.put("@sc/disk/1.0.0/a.svg", "scoped")
		s.put("api/components/card/1.0.0/c.js", "card")
		for _, r := range []row{
			{name: "hit", target: "/disk/1.0.0/a.js", status: 200, want: headers{"Cache-Control": forever, "X-Registryd-Cache": "view"}, text: "disk"},
			{name: "at", target: "/disk@1.0.0/a.js", status: 200, text: "disk"},
			{name: "scoped by %2f", target: "/@sc%2fdisk/1.0.0/a.svg", status: 200, want: headers{"Content-Security-Policy": "sandbox"}, text: "scoped"},
			{name: "meta", target: "/disk/1.0.0/a.js?meta", status: 200, text: `"/disk/1.0.0/a.js"`, daemon: "/disk/1.0.0/a.js?meta"},
			{name: "miss", target: "/made/1.0.0/a.js", status: 200, want: headers{"Cache-Control": forever}, daemon: "/made/1.0.0/a.js"},
			{name: "range", target: "/range/^1/a.js", status: 302, want: headers{"Location": "/range/1.2.3/a.js"}, daemon: "/range/%5E1/a.js"},
			{name: "package", target: "/range-a", status: 302, daemon: "/range-a"},
			{name: "guard", target: "/disk/1.0.0%2fa.js", status: 400},
		} {
			t.Run(r.name, func(t *testing.T) { check(t, s, r) })
		}
		for _, target := range []string{
			"/-/metrics", "/-/livez", "/-/", "/%2d/metrics", "/x/../-/metrics", "/x/..%2f-/metrics", "//-/metrics", "/ilib/disk/1.0.0/a.js", "/-/metrics?meta",
			"/staff/registry/flush/x", "/staff/registry/", "/%73taff/registry/flush/x", "/staff%2fregistry/flush/x", "/a/../staff/registry/flush/x", "/staff/registry/x?meta",
		} {
			if a := s.get(target); a.StatusCode != 404 && a.StatusCode != 400 {
				t.Errorf("%s: status %d", target, a.StatusCode)
			}
			if n := len(s.daemon.asked("/-/")) + len(s.daemon.asked("staff")); n > 0 {
				t.Fatalf("%s reached the daemon", target)
			}
		}
		if a := s.get("/api/components/card/1.0.0/c.js"); a.text != "card" || a.Header.Get("X-Registryd-Cache") != "view" {
			t.Errorf("component: %q", a.text)
		}
	})
}

func TestFrontPage_N2(t *testing.T) {
	t.Parallel()
	front := t.TempDir()
	must(t, os.WriteFile(filepath.Join(front, "index.html"), []byte("the front page"), 0o644))
	for _, pub := range []string{"/lib/", "/"} {
		t.Run(pub, func(t *testing.T) {
			t.Parallel()
			s := start(t, full, siteOptions{front: front, change: func(c *config.Config) { c.Root.Pub = pub }})
			a := s.get("/")
			if a.StatusCode != 200 || a.text != "the front page" || a.Header.Get("Content-Type") != "text/html; charset=utf-8" {
				t.Errorf("status %d, type %q, %q", a.StatusCode, a.Header.Get("Content-Type"), a.text)
			}
		})
	}
}

// With accel: off the daemon reads the files, and nginx need not see them.
func TestAccelOff_PH2(t *testing.T) {
	off := func(c *config.Config) { c.Accel = "off" }
	both(t, siteOptions{change: off}, func(t *testing.T, s *site) {
		s.put("lib/disk/1.0.0/a.js", "not for nginx")
		s.daemon.play("file", func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("Cache-Control", forever)
			h.Set("ETag", `"e"`)
			h.Set("Access-Control-Allow-Origin", "*")
			h.Set("Content-Security-Policy", "sandbox")
			http.ServeContent(w, r, "a.svg", time.Time{}, strings.NewReader("from the daemon"))
		})
		whole := headers{"Cache-Control": forever, "ETag": `"e"`, "Content-Security-Policy": "sandbox", "X-Registryd-Cache": "daemon"}
		const target = "/lib/file/1.0.0/a.svg"
		for _, r := range []row{
			{name: "view is not looked at", target: "/lib/disk/1.0.0/a.js", status: 404, daemon: "/lib/disk/1.0.0/a.js"},
			{name: "file", target: target, status: 200, want: whole, text: "from the daemon", daemon: target},
			{name: "file is not kept", target: target + "?x", status: 200, want: whole, text: "from the daemon", daemon: target},
			{name: "part", target: target, headers: []string{"Range: bytes=0-3"}, status: 206, text: "from", daemon: target},
			{name: "condition", target: target, headers: []string{`If-None-Match: "e"`}, status: 304, daemon: target},
			{name: "HEAD", method: "HEAD", target: target, status: 200, want: whole, daemon: target},
			{name: "at", target: "/lib/file@1.0.0/a.svg", status: 200, daemon: target},
			{name: "meta", target: target + "?meta", status: 200, want: headers{"Content-Type": "application/json"}, daemon: target + "?meta"},
			{name: "redirect", target: "/lib/range/^1/a.js", status: 302, daemon: "/lib/range/%5E1/a.js"},
			{name: "redirect is kept", target: "/lib/range/^1/a.js?x", status: 302, want: headers{"X-Registryd-Cache": "cache"}},
			{name: "guard", target: "/lib/file/1.0.0/%2fa.js", status: 400},
			{name: "OPTIONS", method: "OPTIONS", target: target, status: 204},
			{name: "POST", method: "POST", target: target, status: 405},
			{name: "internal", target: "/ilib/disk/1.0.0/a.js", status: 404},
			{name: "component", target: "/api/components/x?hostId=1", status: 200, daemon: "/api/components/x?hostId=1"},
		} {
			t.Run(r.name, func(t *testing.T) { check(t, s, r) })
		}
	})
}

func TestIndexFallback_N8(t *testing.T) {
	fallback := func(c *config.Config) { c.Nginx.IndexFallback = true }
	both(t, siteOptions{change: fallback}, func(t *testing.T, s *site) {
		s.put("lib/p/1.0.0/index.html", "html")
		s.put("lib/q/1.0.0/dist/index.min.js", "min")
		for _, r := range []row{
			{name: "html", target: "/lib/p/1.0.0/", status: 200, text: "html", want: headers{"Cache-Control": forever, "Content-Security-Policy": "sandbox"}},
			{name: "html without slash", target: "/lib/p/1.0.0", status: 200, text: "html", want: headers{"Content-Security-Policy": "sandbox"}},
			{name: "script", target: "/lib/q/1.0.0/dist", status: 200, text: "min", want: headers{"Cache-Control": forever}},
			{name: "neither", target: "/lib/q/1.0.0/", status: 404, daemon: "/lib/q/1.0.0/"},
		} {
			t.Run(r.name, func(t *testing.T) { check(t, s, r) })
		}
	})
}

// A section that the file does not have has no route.
func TestAbsentSections_N9(t *testing.T) {
	bare := func(c *config.Config) { c.Components, c.Modules, c.Admin = nil, nil, nil }
	both(t, siteOptions{change: bare}, func(t *testing.T, s *site) {
		for _, target := range []string{"/api/components/x", "/api/modules/x", "/staff/registry/list"} {
			if a := s.get(target); a.StatusCode != 404 || len(s.daemon.asked("")) > 0 {
				t.Errorf("%s: status %d", target, a.StatusCode)
			}
		}
	})
}

func TestLargeBodyThroughProxy_PH4(t *testing.T) {
	both(t, siteOptions{}, func(t *testing.T, s *site) {
		const size = 3 << 20
		s.daemon.play("big", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", forever)
			io.WriteString(w, strings.Repeat("x", size))
		})
		if a := s.get("/lib/big/1.0.0/a.js.gz"); len(a.text) != size {
			t.Errorf("%d bytes came through, want %d", len(a.text), size)
		}
	})
}
