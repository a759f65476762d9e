package faults_test

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/provider/providertest"
)

// A registry whose TLS cannot be believed is not talked to, and nothing goes to
// it in the clear instead.
func TestUpstreamTLS_Fault19(t *testing.T) {
	t.Parallel()
	for name, configure := range map[string]func(*httptest.Server){
		"unknown authority": func(*httptest.Server) {},
		"old protocol":      func(s *httptest.Server) { s.TLS = &tls.Config{MaxVersion: tls.VersionTLS10} }, //nolint:gosec // the fault
		"closes in the handshake": func(s *httptest.Server) {
			s.TLS = &tls.Config{GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
				h.Conn.Close()
				return nil, fmt.Errorf("closed")
			}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan string, 10)
			upstream := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.URL.Path }))
			upstream.Config.ErrorLog = log.New(io.Discard, "", 0)
			configure(upstream)
			upstream.StartTLS()
			t.Cleanup(upstream.Close)
			r := start(t, e2e.Options{Registry: upstream.URL, Timeouts: quick, LogLevel: "info"})
			for range 2 {
				if a := r.Get("/lib/x/1.0.0/x.js"); a.Status != http.StatusBadGateway && a.Status != http.StatusServiceUnavailable {
					t.Errorf("status %d %s", a.Status, a.Body)
				}
			}
			select {
			case path := <-asked:
				t.Errorf("it asked for %s all the same", path)
			default:
			}
		})
	}
}

// The right authority, named in ca_file, but the wrong name.
func TestUpstreamTLSName_Fault19(t *testing.T) {
	t.Parallel()
	upstream := httptest.NewUnstartedServer(http.NotFoundHandler())
	upstream.Config.ErrorLog = log.New(io.Discard, "", 0)
	upstream.StartTLS()
	t.Cleanup(upstream.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: upstream.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	port := upstream.Listener.Addr().(*net.TCPAddr).Port
	for host, want := range map[string]int{
		"127.0.0.1": http.StatusNotFound,   // the certificate has it
		"localhost": http.StatusBadGateway, // not this one
	} {
		r := start(t, e2e.Options{
			Registry: fmt.Sprintf("https://%s:%d", host, port), Timeouts: quick, LogLevel: "info", Config: "ca_file: " + ca + "\n",
		})
		if a := r.Get("/lib/x/1.0.0/x.js"); a.Status != want {
			t.Errorf("%s: status %d, want %d\n%s", host, a.Status, want, tail(r.Log()))
		}
	}
}

// A registry whose name nobody knows: not the client's fault, and not remembered.
func TestUpstreamUnknown_Fault20(t *testing.T) {
	t.Parallel()
	p := some("held")
	r := start(t, e2e.Options{Packages: []providertest.Package{p}, Timeouts: quick, LogLevel: "info"})
	r.must(paths(p)[0], http.StatusOK)
	config := "providers:\n  - {type: npm, registry: 'http://registry.invalid'}\n"
	r.ReplaceConfig(func(text string) string {
		from, to := strings.Index(text, "providers:"), strings.Index(text, "admin:")
		return text[:from] + config + text[to:]
	})
	r.Reload()
	other := 0
	eventually(t, "the reload is not done", func() bool {
		other++ // nginx keeps a 404 from before
		return r.Get(fmt.Sprintf("/lib/other-%d/1.0.0/x.js", other)).Status != http.StatusNotFound
	})
	switch a := r.Get("/lib/cold/1.0.0/package.json"); a.Status {
	case http.StatusBadGateway, http.StatusGatewayTimeout, http.StatusServiceUnavailable:
	default:
		t.Errorf("status %d %s", a.Status, a.Body)
	}
	r.must(paths(p)[0], http.StatusOK)
	r.must(paths(p)[1], http.StatusOK)
	r.Upstream.Add(t, some("cold"))
	r.WriteConfig("")
	r.Reload()
	eventually(t, "it was remembered as absent", func() bool { return r.Get("/lib/cold/1.0.0/package.json").Status == http.StatusOK })
}

// A state that says it was written in the future is not fresh for ever.
func TestClockWentBack_Fault21(t *testing.T) {
	t.Parallel()
	one := providertest.Generate("clock", "1.0.0", 1, 10)
	r := start(t, e2e.Options{Packages: []providertest.Package{one}, LogLevel: "info", Config: "cachetime: 1s\n", Nginx: "  cache: {period: 1s}\n"})
	if a := r.Get("/lib/clock/^1/package.json"); a.Status != http.StatusFound {
		t.Fatalf("status %d", a.Status)
	}
	r.StopDaemon()
	lists, err := filepath.Glob(r.Data + "/state/packages/clock/lists/*.json")
	if err != nil || len(lists) != 1 {
		t.Fatalf("lists: %v %v", lists, err)
	}
	text, err := os.ReadFile(lists[0])
	if err != nil {
		t.Fatal(err)
	}
	year := fmt.Sprint(time.Now().UTC().Year())
	future := strings.Replace(string(text), `"fetched":"`+year, `"fetched":"2999`, 1)
	if future == string(text) {
		t.Fatalf("no time of fetching in %s", text)
	}
	if err := os.WriteFile(lists[0], []byte(future), 0o600); err != nil {
		t.Fatal(err)
	}
	two := providertest.Generate("clock", "1.1.0", 1, 10)
	r.Upstream.Add(t, two)
	r.StartDaemon()
	eventually(t, "the list from the future stays fresh", func() bool {
		return r.Get("/lib/clock/^1/package.json").Header.Get("Location") == "/lib/clock/1.1.0/package.json"
	})
	if n := r.Upstream.Count(providertest.Document, ""); n > 10 {
		t.Errorf("upstream was asked %d times", n)
	}
}

// Damage on the disk that nobody reported: verify finds it, and mends it.
func TestSilentDamage_Fault28(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(file string) error{
		"a bit": func(file string) error {
			data, err := os.ReadFile(file)
			if err == nil {
				data[len(data)/2] ^= 1
				err = os.WriteFile(file, data, 0o644)
			}
			return err
		},
		"half of it":   func(file string) error { return os.Truncate(file, 10) },
		"all of it":    func(file string) error { return os.Truncate(file, 0) },
		"its mode":     func(file string) error { return os.Chmod(file, 0) },
		"the file":     os.Remove,
		"another file": func(file string) error { return os.WriteFile(file, []byte("something else"), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := some("damage")
			r := start(t, e2e.Options{Packages: []providertest.Package{p}, LogLevel: "info"})
			for _, path := range paths(p) {
				r.must(path, http.StatusOK)
			}
			for _, pattern := range []string{"/www/lib/damage/1.0.0/package.json", "/blobs/sha512/*/*", "/packs/*/*"} {
				files, err := filepath.Glob(r.Data + pattern)
				if err != nil || len(files) != 1 {
					t.Fatalf("%s: %v %v", pattern, files, err)
				}
				if err := damage(files[0]); err != nil {
					t.Fatal(err)
				}
			}
			if out, err := r.Command("verify"); err == nil && name != "the file" {
				t.Errorf("verify finds nothing:\n%s", out)
			}
			for _, path := range paths(p) {
				r.heals(path)
			}
			if out, err := r.Command("verify"); err != nil {
				t.Errorf("verify once more: %v\n%s", err, out)
			}
		})
	}
}

// A second daemon for the same directory does not start, whatever its
// configuration says.
func TestTwoDaemons_Fault29(t *testing.T) {
	t.Parallel()
	p := some("held")
	r := start(t, e2e.Options{Packages: []providertest.Package{p}, LogLevel: "info"})
	r.must(paths(p)[0], http.StatusOK)
	out, err := r.Command("serve", "--set", "root.fs="+r.Data, "--set", "listen=127.0.0.1:0")
	if err == nil || !strings.Contains(out, "held by another registryd") || strings.Count(strings.TrimSpace(out), "\n") > 0 {
		t.Errorf("%v, it says:\n%s", err, out)
	}
	r.must(paths(p)[1], http.StatusOK)
	r.nothingLost()
}

// Flush and designate in a loop against readers.
func TestFlushAgainstReaders_Fault34(t *testing.T) {
	t.Parallel()
	rounds, readers := 30, 20
	if soaking {
		rounds, readers = 500, 200
	}
	one, two := providertest.Generate("moving", "1.0.0", 20, 3000), providertest.Generate("moving", "1.1.0", 20, 3000)
	r := start(t, e2e.Options{Packages: []providertest.Package{one, two}, LogLevel: "info"})
	files := append(paths(one), paths(two)...)
	for _, path := range files {
		r.must(path, http.StatusOK)
	}
	stop := r.clients(readers, func(client, i int) string { return files[(client*7+i)%len(files)] })
	for i := range rounds {
		version := []string{"1.0.0", "1.1.0"}[i%2]
		for _, action := range []string{"flush/moving/" + version, "designate/moving/" + version} {
			if a := r.Admin(http.MethodPost, action); a.Status != http.StatusOK {
				t.Fatalf("%s: %d %s", action, a.Status, a.Body)
			}
		}
		if a := r.Admin(http.MethodPost, "designate/moving/7.7.7"); a.Status != http.StatusNotFound {
			t.Fatalf("designate to nowhere: %d %s", a.Status, a.Body)
		}
		if target, err := os.Readlink(r.Data + "/www/lib/moving/main"); err != nil || target != version {
			t.Fatalf("main leads to %q (%v), want %s", target, err, version)
		}
	}
	stop()
	if n := r.failures.Load(); n > 0 {
		t.Errorf("%d readers were turned away", n)
	}
	r.nothingLost()
	r.nothingStaged()
}
