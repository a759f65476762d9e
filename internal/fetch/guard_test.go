package fetch_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
)

func TestPublicAddresses(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "2606:4700::1": true, "64:ff9b::808:808": true, "2002:808:808::1": true,
		"127.0.0.1": false, "127.9.9.9": false, "0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false,
		"172.16.0.1": false, "172.31.255.255": false, "172.32.0.1": true, "192.168.1.1": false,
		"169.254.169.254": false, "100.64.0.1": false, "100.100.100.200": false, "100.128.0.1": true,
		"168.63.129.16": false, "192.0.0.192": false, "198.18.0.1": false, "224.0.0.1": false,
		"240.0.0.1": false, "255.255.255.255": false, "203.0.113.5": false,
		"::": false, "::1": false, "::ffff:127.0.0.1": false, "::ffff:8.8.8.8": true, "::7f00:1": false,
		"fe80::1": false, "fe80::1%eth0": false, "fc00::1": false, "fd00:ec2::254": false, "fec0::1": false, "ff02::1": false,
		"64:ff9b::7f00:1": false, "64:ff9b::a9fe:a9fe": false, "2002:7f00:1::1": false, "2001:db8::1": false, "2001::1": false,
	} {
		if got := fetch.Public(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: got %v", addr, got)
		}
	}
}

func TestDialGuard(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "inside") })
	port := s.URL[strings.LastIndexByte(s.URL, ':')+1:]
	for _, host := range []string{"127.0.0.1", "localhost", "LOCALHOST.", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "[::]"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			requests := 0
			f := client(t, fetch.Config{Observe: func(string, int, error, time.Duration) { requests++ }})
			_, err := read(t, f, fetch.Request{URL: "http://" + host + ":" + port + "/", Limit: 10})
			if !errors.Is(err, outcome.Unavailable) {
				t.Errorf("got %v", err)
			}
			if requests != 1 {
				t.Errorf("tried %d times", requests)
			}
		})
	}
}

func TestTrustIsOfHostAndPort(t *testing.T) {
	t.Parallel()
	inside := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "inside") })
	front := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, inside.URL, http.StatusFound)
		case "/home":
			http.Redirect(w, r, "/", http.StatusFound)
		default:
			fmt.Fprint(w, "front")
		}
	})
	f := client(t, fetch.Config{}, front)
	if got, err := read(t, f, fetch.Request{URL: front.URL + "/home", Limit: 10}); got != "front" || err != nil {
		t.Errorf("same host: got %q, %v", got, err)
	}
	if _, err := read(t, f, fetch.Request{URL: front.URL + "/away", Limit: 10}); !errors.Is(err, outcome.Unavailable) {
		t.Errorf("another port: got %v", err)
	}
	// Trust in an address does not cover other names of it.
	other := strings.Replace(front.URL, "127.0.0.1", "localhost", 1)
	if _, err := read(t, f, fetch.Request{URL: other, Limit: 10}); !errors.Is(err, outcome.Unavailable) {
		t.Errorf("another name: got %v", err)
	}
	named := client(t, fetch.Config{Trusted: []string{"LocalHost:" + front.URL[strings.LastIndexByte(front.URL, ':')+1:]}})
	if got, err := read(t, named, fetch.Request{URL: other, Limit: 10}); got != "front" || err != nil {
		t.Errorf("trusted name: got %q, %v", got, err)
	}
}

func TestProxyIsTrusted(t *testing.T) {
	t.Parallel()
	var asked []string
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.String())
		if r.URL.Path == "/to-proxy" {
			http.Redirect(w, r, "http://"+r.URL.Query().Get("to")+"/", http.StatusFound)
			return
		}
		fmt.Fprint(w, "proxied")
	})
	through := func(r *http.Request) (*url.URL, error) {
		if strings.HasSuffix(r.URL.Hostname(), ".test") {
			return url.Parse(proxy.URL)
		}
		return nil, nil
	}
	f := client(t, fetch.Config{Proxy: through})
	if got, err := read(t, f, fetch.Request{URL: "http://up.test/a", Limit: 10}); got != "proxied" || err != nil {
		t.Fatalf("got %q, %v", got, err)
	}
	// The proxy's own address is trusted as a proxy, not as an upstream.
	_, err := read(t, f, fetch.Request{URL: "http://up.test/to-proxy?to=" + hostOf(t, proxy.URL), Limit: 10})
	if !errors.Is(err, outcome.Unavailable) || len(asked) != 2 {
		t.Errorf("got %v, proxy saw %q", err, asked)
	}
}

func TestProxiedTargets(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]bool{
		"http://up.test/": true, "http://8.8.8.8/": true, "http://a.b.c0/": true, "http://1.example/": true,
		"http://127.0.0.1/": false, "http://[::1]/": false, "http://[::ffff:10.0.0.1]/": false, "http://localhost/": false,
		"http://x.LOCALHOST./": false, "http://2130706433/": false, "http://0x7f000001/": false, "http://0177.0.0.1/": false,
		"http://127.1/": false, "http://0x7f.1/": false, "http://trusted.localhost:8080/": true,
	} {
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		if err := fetch.CheckProxied(u, "trusted.localhost:8080"); (err == nil) != want {
			t.Errorf("%s: got %v", target, err)
		}
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; path {
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/relative":
			w.Header().Set("Location", "hop/4?n=1#f")
			w.WriteHeader(http.StatusTemporaryRedirect)
		case "/end":
			fmt.Fprint(w, "end")
		default:
			if target := r.URL.Query().Get("to"); target != "" {
				w.Header().Set("Location", target)
				w.WriteHeader(http.StatusMovedPermanently)
				return
			}
			n := int(path[len(path)-1] - '0')
			next := fmt.Sprintf("/hop/%d", n-1)
			if n <= 1 {
				next = "/end"
			}
			http.Redirect(w, r, next, http.StatusFound)
		}
	})
	f := client(t, fetch.Config{}, s)
	for path, want := range map[string]error{
		"/hop/5":                       nil,
		"/hop/6":                       outcome.Unavailable,
		"/relative":                    nil,
		"/loop":                        outcome.Unavailable,
		"/x?to=file:///etc/passwd":     outcome.Unavailable,
		"/x?to=ftp://h/":               outcome.Unavailable,
		"/x?to=data:,x":                outcome.Unavailable,
		"/x?to=http://%2500/":          outcome.Unavailable,
		"/x?to=//169.254.169.254/meta": outcome.Unavailable,
	} {
		got, err := read(t, f, fetch.Request{URL: s.URL + path, Limit: 10})
		if !errors.Is(err, want) || (want == nil && got != "end") {
			t.Errorf("%s: got %q, %v", path, got, err)
		}
	}
}

func TestNoDowngrade(t *testing.T) {
	t.Parallel()
	f := client(t, fetch.Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Scheme == "http" {
			t.Error("went on over http")
		}
		return respond(302, nil, "Location", "http://up.test/"), nil
	})})
	if _, err := f.Get(t.Context(), fetch.Request{URL: "https://up.test/"}); !errors.Is(err, outcome.Unavailable) {
		t.Errorf("got %v", err)
	}
}

// Credentials go to the first origin only, and not again after it was left.
func TestAuthorizationAcrossRedirects(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		hops []string
		want []bool // whether each request carried the credentials
	}{
		{"same origin", []string{"https://up.test/a", "https://up.test/b", "https://up.test:443/c"}, []bool{true, true, true}},
		{"other host and back", []string{"https://up.test/a", "https://evil.test/b", "https://up.test/c"}, []bool{true, false, false}},
		{"subdomain", []string{"https://up.test/a", "https://sub.up.test/b"}, []bool{true, false}},
		{"other port", []string{"https://up.test/a", "https://up.test:8443/b"}, []bool{true, false}},
		{"other scheme", []string{"http://up.test/a", "https://up.test/b", "https://up.test/c"}, []bool{true, false, false}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []bool
			f := client(t, fetch.Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				got = append(got, r.Header.Get("Authorization") != "")
				if len(got) < len(tt.hops) {
					return respond(302, nil, "Location", tt.hops[len(got)]), nil
				}
				return respond(200, nil), nil
			})})
			resp, err := f.Get(t.Context(), fetch.Request{URL: tt.hops[0], Authorization: "Bearer s"})
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestBasicAuthOfURLIsNotSent(t *testing.T) {
	t.Parallel()
	var got string
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") }))
	t.Cleanup(s.Close)
	if _, err := read(t, client(t, fetch.Config{}, s), fetch.Request{URL: strings.Replace(s.URL, "://", "://a:b@", 1)}); err != nil || got != "" {
		t.Errorf("sent %q, %v", got, err)
	}
}
