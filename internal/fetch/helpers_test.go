package fetch_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/fetch"
)

// noProxy keeps tests independent of the environment.
func noProxy(*http.Request) (*url.URL, error) { return nil, nil }

func hostOf(t testing.TB, rawURL string) string {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// serve starts an upstream.
func serve(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// client builds a client that trusts the given servers.
func client(t testing.TB, c fetch.Config, trusted ...*httptest.Server) *fetch.Client {
	t.Helper()
	for _, s := range trusted {
		c.Trusted = append(c.Trusted, hostOf(t, s.URL))
	}
	if c.Proxy == nil {
		c.Proxy = noProxy
	}
	f, err := fetch.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.CloseIdle)
	return f
}

// read gets a URL and reads its body.
func read(t testing.TB, f *fetch.Client, r fetch.Request) (string, error) {
	t.Helper()
	resp, err := f.Get(t.Context(), r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// roundTrip is an upstream without a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// respond builds a response; body may be nil.
func respond(status int, body io.Reader, header ...string) *http.Response {
	if body == nil {
		body = strings.NewReader("")
	}
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(body), ContentLength: -1}
}

// silent is a body that gives its text and then nothing until ctx ends.
type silent struct {
	ctx  context.Context
	text io.Reader
}

func (s *silent) Read(p []byte) (int, error) {
	if n, err := s.text.Read(p); err == nil {
		return n, nil
	}
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}
