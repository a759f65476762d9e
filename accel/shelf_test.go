package accel_test

import (
	"context"
	"crypto/sha256"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/registryd/registryd/accel"
	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/unpack"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/registry"
)

// shelf is a provider of one package, "shelf", of which every version has the
// same files. Archives could not hold some of the names that it gives.
type shelf struct {
	versions []string
	tags     map[string]string
	files    []provider.File
	open     bool // the files are not listed
	silent   bool // neither are the versions
	trouble  error

	mu    sync.Mutex
	calls []string
}

// Name is part of provider.Provider.
func (s *shelf) Name() string { return "oak" }

func (s *shelf) asked(call string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
	return s.trouble
}

// Versions is part of provider.Versioner.
func (s *shelf) Versions(_ context.Context, name pkgref.Name, _ string) (*provider.Versions, error) {
	if err := s.asked("versions"); err != nil {
		return nil, err
	}
	if s.silent {
		return nil, outcome.New(outcome.NotFound, "no list")
	}
	vs := &provider.Versions{Name: name, Tags: s.tags}
	for i, text := range s.versions {
		v, err := pkgref.ParseVersion(text)
		if err != nil {
			return nil, err
		}
		vs.List = append(vs.List, provider.Listed{Version: v, Published: time.Date(2024, 5, 1+i%28, 0, 0, 0, 0, time.UTC)})
	}
	vs.List = provider.SortListed(vs.List)
	return vs, nil
}

// Release is part of provider.Releaser. It works while Versions is in trouble.
func (s *shelf) Release(_ context.Context, name pkgref.Name, v pkgref.Version) (*provider.Release, error) {
	_ = s.asked("release")
	if !slices.Contains(s.versions, v.String()) {
		return nil, outcome.New(outcome.NotFound, "no such version")
	}
	list := &provider.Files{Open: s.open}
	if !s.open {
		list.List = s.files
	}
	return &provider.Release{Name: name, Version: v, Files: list}, nil
}

// OpenFile is part of provider.FileOpener.
func (s *shelf) OpenFile(_ context.Context, _ *provider.Release, path string) (io.ReadCloser, error) {
	_ = s.asked("file " + path)
	if !slices.ContainsFunc(s.files, func(f provider.File) bool { return f.Path == path }) {
		return nil, outcome.New(outcome.NotFound, "no such file")
	}
	return io.NopCloser(strings.NewReader(path)), nil
}

// plank is a file of a shelf that holds its own path.
func plank(path string) provider.File {
	return provider.File{Path: path, Size: int64(len(path)), Integrity: provider.SHA256(sha256.Sum256([]byte(path)))}
}

func planks(paths ...string) (list []provider.File) {
	for _, path := range paths {
		list = append(list, plank(path))
	}
	return list
}

// stand is a shelf behind a handler.
type stand struct {
	*shelf
	serve    httpx.HandlerFunc
	handler  http.Handler
	registry *registry.Registry
	cache    *cache.Cache
}

func erect(tb testing.TB, s *shelf, publicURL string, policy config.Policy) *stand {
	tb.Helper()
	c, err := cache.Open(cache.Config{Dir: filepath.Join(tb.TempDir(), "data"), Pub: "/lib/"})
	if err != nil {
		tb.Fatal(err)
	}
	rules, err := registry.NewRules(policy)
	if err != nil {
		tb.Fatal(err)
	}
	chain, err := provider.NewChain([]provider.Entry{{Provider: s}})
	if err != nil {
		tb.Fatal(err)
	}
	r := registry.New(registry.Config{Cache: c}, &registry.Generation{
		Chain: chain, Rules: rules, CacheTime: time.Hour, MaxBytes: 1 << 20, Archive: unpack.Limits{Entries: 1000},
	})
	tb.Cleanup(func() { r.Close(); c.Close() })
	h := accel.New(accel.Config{Registry: r, Pub: "/lib/", Internal: "/ilib/", PublicURL: publicURL, Period: time.Minute})
	return &stand{s, h.Serve, (&httpx.Adapter{}).Handle("packages", h.Serve), r, c}
}

// request sends a GET from a front on this machine; header are pairs of key and value.
func (s *stand) request(path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, http.NoBody)
	r.RemoteAddr = "127.0.0.1:4000"
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

// page asks for a listing and checks what holds for every one.
func (s *stand) page(tb testing.TB, path string, header ...string) string {
	tb.Helper()
	w := s.request(path, header...)
	page := w.Body.String()
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		tb.Fatalf("%s: status %d, %s: %.300s", path, w.Code, w.Header().Get("Content-Type"), page)
	}
	if csp := w.Header().Get("Content-Security-Policy"); csp != "sandbox" {
		tb.Errorf("policy %q", csp)
	}
	if expires := w.Header().Get("X-Accel-Expires"); expires != "0" {
		tb.Errorf("a page of one host may be kept for another: X-Accel-Expires %q", expires)
	}
	wantSound(tb, page)
	return page
}

// wantSound fails unless elements are nested as they should be and none of
// them does more than a link.
func wantSound(tb testing.TB, page string) {
	tb.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var open []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			tb.Fatalf("the page is no document: %v", err)
		}
		switch e := token.(type) {
		case xml.StartElement:
			open = append(open, e.Name.Local)
			wantHarmless(tb, e)
		case xml.EndElement:
			if n := len(open) - 1; n < 0 || open[n] != e.Name.Local {
				tb.Fatalf("</%s> inside %v", e.Name.Local, open)
			}
			open = open[:len(open)-1]
		}
	}
}

func wantHarmless(tb testing.TB, e xml.StartElement) {
	tb.Helper()
	switch e.Name.Local {
	case "script", "form", "iframe", "img", "input", "button", "object", "base":
		tb.Errorf("the page has a <%s>", e.Name.Local)
	}
	for _, a := range e.Attr {
		local := strings.HasPrefix(a.Value, "/lib/shelf/") || strings.HasPrefix(a.Value, "#") || a.Value == "data:,"
		if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" && !local || a.Name.Local == "src" {
			tb.Errorf("<%s %s=%q>", e.Name.Local, a.Name.Local, a.Value)
		}
	}
}

// wantParts fails unless page holds every part, in that order.
func wantParts(tb testing.TB, page string, parts ...string) {
	tb.Helper()
	rest := page
	for _, part := range parts {
		i := strings.Index(rest, part)
		if i < 0 {
			tb.Errorf("the page lacks %q at its place (elsewhere: %t)", part, strings.Contains(page, part))
			continue
		}
		rest = rest[i+len(part):]
	}
}

// wantNone fails if page holds a part.
func wantNone(tb testing.TB, page string, parts ...string) {
	tb.Helper()
	for _, part := range parts {
		if strings.Contains(page, part) {
			tb.Errorf("the page holds %q", part)
		}
	}
}
