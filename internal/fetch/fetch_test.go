package fetch_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
)

func TestGetSucceeds(t *testing.T) {
	t.Parallel()
	var got http.Header
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		w.Header().Set("ETag", `"v1"`)
		fmt.Fprint(w, "hello")
	})
	f := client(t, fetch.Config{UserAgent: "tester"}, s)
	resp, err := f.Get(t.Context(), fetch.Request{
		URL: s.URL + "/x", Accept: "text/plain", Authorization: "Bearer t", Validator: `"v0"`, Limit: 5,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if string(b) != "hello" || err != nil || resp.Validator != `"v1"` || resp.Status != 200 || resp.URL != s.URL+"/x" {
		t.Errorf("got %q, %v, %+v", b, err, resp)
	}
	for key, want := range map[string]string{
		"Accept": "text/plain", "Authorization": "Bearer t", "If-None-Match": `"v0"`,
		"User-Agent": "tester", "Accept-Encoding": "identity",
	} {
		if got.Get(key) != want {
			t.Errorf("%s: got %q, want %q", key, got.Get(key), want)
		}
	}
}

func TestStatusBecomesOutcome(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		header string // Retry-After
		want   error
		delay  time.Duration
	}{
		{"not found", 404, "", outcome.NotFound, 0},
		{"gone", 410, "", outcome.NotFound, 0},
		{"throttled", 429, "", outcome.Busy, outcome.DefaultRetry},
		{"throttled with delay", 429, "7", outcome.Busy, 7 * time.Second},
		{"down with delay", 503, "60", outcome.Busy, time.Minute},
		{"down", 503, "", outcome.Unavailable, 0},
		{"down with garbage", 503, "soon", outcome.Unavailable, 0},
		{"error", 500, "", outcome.Unavailable, 0},
		{"unauthorized", 401, "", outcome.Unavailable, 0},
		{"forbidden", 403, "", outcome.Unavailable, 0},
		{"no content", 204, "", outcome.Unavailable, 0},
		{"partial", 206, "", outcome.Unavailable, 0},
		{"not modified, not asked", 304, "", outcome.Unavailable, 0},
		{"redirect to nowhere", 302, "", outcome.Unavailable, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := client(t, fetch.Config{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
				return respond(tt.status, strings.NewReader("why"), "Retry-After", tt.header), nil
			})})
			_, err := f.Get(t.Context(), fetch.Request{URL: "https://up.test/a?token=secret", Limit: 1})
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if tt.delay != 0 && outcome.RetryAfter(err) != tt.delay {
				t.Errorf("delay %v, want %v", outcome.RetryAfter(err), tt.delay)
			}
			status, ok := errors.AsType[*fetch.StatusError](err)
			if !ok || status.Status != tt.status || status.URL != "https://up.test/a" || status.Body != "why" {
				t.Errorf("status error %+v", status)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the query is in %q", err)
			}
		})
	}
}

func TestRetryAfterValues(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"":                              0,
		"0":                             0,
		"-5":                            0,
		"1.5":                           0,
		"garbage":                       0,
		"30":                            30 * time.Second,
		" 30 ":                          30 * time.Second,
		"3601":                          time.Hour,
		"1000000000":                    time.Hour,
		"99999999999999999999999999":    time.Hour,
		"Fri, 01 May 2026 12:00:10 GMT": 10 * time.Second,
		"Fri, 01 May 2026 11:00:00 GMT": 0,
		"Fri, 01 May 2099 11:00:00 GMT": time.Hour,
	} {
		d, ok := fetch.RetryAfterValue(value, now)
		if ok != (want > 0) || (ok && d != want) {
			t.Errorf("%q: got %v, %v; want %v", value, d, ok, want)
		}
	}
}

func TestNotModified(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == `"v1"` {
			w.WriteHeader(http.StatusNotModified)
		}
	})
	resp, err := client(t, fetch.Config{}, s).Get(t.Context(), fetch.Request{URL: s.URL, Validator: `"v1"`})
	if err != nil || resp.Status != http.StatusNotModified {
		t.Fatalf("got %+v, %v", resp, err)
	}
	resp.Body.Close()
}

func TestOffline(t *testing.T) {
	t.Parallel()
	f := client(t, fetch.Config{Offline: true, Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		t.Error("a request went out")
		return respond(200, nil), nil
	})})
	if _, err := f.Get(t.Context(), fetch.Request{URL: "https://up.test/"}); !errors.Is(err, outcome.Busy) {
		t.Errorf("got %v", err)
	}
}

func TestBadURLs(t *testing.T) {
	t.Parallel()
	f := client(t, fetch.Config{})
	for _, u := range []string{"", "/x", "file:///etc/passwd", "ftp://h/x", "data:text/plain,x", "http://", "http:opaque", "http://h\x7f/", "://"} {
		if _, err := f.Get(t.Context(), fetch.Request{URL: u}); !errors.Is(err, outcome.Unavailable) {
			t.Errorf("%q: got %v", u, err)
		}
	}
}

func TestContextEndsRequest(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 1)
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	f := client(t, fetch.Config{}, s)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	_, err := f.Get(ctx, fetch.Request{URL: s.URL})
	if !errors.Is(err, context.Canceled) || outcome.Known(err) {
		t.Errorf("got %v", err)
	}
	if n := f.Hosts(); n != 0 {
		t.Errorf("%d hosts still remembered", n)
	}
}

func TestContextEndsBody(t *testing.T) {
	t.Parallel()
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		chunk(w, "begin")
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := client(t, fetch.Config{}, s).Get(ctx, fetch.Request{URL: s.URL, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) || outcome.Known(err) {
		t.Errorf("got %v", err)
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Proto)
	}))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}
	if err := os.WriteFile(ca, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("known CA", func(t *testing.T) {
		t.Parallel()
		got, err := read(t, client(t, fetch.Config{CAFile: ca}, s), fetch.Request{URL: s.URL, Limit: 20})
		if got != "HTTP/2.0" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("unknown CA", func(t *testing.T) {
		t.Parallel()
		requests := 0
		f := client(t, fetch.Config{Observe: func(string, int, error, time.Duration) { requests++ }}, s)
		_, err := read(t, f, fetch.Request{URL: s.URL, Limit: 20})
		if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok || !errors.Is(err, outcome.Unavailable) || requests != 1 {
			t.Errorf("got %v after %d requests", err, requests)
		}
	})
	t.Run("broken CA file", func(t *testing.T) {
		t.Parallel()
		bad := filepath.Join(t.TempDir(), "bad.pem")
		if err := os.WriteFile(bad, []byte("no certificate"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{bad, bad + ".missing"} {
			if _, err := fetch.New(fetch.Config{CAFile: file}); err == nil {
				t.Errorf("%s was accepted", file)
			}
		}
	})
}

func TestConnectionIsReused(t *testing.T) {
	t.Parallel()
	remotes := make(map[string]bool)
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		remotes[r.RemoteAddr] = true // one request at a time
		status, _ := strconv.Atoi(r.URL.Path[1:])
		w.WriteHeader(status)
		fmt.Fprint(w, strings.Repeat("a", 2000))
	})
	f := client(t, fetch.Config{}, s)
	for _, status := range []string{"404", "500", "200", "404", "200"} {
		_, _ = read(t, f, fetch.Request{URL: s.URL + "/" + status, Limit: 2000})
	}
	if len(remotes) != 1 {
		t.Errorf("%d connections", len(remotes))
	}
}

func TestSecretsStayOutOfLogs(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://user:hunter2@"+r.Host+"/b?key=hunter2", http.StatusFound)
	})
	f := client(t, fetch.Config{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))}, s)
	_, err := f.Get(t.Context(), fetch.Request{
		URL: strings.Replace(s.URL, "://", "://user:hunter2@", 1) + "/a?key=hunter2", Authorization: "Bearer hunter2",
	})
	if !errors.Is(err, outcome.Unavailable) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
	if log.Len() == 0 || strings.Contains(log.String(), "hunter2") {
		t.Errorf("log: %s", log.String())
	}
}

func BenchmarkDownload(b *testing.B) {
	body := make([]byte, 8<<20)
	s := serve(b, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})
	f := client(b, fetch.Config{}, s)
	buf := make([]byte, 64<<10)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		resp, err := f.Get(b.Context(), fetch.Request{URL: s.URL, Limit: 16 << 20})
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{resp.Body}, buf); n != int64(len(body)) || err != nil {
			b.Fatal(n, err)
		}
		resp.Body.Close()
	}
}

func BenchmarkSmall(b *testing.B) {
	s := serve(b, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
	f := client(b, fetch.Config{}, s)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := read(b, f, fetch.Request{URL: s.URL, Limit: 5}); err != nil {
			b.Fatal(err)
		}
	}
}
