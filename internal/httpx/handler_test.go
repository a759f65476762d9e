package httpx_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
)

func TestPanic(t *testing.T) {
	t.Parallel()
	res, body, log := answer(t, get(), func(http.ResponseWriter, *http.Request) error { panic("secret " + strings.Repeat("x", 3)) })
	if res.StatusCode != 500 || strings.Contains(body, "secret") || strings.Contains(body, ".go") {
		t.Errorf("%d %s", res.StatusCode, body)
	}
	if !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "handler_test.go") {
		t.Errorf("the log has no stack: %s", log)
	}
}

func TestAbortPassesThrough(t *testing.T) {
	t.Parallel()
	defer func() {
		if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // the value itself
			t.Errorf("got %v", p)
		}
	}()
	answer(t, get(), func(http.ResponseWriter, *http.Request) error { panic(http.ErrAbortHandler) })
}

// A body that fails half-way must not look whole.
func TestFailureAfterTheFirstByte(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func() error{
		"error": func() error { return errors.New("later") },
		"panic": func() error { panic("later") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			observed := make(chan string, 1)
			a := &httpx.Adapter{Observe: func(_ string, _ int, label string, _ time.Duration) { observed <- label }}
			srv := httptest.NewServer(a.Handle("test", func(w http.ResponseWriter, _ *http.Request) error {
				_, _ = io.WriteString(w, "half")
				_ = http.NewResponseController(w).Flush()
				return end()
			}))
			defer srv.Close()
			res, err := srv.Client().Get(srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if data, err := io.ReadAll(res.Body); err == nil {
				t.Errorf("the client takes %q for the whole", data)
			}
			if got := <-observed; got != "internal" {
				t.Errorf("counted as %q", got)
			}
		})
	}
}

// What a handler said about the body that it did not send is not said about the
// error.
func TestErrorStandsAlone(t *testing.T) {
	t.Parallel()
	res, body, _ := answer(t, get(), func(w http.ResponseWriter, _ *http.Request) error {
		h := w.Header()
		for key, value := range map[string]string{
			"Cache-Control": "public, immutable", "ETag": `"x"`, "Last-Modified": "x", "Location": "/x", "Content-Encoding": "gzip",
			"X-Accel-Redirect": "/ilib/x", "Content-Length": "7", "Content-Range": "x", "Content-Disposition": "x", "X-Accel-Expires": "3600",
			"Access-Control-Allow-Origin": "*", "Allow": "GET",
		} {
			h.Set(key, value)
		}
		return outcome.New(outcome.Invalid, "no")
	})
	for _, key := range []string{"Cache-Control", "ETag", "Last-Modified", "Location", "Content-Encoding", "X-Accel-Redirect", "Content-Range", "Content-Disposition", "X-Accel-Expires"} {
		if v := res.Header.Get(key); v != "" {
			t.Errorf("%s: %s", key, v)
		}
	}
	if res.Header.Get("Access-Control-Allow-Origin") != "*" || res.Header.Get("Allow") != "GET" || res.ContentLength != int64(len(body)) {
		t.Errorf("headers %v", res.Header)
	}
}

func TestObserve(t *testing.T) {
	t.Parallel()
	var got []string
	a := &httpx.Adapter{Observe: func(route string, status int, label string, d time.Duration) {
		if d < 0 {
			t.Error(d)
		}
		got = append(got, route, http.StatusText(status), label)
	}}
	a.Handle("r", func(http.ResponseWriter, *http.Request) error { return nil }).ServeHTTP(httptest.NewRecorder(), get())
	a.Handle("r", func(http.ResponseWriter, *http.Request) error { return outcome.NotFound }).ServeHTTP(httptest.NewRecorder(), get())
	if strings.Join(got, ",") != "r,OK,ok,r,Not Found,not-found" {
		t.Errorf("got %q", got)
	}
}

func TestNegativeTTL_WithoutOne(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	(&httpx.Adapter{}).Handle("r", func(http.ResponseWriter, *http.Request) error { return outcome.NotFound }).ServeHTTP(w, get())
	if got := w.Header().Get("X-Accel-Expires"); got != "0" {
		t.Errorf("nginx keeps it for %q", got)
	}
}

// front is a request as a front on this machine, or anybody else, sends it.
func front(trusted bool, header ...string) *http.Request {
	r := get()
	r.Host = "own.test"
	if trusted {
		r.RemoteAddr = "127.0.0.1:40000"
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func TestTrustedFront(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "": true, "@": true, "/run/x.sock": true, "[::ffff:127.0.0.1]:1": true,
		"10.0.0.1:1": false, "[2001:db8::1]:1": false, "localhost:1": false, "127.0.0.1": false, "0.0.0.0:1": false,
	} {
		r := get()
		r.RemoteAddr = addr
		if httpx.TrustedFront(r) != want {
			t.Errorf("%q: want %v", addr, want)
		}
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	if got := httpx.RequestID(front(true, "X-Request-Id", "abc-DEF_1")); got != "abc-DEF_1" {
		t.Errorf("got %q", got)
	}
	for _, id := range []string{"", "a b", "a\"b", "a\x1bb", "a{b", "ä", "@", "[", strings.Repeat("x", 65)} {
		if got := httpx.RequestID(front(true, "X-Request-Id", id)); got != "" {
			t.Errorf("%q is taken for %q", id, got)
		}
	}
	if got := httpx.RequestID(front(false, "X-Request-Id", "abc")); got != "" {
		t.Errorf("a client chooses it: %q", got)
	}
}

func TestBaseURL(t *testing.T) {
	t.Parallel()
	forwarded := []string{"X-Forwarded-Proto", "https", "X-Forwarded-Host", "cdn.test:8443"}
	for name, tt := range map[string]struct {
		r            *http.Request
		public, want string
	}{
		"configured":           {front(true, forwarded...), "https://x.test", "https://x.test"},
		"forwarded":            {front(true, forwarded...), "", "https://cdn.test:8443"},
		"by a client":          {front(false, forwarded...), "", "http://own.test"},
		"strange scheme":       {front(true, "X-Forwarded-Proto", "javascript"), "", "http://own.test"},
		"a host that is none":  {front(true, "X-Forwarded-Host", `x"><script>`), "", "http://localhost"},
		"a host with a path":   {front(true, "X-Forwarded-Host", "x.test/y"), "", "http://localhost"},
		"a host with user":     {front(true, "X-Forwarded-Host", "x@y.test"), "", "http://localhost"},
		"an address":           {front(true, "X-Forwarded-Host", "[::1]:80"), "", "http://[::1]:80"},
		"a very long host":     {front(true, "X-Forwarded-Host", strings.Repeat("x", 256)), "", "http://localhost"},
		"nothing is forwarded": {front(true), "", "http://own.test"},
	} {
		if got := httpx.BaseURL(tt.r, tt.public); got != tt.want {
			t.Errorf("%s: got %s", name, got)
		}
	}
	r := front(false)
	r.TLS = &tls.ConnectionState{}
	if got := httpx.BaseURL(r, ""); got != "https://own.test" {
		t.Errorf("got %s", got)
	}
}

func TestClip(t *testing.T) {
	t.Parallel()
	if got := httpx.Clip("short"); got != "short" {
		t.Errorf("got %q", got)
	}
	for _, s := range []string{strings.Repeat("x", 1000), strings.Repeat("ü", 1000), strings.Repeat("xü", 1000)} {
		if got := httpx.Clip(s); len(got) > 260 || !strings.HasSuffix(got, "…") || strings.Contains(got, "\ufffd") {
			t.Errorf("got %q", got)
		}
	}
}

func TestLogIsOneLineForEachAnswer(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodGet, "/lib/p", nil)
	r.URL.Path = "/lib/a\nb\x1b[31m" + strings.Repeat("y", 3000)
	_, _, log := answer(t, r, func(http.ResponseWriter, *http.Request) error {
		return outcome.New(outcome.Invalid, "a\nlevel=ERROR msg=forged")
	})
	if strings.Count(log, "\n") != 1 || strings.Contains(log, "\x1b") || len(log) > 1000 {
		t.Errorf("got %q", log)
	}
}

func BenchmarkHandle_NotFound(b *testing.B) {
	a := &httpx.Adapter{NegativeTTL: func() time.Duration { return time.Minute }}
	h := a.Handle("r", func(http.ResponseWriter, *http.Request) error { return outcome.NotFound })
	r, w := get(), httptest.NewRecorder()
	b.ReportAllocs()
	for b.Loop() {
		w.Body.Reset()
		h.ServeHTTP(w, r)
	}
}

// Reason is the text of the answer, also of one that is no JSON.
func TestReason(t *testing.T) {
	t.Parallel()
	word := outcome.Typed(outcome.Invalid, "word")
	for want, err := range map[string]error{
		"its text":                           outcome.New(outcome.Forbidden, "its text"),
		"upstream is wrong":                  outcome.New(outcome.Refused, "https://host.test/x is wrong"),
		"not available now, try again later": outcome.New(outcome.Typed(outcome.Busy, "word"), "the disk"),
		"typed":                              outcome.New(word, "typed"),
		"plain":                              &httpx.Reply{Status: 500, Type: "failed", Text: "plain", Plain: true},
		"internal error":                     errors.New("a defect"),
	} {
		if got := httpx.Reason(fmt.Errorf("wrapped: %w", err)); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
