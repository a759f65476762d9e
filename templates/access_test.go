package templates_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/registryd/registryd/config"
)

const (
	goodToken = "Authorization: Bearer s3cret-Token/1="
	oddToken  = "Authorization: bearer  other.token+2"
)

// basic is the header for a user with a password.
func basic(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// withPrivate returns a change that makes @acme private.
func withPrivate(t *testing.T, change func(*config.Private)) func(*config.Config) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "htpasswd")
	must(t, os.WriteFile(file, []byte("ann:{PLAIN}open sesame\n"), 0o644))
	return func(c *config.Config) {
		c.Nginx.Private = config.Private{Scopes: []string{"@acme"}, HTPasswd: file, Tokens: []string{"s3cret-Token/1=", "other.token+2"}}
		if change != nil {
			change(&c.Nginx.Private)
		}
	}
}

// furnishPrivate puts the same files into a private scope and elsewhere.
func furnishPrivate(s *site) {
	for _, name := range []string{"@acme/disk", "@acmes/disk", "disk"} {
		s.put("lib/"+name+"/1.0.0/a.js", "text of "+name)
		must(s.t, os.Symlink("1.0.0", filepath.Join(s.fs, "www/lib", name, "main")))
	}
	s.daemon.play("@acme", func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.Path, "/made/"):
			s.daemon.made(w, r)
		case strings.Contains(r.URL.Path, "/list/"):
			s.daemon.body(w, "text/html; charset=utf-8", "<a href=x>secret list</a>")
		case strings.Contains(r.URL.Path, "/range/"):
			s.daemon.redirect(w, r)
		default:
			s.daemon.fail(w, http.StatusNotFound)
		}
	})
}

// TestPrivate_N8: what is private is so on disk too, in every spelling.
func TestPrivate_N8(t *testing.T) {
	both(t, siteOptions{change: withPrivate(t, nil)}, func(t *testing.T, s *site) {
		furnishPrivate(s)
		for _, target := range []string{
			"/lib/@acme/disk/1.0.0/a.js", "/lib/%40acme/disk/1.0.0/a.js", "/lib/@acme%2fdisk/1.0.0/a.js", "/lib/@acme/disk@1.0.0/a.js",
			"/lib/@acme/disk/main/a.js", "/lib/@acme/disk/1.0.0/a.js?meta", "/lib/@acme/disk@1.0.0/a.js?meta", "/lib/@acme/made/1.0.0/a.js",
			"/lib/@acme/range/^1/a.js", "/lib/@acme/disk/1.0.0/", "/lib/@acme/gone/1.0.0/a.js", "/lib/@acme/x", "/lib/@acme/",
		} {
			for _, header := range []string{"X: y", "Authorization: Bearer wrong-token", "Authorization: Bearer S3CRET-TOKEN/1=",
				"Authorization: Bearer s3cret-Token/1=x", "Authorization: Basic s3cret-Token/1=", basic("ann", "wrong"), basic("bob", "open sesame")} {
				check(t, s, row{target: target, headers: []string{header}, status: 401, text: "401", want: headers{
					"Cache-Control": "no-store", "X-Registryd-Cache": "",
					"Www-Authenticate": `Basic realm="registryd" | Bearer realm="registryd"`,
				}})
			}
		}
		vary := "Accept-Encoding | Authorization"
		hidden := headers{"Cache-Control": "private, max-age=31536000, immutable", "Vary": vary}
		for _, r := range []row{
			{name: "token", target: "/lib/@acme/disk/1.0.0/a.js", headers: []string{goodToken}, status: 200, text: "text of @acme/disk", want: hidden},
			{name: "another token", target: "/lib/@acme/disk/1.0.0/a.js", headers: []string{oddToken}, status: 200, want: hidden},
			{name: "password", target: "/lib/@acme/disk/1.0.0/a.js", headers: []string{basic("ann", "open sesame")}, status: 200,
				want: headers{"Cache-Control": "private, max-age=31536000, immutable", "Vary": vary, "Www-Authenticate": ""}},
			{name: "part", target: "/lib/@acme/disk/1.0.0/a.js", headers: []string{goodToken, "Range: bytes=0-3"}, status: 206, text: "text", want: hidden},
			{name: "main", target: "/lib/@acme/disk/main/a.js", headers: []string{goodToken}, status: 200,
				want: headers{"Cache-Control": "private, max-age=60, stale-while-revalidate=600", "Vary": vary}},
			{name: "miss", target: "/lib/@acme/made/1.0.0/a.js", headers: []string{goodToken}, status: 200, want: hidden, daemon: "/lib/@acme/made/1.0.0/a.js"},
			{name: "listing", target: "/lib/@acme/list/1.0.0/", headers: []string{goodToken}, status: 200, text: "secret list",
				want: headers{"Cache-Control": "private, no-cache", "Vary": "Authorization", "Content-Security-Policy": "sandbox"}, daemon: "/lib/@acme/list/1.0.0/"},
			{name: "redirect", target: "/lib/@acme/range/^1/a.js", headers: []string{goodToken}, status: 302, daemon: "/lib/@acme/range/%5E1/a.js"},
			{name: "meta", target: "/lib/@acme/disk@1.0.0/a.js?meta", headers: []string{goodToken}, status: 200,
				want: headers{"Cache-Control": "private, no-cache"}, daemon: "/lib/@acme/disk/1.0.0/a.js?meta"},
			{name: "capitals", target: "/lib/@ACME/disk/1.0.0/a.js", status: 404},
			{name: "some capitals, missing", target: "/lib/%40Acme%2Fmade@1.0.0/a.js", status: 404},
			{name: "capitals, range", target: "/lib/@acmE/range/^1/a.js", headers: []string{goodToken}, status: 404},
			{name: "capitals, meta", target: "/lib/@ACME/disk/1.0.0/a.js?meta", status: 404},
			{name: "capitals elsewhere", target: "/lib/made/1.0.0/@ACME/a.js", status: 200, daemon: "/lib/made/1.0.0/@ACME/a.js"},
			{name: "still asked for", target: "/lib/@acme/made/1.0.0/a.js", status: 401},
			{name: "guard first", target: "/lib/@acme/disk/1.0.0/x/../a.js", status: 400},
			{name: "preflight", method: "OPTIONS", target: "/lib/@acme/disk/1.0.0/a.js", status: 204,
				want: headers{"Access-Control-Allow-Headers": "*, Authorization"}},
			{name: "longer scope", target: "/lib/@acmes/disk/1.0.0/a.js", status: 200, want: headers{"Cache-Control": forever, "Vary": "Accept-Encoding"}},
			{name: "public", target: "/lib/disk/1.0.0/a.js", status: 200, want: headers{"Cache-Control": forever, "Vary": "Accept-Encoding"}},
			{name: "public by a wrong token", target: "/lib/disk/1.0.0/a.js", headers: []string{"Authorization: Bearer wrong"}, status: 200},
			{name: "who is asked", target: "/ilib/.auth", headers: []string{goodToken}, status: 404},
		} {
			t.Run(r.name, func(t *testing.T) { check(t, s, r) })
		}
		for _, seen := range s.daemon.asked("") {
			if seen.header.Get("Authorization") != "" {
				t.Errorf("the daemon was told who asks for %s", seen.target)
			}
		}
	})
}

// TestPrivateByOneKind_N8: passwords alone, tokens alone, and each with the
// daemon sending the files.
func TestPrivateByOneKind_N8(t *testing.T) {
	for name, change := range map[string]func(*config.Private){
		"passwords": func(p *config.Private) { p.Tokens = nil },
		"tokens":    func(p *config.Private) { p.HTPasswd = "" },
	} {
		for _, accel := range []string{"nginx", "off"} {
			t.Run(name+" "+accel, func(t *testing.T) {
				set := withPrivate(t, change)
				both(t, siteOptions{change: func(c *config.Config) { set(c); c.Accel = accel; c.Nginx.IndexFallback = true }}, func(t *testing.T, s *site) {
					furnishPrivate(s)
					s.daemon.play("@acme", func(w http.ResponseWriter, r *http.Request) { s.daemon.body(w, "text/plain", "from the daemon") })
					good, challenge := basic("ann", "open sesame"), `Basic realm="registryd"`
					bad := goodToken
					if name == "tokens" {
						good, bad, challenge = bad, good, `Bearer realm="registryd"`
					}
					const target = "/lib/@acme/other/1.0.0/a.js"
					for _, header := range []string{"X: y", bad} {
						check(t, s, row{target: target, headers: []string{header}, status: 401, want: headers{"Www-Authenticate": challenge}})
						check(t, s, row{target: target + "?meta", headers: []string{header}, status: 401})
						check(t, s, row{target: "/lib/@ACME/other/1.0.0/a.js", headers: []string{header}, status: 404})
					}
					check(t, s, row{target: target, headers: []string{good}, status: 200, text: "from the daemon", daemon: target,
						want: headers{"Cache-Control": "private, no-cache", "Vary": "Authorization"}})
					check(t, s, row{target: target + "?meta", headers: []string{good}, status: 200, daemon: target + "?meta"})
				})
			})
		}
	}
}

// TestPrivateInSomebodysServer_N8: what the server around says of addresses makes
// nothing private public.
func TestPrivateInSomebodysServer_N8(t *testing.T) {
	for around, kinds := range map[string][]string{
		"allow all;":              {"both", "passwords", "tokens"},
		"satisfy any; allow all;": {"passwords", "tokens"},
	} {
		for _, kind := range kinds {
			t.Run(around+" "+kind, func(t *testing.T) {
				both(t, siteOptions{around: around, change: withPrivate(t, func(p *config.Private) {
					switch kind {
					case "passwords":
						p.Tokens = nil
					case "tokens":
						p.HTPasswd = ""
					}
				})}, func(t *testing.T, s *site) {
					furnishPrivate(s)
					good := goodToken
					if kind == "passwords" {
						good = basic("ann", "open sesame")
					}
					for target, daemon := range map[string]string{
						"/lib/@acme/disk/1.0.0/a.js":      "",
						"/lib/@acme/made/1.0.0/a.js":      "/lib/@acme/made/1.0.0/a.js",
						"/lib/@acme/disk/1.0.0/a.js?meta": "/lib/@acme/disk/1.0.0/a.js?meta",
					} {
						check(t, s, row{target: target, status: 401})
						check(t, s, row{target: target, headers: []string{good}, status: 200, daemon: daemon})
					}
					check(t, s, row{target: "/lib/disk/1.0.0/a.js", status: 200})
				})
			})
		}
	}
}

// TestTLS_N8: HTTP/2 for clients that ask for it, HTTP/1.1 for others, and the
// daemon hears that it was TLS.
func TestTLS_N8(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	s := start(t, full, siteOptions{change: func(c *config.Config) {
		c.Nginx.TLS, c.Nginx.HTTP2 = config.TLS{Cert: cert, Key: key}, true
	}})
	s.put("lib/disk/1.0.0/a.js", "disk")
	pool := x509.NewCertPool()
	text, err := os.ReadFile(cert)
	must(t, err)
	pool.AppendCertsFromPEM(text)
	for proto, h2 := range map[string]bool{"HTTP/2.0": true, "HTTP/1.1": false} {
		client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: h2, TLSClientConfig: &tls.Config{RootCAs: pool}}}
		t.Cleanup(client.CloseIdleConnections)
		for _, path := range []string{"/lib/disk/1.0.0/a.js", "/lib/made-" + strings.ToLower(proto[5:6]) + "/1.0.0/a.js"} {
			resp, err := client.Get("https://" + s.addr + path)
			must(t, err)
			resp.Body.Close()
			if resp.Proto != proto || resp.StatusCode != http.StatusOK || resp.TLS.Version < tls.VersionTLS12 {
				t.Errorf("%s: %s, status %d", path, resp.Proto, resp.StatusCode)
			}
		}
	}
	for _, seen := range s.daemon.asked("made") {
		if seen.header.Get("X-Forwarded-Proto") != "https" {
			t.Errorf("the daemon was told %q", seen.header.Get("X-Forwarded-Proto"))
		}
	}
	if n := len(s.daemon.asked("made")); n != 2 {
		t.Errorf("the daemon was asked %d times", n)
	}
	old := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS11}}}
	if resp, err := old.Get("https://" + s.addr + "/lib/disk/1.0.0/a.js"); err == nil {
		resp.Body.Close()
		t.Error("TLS 1.1 is spoken")
	}
}

// TestNodes_N8: each package has one node, actions on it go there too, and
// another node takes over from one that is gone.
func TestNodes_N8(t *testing.T) {
	t.Parallel()
	for _, f := range forms() {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			var nodes []*daemon
			s := start(t, f, siteOptions{change: func(c *config.Config) {
				c.Accel, c.Nginx.Admin = "off", true
				for range 3 {
					d := newDaemon(t, c, "")
					d.play("p", func(w http.ResponseWriter, r *http.Request) {
						w.Header().Set("X-Accel-Expires", "0")
						_, _ = w.Write([]byte("file"))
					})
					nodes = append(nodes, d)
					c.Nginx.Nodes = append(c.Nginx.Nodes, d.listener.Addr().String())
				}
			}})
			owners := map[*daemon]int{}
			for i := range 40 {
				name := "p-" + string(rune('a'+i%26)) + string(rune('a'+i/26))
				for _, target := range []string{"/lib/" + name + "/1.0.0/a.js", "/lib/" + name + "/2.0.0/dir/b.js", "/lib/" + name + "@1.0.0/c.js", "/lib/" + name + "/1.0.0/a.js?meta"} {
					if a := s.get(target); a.StatusCode != http.StatusOK {
						t.Fatalf("%s: status %d", target, a.StatusCode)
					}
				}
				if a := s.ask("POST", "/staff/registry/flush/"+name+"/1.0.0", "", "Content-Length: 0"); a.StatusCode != http.StatusOK {
					t.Fatalf("flush: status %d", a.StatusCode)
				}
				held := 0
				for _, d := range nodes {
					if n := len(d.asked("/" + name)); n > 0 {
						held++
						owners[d]++
						if n != 5 {
							t.Errorf("%s: its node was asked %d times, want 5", name, n)
						}
					}
				}
				if held != 1 {
					t.Errorf("%s is with %d nodes", name, held)
				}
			}
			if len(owners) != 3 {
				t.Errorf("%d of 3 nodes have something to do", len(owners))
			}
			nodes[0].stop()
			for i := range 40 {
				target := "/lib/p-" + string(rune('a'+i%26)) + string(rune('a'+i/26)) + "/3.0.0/a.js"
				if a := s.get(target); a.StatusCode != http.StatusOK {
					t.Errorf("a node is gone, %s: status %d", target, a.StatusCode)
				}
			}
		})
	}
}
