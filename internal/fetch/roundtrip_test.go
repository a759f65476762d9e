package fetch_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
)

// standard is a client of the standard library for a server on loopback.
func standard(t *testing.T, h http.HandlerFunc) (*http.Client, string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := fetch.New(fetch.Config{
		Concurrency: 2, Trusted: []string{strings.TrimPrefix(s.URL, "http://")},
		Proxy: func(*http.Request) (*url.URL, error) { return nil, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdle)
	return c.HTTP(1000), s.URL
}

func TestHTTP_PG6(t *testing.T) {
	t.Parallel()
	client, base := standard(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/from":
			http.Redirect(w, r, "/to", http.StatusFound)
		case "/large":
			_, _ = w.Write(make([]byte, 2000))
		case "/none":
			w.WriteHeader(http.StatusNotFound)
		default:
			body, _ := io.ReadAll(r.Body)
			_, _ = io.WriteString(w, r.Method+" "+r.URL.Path+" "+r.Header.Get("X-Own")+" "+string(body))
		}
	})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/post", strings.NewReader("sent"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Own", "own")
	if got := answerOf(t, client, r); got != "200 OK POST /post own sent" {
		t.Errorf("got %q", got)
	}
	r, _ = http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/from", http.NoBody)
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Request.URL.Path != "/to" {
		t.Errorf("the answer is of %s", resp.Request.URL)
	}
	r, _ = http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/none", http.NoBody)
	if got := answerOf(t, client, r); got != "404 Not Found " {
		t.Errorf("got %q", got)
	}
	for path, body := range map[string]io.Reader{"/large": http.NoBody, "/post": bytes.NewReader(make([]byte, 2<<20))} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, base+path, body)
		resp, err := client.Do(r)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if !errors.Is(err, outcome.Refused) && !errors.Is(err, outcome.TooLarge) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func answerOf(t *testing.T, client *http.Client, r *http.Request) string {
	t.Helper()
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.Status + " " + string(body)
}

// A body that was read to its end is done with, closed or not, as with any other
// client.
func TestHTTPReadBodies_PG6(t *testing.T) {
	t.Parallel()
	client, base := standard(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") })
	for i := range 4 { // twice as many as may be under way
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Error(err)
		}
	}
}
