package fetch_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
)

func TestBodyLimits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		limit   int64
		want    error
		body    string
	}{
		{"just fits", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "12345") }, 5, nil, "12345"},
		{"announced too large", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "123456") }, 5, outcome.Refused, ""},
		{"streamed just fits", func(w http.ResponseWriter, _ *http.Request) { chunk(w, "123", "45") }, 5, nil, "12345"},
		{"streamed too large", func(w http.ResponseWriter, _ *http.Request) { chunk(w, "123", "456") }, 5, outcome.Refused, "12345"},
		{"empty with limit 0", func(http.ResponseWriter, *http.Request) {}, 0, nil, ""},
		{"shorter than announced", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9")
			fmt.Fprint(w, "123")
		}, 9, outcome.Unavailable, "123"},
		{"chunked without end", func(w http.ResponseWriter, _ *http.Request) {
			chunk(w, "123")
			panic(http.ErrAbortHandler)
		}, 9, outcome.Unavailable, "123"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, tt.handler)
			got, err := read(t, client(t, fetch.Config{}, s), fetch.Request{URL: s.URL, Limit: tt.limit})
			if !errors.Is(err, tt.want) || got != tt.body {
				t.Errorf("got %q, %v; want %q, %v", got, err, tt.body, tt.want)
			}
		})
	}
}

// chunk writes parts without a Content-Length.
func chunk(w http.ResponseWriter, parts ...string) {
	for _, p := range parts {
		_, _ = io.WriteString(w, p)
		_ = http.NewResponseController(w).Flush()
	}
}

func TestLongerThanAnnounced(t *testing.T) {
	t.Parallel()
	f := client(t, fetch.Config{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		resp := respond(200, strings.NewReader("12345"))
		resp.ContentLength = 3
		return resp, nil
	})})
	if _, err := read(t, f, fetch.Request{URL: "https://up.test/", Limit: 9}); !errors.Is(err, outcome.Unavailable) {
		t.Errorf("got %v", err)
	}
}

func gzipped(t testing.TB, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, s)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A tarball that the server labels as encoded keeps its bytes; a document that
// asked for compression is decoded.
func TestContentEncoding(t *testing.T) {
	t.Parallel()
	plain := strings.Repeat("x", 1000)
	packed := gzipped(t, plain)
	for _, tt := range []struct {
		name     string
		compress bool
		encoding string
		send     []byte
		limit    int64
		want     string
		err      error
	}{
		{"tarball labelled gzip", false, "gzip", packed, 1000, string(packed), nil},
		{"document", true, "gzip", packed, 1000, plain, nil},
		{"document not encoded", true, "", []byte(plain), 1000, plain, nil},
		{"document beyond the limit", true, "gzip", packed, 999, plain[:999], outcome.Refused},
		{"document cut off", true, "gzip", packed[:len(packed)-4], 1000, plain, outcome.Unavailable},
		{"no gzip at all", true, "gzip", []byte("<html>"), 1000, "", outcome.Unavailable},
		{"encoding not asked for", true, "br", []byte("x"), 1000, "", outcome.Unavailable},
		{"trailing rubbish", true, "gzip", append(bytes.Clone(packed), "rubbish"...), 1000, plain, outcome.Unavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if want := map[bool]string{true: "gzip", false: "identity"}[tt.compress]; r.Header.Get("Accept-Encoding") != want {
					t.Errorf("Accept-Encoding %q", r.Header.Get("Accept-Encoding"))
				}
				w.Header().Set("Content-Encoding", tt.encoding)
				_, _ = w.Write(tt.send)
			})
			got, err := read(t, client(t, fetch.Config{}, s), fetch.Request{URL: s.URL, Limit: tt.limit, Compress: tt.compress})
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("got %d bytes, %v; want %d, %v", len(got), err, len(tt.want), tt.err)
			}
		})
	}
}
