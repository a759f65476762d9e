package accel_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/registryd/registryd/accel"
	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/unpack"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/npm"
	"github.com/registryd/registryd/provider/providertest"
	"github.com/registryd/registryd/registry"
)

// stack is everything behind the HTTP interface.
type stack struct {
	upstream *providertest.Registry
	registry *registry.Registry
	cache    *cache.Cache
	handler  http.Handler // of packages

	admin  http.Handler
	audit  *records
	failed *accel.FailureLimit
}

// options say how a stack is made; the zero value is nginx, below /lib/,
// everything allowed.
type options struct {
	direct    bool // accel: off
	publicURL string
	policy    config.Policy
	tokens    []accel.AdminToken
	now       func() time.Time
}

func start(tb testing.TB, o options, packages ...providertest.Package) *stack {
	tb.Helper()
	s := &stack{upstream: providertest.NewRegistry(tb, packages...), audit: &records{}}
	var err error
	if s.cache, err = cache.Open(cache.Config{Dir: filepath.Join(tb.TempDir(), "data"), Pub: "/lib/"}); err != nil {
		tb.Fatal(err)
	}
	rules, err := registry.NewRules(o.policy)
	if err != nil {
		tb.Fatal(err)
	}
	chain, err := provider.NewChain([]provider.Entry{{Provider: overNPM(tb, s.upstream)}})
	if err != nil {
		tb.Fatal(err)
	}
	s.registry = registry.New(registry.Config{Cache: s.cache}, &registry.Generation{
		Chain: chain, Rules: rules, CacheTime: time.Hour, NegativeCacheTime: time.Minute, StaleIfError: time.Hour,
		Archive: unpack.Limits{Unpacked: 1 << 26, Entries: 1000, Path: 1024, Depth: 128}, MaxBytes: 1 << 24,
	})
	tb.Cleanup(func() { s.registry.Close(); s.cache.Close() })
	adapter := &httpx.Adapter{NegativeTTL: func() time.Duration { return time.Minute }}
	s.handler = adapter.Handle("packages", accel.New(accel.Config{
		Registry: s.registry, Pub: "/lib/", Internal: "/ilib/", Nginx: !o.direct, PublicURL: o.publicURL, Period: time.Minute,
	}).Serve)
	s.failed = accel.NewFailureLimit(o.now)
	router := &httprouter.Router{}
	accel.NewAdmin(accel.AdminConfig{
		Registry: s.registry, Prefix: "/staff/", Tokens: o.tokens, Failures: s.failed, Period: time.Minute, Absent: 20 * time.Second, Audit: s.audit.add, Status: aReport,
		Reload: func(context.Context, accel.ReloadRequest) (any, error) { return map[string]bool{"reloaded": true}, nil },
	}).Routes(router, adapter.Handle)
	s.admin = router
	return s
}

func overNPM(tb testing.TB, g *providertest.Registry) *npm.Provider {
	tb.Helper()
	client, err := fetch.New(fetch.Config{Trusted: []string{g.Host()}, Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(client.CloseIdle)
	p, err := npm.New(npm.Config{Registry: g.URL(), Client: client})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// records is an audit log.
type records struct {
	mu    sync.Mutex
	lines []map[string]any
}

func (r *records) add(record any) error {
	data, err := json.Marshal(record)
	if err != nil {
		return err
	}
	var line map[string]any
	if err := json.Unmarshal(data, &line); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
	return nil
}

// last returns the last line and how many there are.
func (r *records) last() (map[string]any, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lines) == 0 {
		return nil, 0
	}
	return r.lines[len(r.lines)-1], len(r.lines)
}

// ask sends one request; header are pairs of key and value.
func ask(h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/", nil)
	if u, err := url.ParseRequestURI(target); err == nil {
		r.URL = u
	}
	r.RequestURI = target // as a client may send it, well-formed or not
	r.RemoteAddr = "127.0.0.1:4000"
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func (s *stack) get(target string, header ...string) *httptest.ResponseRecorder {
	return ask(s.handler, http.MethodGet, target, header...)
}

// wantHeaders compares some headers; a want of "" means that there is none.
func wantHeaders(tb testing.TB, w *httptest.ResponseRecorder, want ...string) {
	tb.Helper()
	for i := 0; i+1 < len(want); i += 2 {
		if got := strings.Join(w.Header().Values(want[i]), "|"); got != want[i+1] {
			tb.Errorf("%s is %q, want %q", want[i], got, want[i+1])
		}
	}
}

// view lists the files of the view.
func (s *stack) view(tb testing.TB) []string {
	tb.Helper()
	found, err := filepath.Glob(s.cache.View() + "/*/*/*")
	if err != nil {
		tb.Fatal(err)
	}
	return found
}

func pack(name, version string, files ...string) providertest.Package {
	p := providertest.Package{Name: name, Version: version, Files: map[string][]byte{}}
	for i := 0; i+1 < len(files); i += 2 {
		p.Files[files[i]] = []byte(files[i+1])
	}
	return p
}

func version(tb testing.TB, s string) pkgref.Version {
	tb.Helper()
	v, err := pkgref.ParseVersion(s)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}
