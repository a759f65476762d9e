package templates_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/testenv"
)

// both runs a test against a site of each form.
func both(t *testing.T, o siteOptions, test func(*testing.T, *site)) {
	t.Helper()
	t.Parallel()
	for _, f := range forms() {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			test(t, start(t, f, o))
		})
	}
}

// expired answers like h, with an entry in the cache that is old at once.
func expired(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Accel-Expires", "@1")
		h(w, r)
	}
}

// waitKept waits until the proxy cache holds n answers, expired ones included.
func (s *site) waitKept(n int) {
	s.t.Helper()
	eventually(s.t, "the answer to be kept", func() bool {
		kept, err := filepath.Glob(filepath.Join(s.fs, "nginx-cache", "?", "??", strings.Repeat("[0-9a-f]", 32)))
		return err == nil && len(kept) == n
	})
}

func TestStaleRedirectWhenDaemonIsDown_N2(t *testing.T) {
	both(t, siteOptions{}, func(t *testing.T, s *site) {
		s.put("lib/disk/1.0.0/a.js", "disk")
		s.daemon.play("range", expired(s.daemon.redirect))
		if a := s.get("/lib/range/^1/a.js"); a.StatusCode != 302 {
			t.Fatalf("status %d", a.StatusCode)
		}
		s.waitKept(1)
		s.daemon.stop()
		a := s.get("/lib/range/^1/a.js")
		if a.StatusCode != 302 || plain("X-Registryd-Cache", a.Header.Get("X-Registryd-Cache")) != "cache" {
			t.Errorf("known range: status %d from %q", a.StatusCode, a.Header.Get("X-Registryd-Cache"))
		}
		if a := s.get("/lib/disk/1.0.0/a.js"); a.StatusCode != 200 {
			t.Errorf("file of the view: status %d", a.StatusCode)
		}
		a = s.get("/lib/unknown/^1/a.js")
		if a.StatusCode != 502 || a.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("unknown package: status %d, origin %q", a.StatusCode, a.Header.Get("Access-Control-Allow-Origin"))
		}
		if a := s.get("/lib/unknown/1.0.0/a.js"); a.StatusCode != 502 {
			t.Errorf("unknown version: status %d", a.StatusCode)
		}
	})
}

// A refresh in the background would leave the old redirect for as long as
// somebody asks, because a 403 may not take its place.
func TestDenialReplacesRedirect_PH7(t *testing.T) {
	both(t, siteOptions{}, func(t *testing.T, s *site) {
		s.daemon.play("range", expired(s.daemon.redirect))
		if a := s.get("/lib/range/^1/a.js"); a.StatusCode != 302 {
			t.Fatalf("status %d", a.StatusCode)
		}
		s.waitKept(1)
		s.daemon.play("range", s.daemon.refuse(http.StatusForbidden))
		for range 3 {
			if a := s.get("/lib/range/^1/a.js"); a.StatusCode != 403 {
				t.Errorf("status %d after the denial", a.StatusCode)
			}
		}
	})
}

func TestExpiryComesFromDaemon_PH4(t *testing.T) {
	both(t, siteOptions{}, func(t *testing.T, s *site) {
		gone := func(w http.ResponseWriter, _ *http.Request) { s.daemon.fail(w, http.StatusNotFound) }
		s.daemon.play("old", expired(gone))
		for range 3 {
			s.get("/lib/old/1.0.0/a.js")
			s.waitKept(1)
		}
		if n := len(s.daemon.asked("/old/")); n != 3 {
			t.Errorf("an absence that had expired was asked for %d times, want 3", n)
		}
	})
}

func TestMovedMainIsNotNotModified_N3(t *testing.T) {
	both(t, siteOptions{}, func(t *testing.T, s *site) {
		for version, text := range map[string]string{"1.0.0": "one", "2.0.0": "two"} {
			file := s.put("lib/p/"+version+"/a.js", text)
			stamp := time.Unix(500_000_000+int64(text[0]), 0)
			must(t, os.Chtimes(file, stamp, stamp))
		}
		link := filepath.Join(s.fs, "www/lib/p/main")
		must(t, os.Symlink("1.0.0", link))
		first := s.get("/lib/p/main/a.js")
		conditions := []string{"If-None-Match: " + first.Header.Get("ETag"), "If-Modified-Since: " + first.Header.Get("Last-Modified")}
		for _, c := range conditions {
			if a := s.get("/lib/p/main/a.js", c); a.StatusCode != 304 || a.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("unchanged, %s: status %d, origin %q", c, a.StatusCode, a.Header.Get("Access-Control-Allow-Origin"))
			}
		}
		must(t, os.Symlink("2.0.0", link+".new"))
		must(t, os.Rename(link+".new", link))
		for _, c := range conditions {
			eventually(t, "the new main for "+c, func() bool {
				a := s.get("/lib/p/main/a.js", c)
				return a.StatusCode == 200 && a.text == "two"
			})
		}
	})
}

func TestRemovedVersionDisappears_N3(t *testing.T) {
	both(t, siteOptions{}, func(t *testing.T, s *site) {
		s.put("lib/p/1.0.0/a.js", "one")
		if a := s.get("/lib/p/1.0.0/a.js"); a.StatusCode != 200 {
			t.Fatalf("status %d", a.StatusCode)
		}
		must(t, os.Rename(filepath.Join(s.fs, "www/lib/p"), filepath.Join(s.fs, "gone")))
		removed := time.Now()
		eventually(t, "the file to disappear", func() bool {
			asked := time.Now()
			a := s.get("/lib/p/1.0.0/a.js")
			// nginx counts in whole seconds, and its machine may be busy: who asks
			// late must not get it, however long nobody asked.
			if late := asked.Sub(removed); a.StatusCode == 200 && late > 2*time.Second {
				t.Errorf("it is served %v after it was removed", late)
			}
			return a.StatusCode == 404
		})
	})
}

func TestMoreFilesThanDescriptors_N3(t *testing.T) {
	const files = 3000
	both(t, siteOptions{nofile: 1024}, func(t *testing.T, s *site) {
		paths := make([]string, files)
		for i := range paths {
			paths[i] = "lib/many/1.0.0/" + strings.Repeat("d", i%7+1) + "/" + time.Duration(i).String() + ".js"
			s.put(paths[i], "x")
		}
		for _, p := range paths {
			if a := s.get("/" + p); a.StatusCode != 200 {
				t.Fatalf("%s: status %d", p, a.StatusCode)
			}
		}
		if n := len(s.daemon.asked("")); n > 0 {
			t.Errorf("the daemon was asked %d times for files of the view", n)
		}
	})
}

func TestColdRequestsAreNotSerialised_N4(t *testing.T) {
	// A lock would hold the second request back for longer than it is waited for.
	const held = "proxy_cache_lock_timeout 10m; proxy_cache_lock_age 10m;"
	both(t, siteOptions{around: held}, func(t *testing.T, s *site) {
		for _, target := range []string{"/lib/pair/1.0.0/a.js", "/lib/pair/^1/a.js", "/lib/pair/main/a.js"} {
			// Neither is answered before both have arrived.
			var arrived sync.WaitGroup
			arrived.Add(2)
			both := make(chan struct{})
			go func() { arrived.Wait(); close(both) }()
			s.daemon.play("pair", func(w http.ResponseWriter, r *http.Request) {
				arrived.Done()
				select {
				case <-both:
				case <-time.After(patience / 2):
					t.Errorf("%s: the second request was held back", target)
				}
				s.daemon.fail(w, http.StatusNotFound)
			})
			results := make(chan error, 2)
			for range 2 {
				go func() {
					_, err := s.try("GET", target, "")
					results <- err
				}()
			}
			for range 2 {
				if err := <-results; err != nil {
					t.Errorf("%s: %v", target, err)
				}
			}
		}
	})
}

func TestDaemonSeesNothingOfTheClient_PH1(t *testing.T) {
	both(t, siteOptions{}, func(t *testing.T, s *site) {
		s.get("/lib/gone-x/1.0.0/a.js?a=b", "Cookie: a=b", "Range: bytes=0-1", "X-Original-URL: /x", "X-Forwarded-For: 6.6.6.6",
			"Accept-Encoding: gzip", "Authorization: Bearer x", "If-None-Match: x", "X-Request-Id: forged", "User-Agent: x")
		asked := s.daemon.asked("/gone-x/")
		if len(asked) != 1 {
			t.Fatalf("asked %d times", len(asked))
		}
		h := asked[0].header
		for _, name := range []string{"Cookie", "Range", "X-Original-Url", "Accept-Encoding", "Authorization", "If-None-Match", "User-Agent"} {
			if v := h.Get(name); v != "" {
				t.Errorf("%s: %q came through", name, v)
			}
		}
		for name, want := range map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "cdn.test"} {
			if got := strings.Join(h.Values(name), ","); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if id := h.Get("X-Request-Id"); len(id) != 32 {
			t.Errorf("request id %q is not nginx's", id)
		}
	})
}

func TestRoutesPassEverything_N9(t *testing.T) {
	both(t, siteOptions{}, func(t *testing.T, s *site) {
		a := s.ask("PUT", "/api/modules/m/op?q=%2f", "the body", "X-Api-Key: k", "Authorization: Bearer x")
		asked := s.daemon.asked("/api/modules/")
		if a.StatusCode != 200 || len(asked) != 1 {
			t.Fatalf("status %d, asked %d times", a.StatusCode, len(asked))
		}
		got := asked[0]
		if got.method != "PUT" || got.target != "/api/modules/m/op?q=%2f" || got.body != "the body" || got.host != "cdn.test" ||
			got.header.Get("X-Api-Key") != "k" || got.header.Get("Authorization") != "Bearer x" {
			t.Errorf("the daemon saw %+v", got)
		}
		for target, kind := range map[string]string{"/api/modules/m/op": "too-large", "/api/components/c/1.0.0": "tooLarge"} {
			tooLarge(t, s, target, kind)
		}
		if a := s.get("/staff/registry/list"); a.StatusCode != 404 || len(s.daemon.asked("/staff/")) > 0 {
			t.Errorf("admin without nginx.admin: status %d", a.StatusCode)
		}
	})
}

// tooLarge checks that nginx refuses a body above the limit as the daemon would,
// be its length told or not.
func tooLarge(t *testing.T, s *site, target, kind string) {
	t.Helper()
	for _, header := range []string{"Content-Length: 99999999", "Transfer-Encoding: chunked\r\n\r\n5F5E0FF"} {
		a := s.ask("POST", target, "", header)
		var told struct{ Type, Error string }
		if err := json.Unmarshal([]byte(a.text), &told); err != nil || a.StatusCode != 413 || told.Type != kind || told.Error == "" {
			t.Errorf("%s, %.20s: %d %q", target, header, a.StatusCode, a.text)
		}
		if got := a.Header.Values("Access-Control-Allow-Origin"); len(got) != 1 || a.Header.Get("Content-Type") != "application/json" || len(a.Header.Values("X-Content-Type-Options")) != 1 {
			t.Errorf("%s, %.20s: %v", target, header, a.Header)
		}
	}
}

func TestForeignLinkIsNotFollowed_PM1(t *testing.T) {
	testenv.Root(t) // gives a link to another owner
	both(t, siteOptions{}, func(t *testing.T, s *site) {
		s.put("lib/p/1.0.0/a.js", "one")
		must(t, os.WriteFile(filepath.Join(s.fs, "secret"), []byte("secret"), 0o644))
		link := filepath.Join(s.fs, "www/lib/p/1.0.0/b.js")
		must(t, os.Symlink(filepath.Join(s.fs, "secret"), link))
		must(t, os.Lchown(link, 12345, 12345))
		if a := s.get("/lib/p/1.0.0/b.js"); a.StatusCode == 200 {
			t.Errorf("the link was followed: %q", a.text)
		}
	})
}

// Only links inside the view are held against their owner: how root.fs itself
// is reached is the operator's business.
func TestRootBelowForeignLink_N6(t *testing.T) {
	testenv.Root(t) // gives a link to another owner
	both(t, siteOptions{linked: true}, func(t *testing.T, s *site) {
		s.put("lib/disk/1.0.0/a.js", "disk")
		s.put("api/components/held/1.0.0/c.js", "held")
		for target, text := range map[string]string{"/lib/disk/1.0.0/a.js": "disk", "/lib/made/1.0.0/a.js": "made a.js", "/api/components/held?hostId=1": "held"} {
			if a := s.get(target); a.StatusCode != 200 || a.text != text {
				t.Errorf("%s: status %d, %q", target, a.StatusCode, a.text)
			}
		}
	})
}

func TestUnixSocket_N9(t *testing.T) {
	both(t, siteOptions{network: "unix"}, func(t *testing.T, s *site) {
		if a := s.get("/lib/made/1.0.0/a.js"); a.StatusCode != 200 || a.text != "made a.js" {
			t.Errorf("status %d, %q", a.StatusCode, a.text)
		}
	})
}

func TestClosedConnectionIsReplaced_N2(t *testing.T) {
	both(t, siteOptions{}, func(t *testing.T, s *site) {
		var mu sync.Mutex
		used := map[string]bool{}
		s.daemon.play("once", func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			again := used[r.RemoteAddr]
			used[r.RemoteAddr] = true
			mu.Unlock()
			if again { // as a daemon does that ends while the request is on its way
				c, _, err := http.NewResponseController(w).Hijack()
				if err == nil {
					c.Close()
				}
				return
			}
			s.daemon.refuse(http.StatusForbidden)(w, r)
		})
		for range 8 {
			if a := s.get("/lib/once/1.0.0/a.js"); a.StatusCode != 403 {
				t.Fatalf("status %d over a connection that was closed", a.StatusCode)
			}
		}
		if f := len(s.daemon.asked("/once/")); f <= 8 {
			t.Errorf("no connection was used twice in %d requests", f)
		}
	})
}

func TestBrotliSibling_N5(t *testing.T) {
	both(t, siteOptions{}, func(t *testing.T, s *site) {
		if len(build(t).Modules) < 2 {
			t.Skip("nginx's brotli_static module is not installed: no brotli sibling was asked for")
		}
		for name, text := range map[string]string{"a.js": "plain", "a.js.gz": "zipped", "a.js.br": "brotli"} {
			s.put("lib/packed/1.0.0/"+name, text)
		}
		for accept, want := range map[string]string{"br": "brotli", "gzip, br": "brotli", "gzip": "zipped", "identity": "plain"} {
			a := s.get("/lib/packed/1.0.0/a.js", "Accept-Encoding: "+accept)
			if a.text != want || a.Header.Get("Vary") != "Accept-Encoding" || a.Header.Get("Content-Type") != "text/javascript; charset=utf-8" {
				t.Errorf("%s: %q, Vary %q, type %q", accept, a.text, a.Header.Get("Vary"), a.Header.Get("Content-Type"))
			}
		}
	})
}

func TestLimitCountsMissesOnly_N4(t *testing.T) {
	limit := func(c *config.Config) { c.Nginx.LimitReq = config.LimitReq{Rate: "1r/m", Burst: 2} }
	both(t, siteOptions{change: limit}, func(t *testing.T, s *site) {
		s.put("lib/disk/1.0.0/a.js", "disk")
		for range 20 {
			if a := s.get("/lib/disk/1.0.0/a.js"); a.StatusCode != 200 {
				t.Fatalf("a hit: status %d", a.StatusCode)
			}
		}
		statuses := map[int]int{}
		for range 6 {
			statuses[s.get("/lib/never/1.0.0/a.js").StatusCode]++
		}
		if statuses[404] != 3 || statuses[429] != 3 {
			t.Errorf("statuses of six misses: %v, want three of 404 and 429", statuses)
		}
	})
}
