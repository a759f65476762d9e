package registry_test

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/syncbuf"
	"github.com/registryd/registryd/internal/unpack"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/npm"
	"github.com/registryd/registryd/provider/providertest"
	"github.com/registryd/registryd/registry"
)

// clock is a clock that stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// env is a registry together with what it stands on.
type env struct {
	*registry.Registry
	cache *cache.Cache
	dir   string
	clock *clock
	log   *syncbuf.Buffer

	mu     sync.Mutex
	events []registry.Event
}

// setup says how to start an env. The zero value is a cache of its own, rules
// that allow everything, and nobody to ask.
type setup struct {
	providers []provider.Provider
	entries   []provider.Entry // beside providers
	policy    config.Policy
	dir       string // of an earlier env
	clock     *clock
	change    func(*registry.Generation)
}

func start(tb testing.TB, s setup) *env {
	tb.Helper()
	e := &env{dir: s.dir, clock: s.clock, log: &syncbuf.Buffer{}}
	if e.dir == "" {
		e.dir = filepath.Join(tb.TempDir(), "data")
	}
	if e.clock == nil {
		e.clock = newClock()
	}
	var err error
	e.cache, err = cache.Open(cache.Config{Dir: e.dir, Pub: "/lib/", Now: e.clock.Now})
	if err != nil {
		tb.Fatal(err)
	}
	e.Registry = registry.New(registry.Config{
		Cache: e.cache, Logger: slog.New(slog.NewTextHandler(e.log, nil)), Now: e.clock.Now,
		Observe: func(ev registry.Event) {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.events = append(e.events, ev)
		},
	}, generation(tb, s))
	tb.Cleanup(e.stop)
	return e
}

// stop ends the env as a daemon would. It may be called twice.
func (e *env) stop() {
	e.Registry.Close()
	e.cache.Close()
}

func generation(tb testing.TB, s setup) *registry.Generation {
	tb.Helper()
	entries := s.entries
	for _, p := range s.providers {
		entries = append(entries, provider.Entry{Provider: p})
	}
	chain, err := provider.NewChain(entries)
	if err != nil {
		tb.Fatal(err)
	}
	rules, err := registry.NewRules(s.policy)
	if err != nil {
		tb.Fatal(err)
	}
	g := &registry.Generation{
		Chain: chain, Rules: rules, CacheTime: time.Hour, NegativeCacheTime: time.Minute,
		StaleWhileRevalidate: time.Minute, StaleIfError: 24 * time.Hour,
		Archive: unpack.Limits{Unpacked: 1 << 26, Entries: 1000, Path: 1024, Depth: 128}, MaxBytes: 1 << 24,
	}
	if s.change != nil {
		s.change(g)
	}
	return g
}

// count returns how many events of a kind there were, failed ones included.
func (e *env) count(kind registry.EventKind) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, ev := range e.events {
		if ev.Kind == kind {
			n++
		}
	}
	return n
}

// find asks for a URL path.
func (e *env) find(tb testing.TB, path string) (*registry.Answer, error) {
	tb.Helper()
	return e.Find(tb.Context(), parse(tb, path))
}

// body asks for a URL path that is a file, and reads it.
func (e *env) body(tb testing.TB, path string) (string, error) {
	tb.Helper()
	a, err := e.find(tb, path)
	if err != nil {
		return "", err
	}
	if a.File == nil {
		tb.Fatalf("%s is no file: %+v", path, a)
	}
	f, err := e.Open(a.File)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	return string(data), err
}

// wantBody fails unless the URL path is a file with that content.
func (e *env) wantBody(tb testing.TB, path, want string) {
	tb.Helper()
	if got, err := e.body(tb, path); err != nil || got != want {
		tb.Errorf("%s: got %.80q, %v; want %.80q", path, got, err, want)
	}
}

// wantRedirect fails unless the URL path redirects there.
func (e *env) wantRedirect(tb testing.TB, path, want string) {
	tb.Helper()
	a, err := e.find(tb, path)
	if err != nil || a.Redirect == nil {
		tb.Errorf("%s: got %+v, %v; want a redirect", path, a, err)
		return
	}
	if got := pkgref.Location("/lib/", a.Redirect.Name, a.Redirect.Release, a.Redirect.Path); got != want {
		tb.Errorf("%s leads to %s, want %s", path, got, want)
	}
}

// want fails unless the URL path ends in that outcome.
func (e *env) want(tb testing.TB, path string, want error) error {
	tb.Helper()
	_, err := e.find(tb, path)
	if !errors.Is(err, want) {
		tb.Errorf("%s: got %v, want %v", path, err, want)
	}
	return err
}

// viewed lists the files and links of the view.
func (e *env) viewed(tb testing.TB) []string {
	tb.Helper()
	return below(tb, e.cache.View())
}

func (e *env) wantViewed(tb testing.TB, want ...string) {
	tb.Helper()
	if got := e.viewed(tb); !slices.Equal(got, want) {
		tb.Errorf("the view holds %q, want %q", got, want)
	}
}

// wantNothingStaged fails when something stays in tmp; what was moved away is
// deleted there in the background.
func (e *env) wantNothingStaged(tb testing.TB) {
	tb.Helper()
	eventually(tb, "tmp is empty", func() bool { return len(below(tb, filepath.Join(e.dir, "tmp"))) == 0 })
}

// below lists what is no directory below dir, sorted.
func below(tb testing.TB, dir string) []string {
	tb.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			path, err = filepath.Rel(dir, path)
			found = append(found, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		tb.Fatal(err)
	}
	return found
}

func parse(tb testing.TB, path string) pkgref.Ref {
	tb.Helper()
	q, err := pkgref.ParsePath(path, "/lib/")
	if err != nil {
		tb.Fatal(err)
	}
	return q
}

func version(tb testing.TB, s string) pkgref.Version {
	tb.Helper()
	v, err := pkgref.ParseVersion(s)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func spec(tb testing.TB, s string) pkgref.Spec {
	tb.Helper()
	parsed, err := pkgref.ParseSpec(s)
	if err != nil {
		tb.Fatal(err)
	}
	return parsed
}

func patterns(tb testing.TB, texts ...string) []pkgref.Pattern {
	tb.Helper()
	var list []pkgref.Pattern
	for _, text := range texts {
		p, err := pkgref.ParsePattern(text, false)
		if err != nil {
			tb.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

func deny(texts ...string) config.Policy {
	return config.Policy{Rules: []config.Rule{{Deny: texts, Reason: "test"}}}
}

// overNPM returns a provider over a fake upstream.
func overNPM(tb testing.TB, g *providertest.Registry, change func(*npm.Config, *fetch.Config)) *npm.Provider {
	tb.Helper()
	c := npm.Config{Registry: g.URL()}
	f := fetch.Config{
		Trusted: []string{g.Host()}, HeaderTimeout: 20 * time.Second,
		Proxy: func(*http.Request) (*url.URL, error) { return nil, nil },
	}
	if change != nil {
		change(&c, &f)
	}
	client, err := fetch.New(f)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(client.CloseIdle)
	c.Client = client
	p, err := npm.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func remove(tb testing.TB, path string) {
	tb.Helper()
	if err := os.RemoveAll(path); err != nil {
		tb.Fatal(err)
	}
}

func write(tb testing.TB, path, body string) {
	tb.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(body), 0o644)); err != nil {
		tb.Fatal(err)
	}
}

// eventually waits for what happens in the background.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("never happened: %s", what)
		}
	}
}

// logged counts how often the log says something.
func (e *env) logged(part string) int { return strings.Count(e.log.String(), part) }
