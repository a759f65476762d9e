package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/registryd/registryd/internal/daemon"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

// shelf is a provider of somebody else: its files are at a URL, and it does not
// know our errors.
type shelf struct {
	provider.Setup
	generation int32
}

func (s *shelf) Name() string { return s.Setup.Name }

func (s *shelf) Release(_ context.Context, name pkgref.Name, v pkgref.Version) (*provider.Release, error) {
	switch name {
	case "plain":
		return nil, errors.New("hunter2 is broken")
	case "absent":
		return nil, provider.ErrNotFound
	case "panics":
		panic("hunter2 panics")
	}
	return &provider.Release{Name: name, Version: v, Files: &provider.Files{Open: true, Assumed: true}}, nil
}

func (s *shelf) OpenFile(ctx context.Context, _ *provider.Release, path string) (io.ReadCloser, error) {
	if path == "generation.txt" {
		return io.NopCloser(strings.NewReader(fmt.Sprint(s.generation))), nil
	}
	where := s.Settings["url"]
	if path == "elsewhere.txt" {
		where = s.Settings["elsewhere"]
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+strings.TrimPrefix(where, "http://")+"/"+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := s.HTTP.Do(r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, fmt.Errorf("%w: %s", provider.ErrNotFound, resp.Status)
	}
	return resp.Body, nil
}

// shelves is a fixture with one shelf, and the server behind it.
func shelves(t *testing.T) *fixture {
	t.Helper()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s by %s", r.URL.Path, r.UserAgent())
	}))
	t.Cleanup(upstream.Close)
	var built atomic.Int32
	f := newFixture(t)
	f.own = daemon.Providers{"shelf": func(_ context.Context, s provider.Setup) (provider.Provider, error) {
		switch s.Settings["wrong"] {
		case "error":
			return nil, errors.New("settings: wrong is wrong")
		case "panic":
			panic("wrong")
		case "none":
			return nil, nil
		case "name":
			s.Name += "x"
		}
		return &shelf{s, built.Add(1)}, nil
	}}
	f.raw(shelfConfig(upstream.URL, ""))
	return f
}

// shelfConfig names the URL in a way that makes it trusted, and once more in one
// that does not.
func shelfConfig(url, more string) string {
	return fmt.Sprintf("root: {fs: data}\nlisten: 127.0.0.1:0\naccel: 'off'\nlog: {level: debug}\n"+
		"admin: {tokens: [{id: ops, token: %s}]}\n"+
		"providers: [{type: shelf, name: mine, settings: {url: %q, elsewhere: %q%s}}]\n",
		token, url, "localhost:9", more)
}

func TestOwnProvider_PG6(t *testing.T) {
	t.Parallel()
	f := shelves(t)
	s := f.server()
	w := ask(s, http.MethodGet, "/lib/widget/1.0.0/a.txt")
	if status(t, w, http.StatusOK); w.Body.String() != "/a.txt by registryd/1.2.3-test" {
		t.Errorf("got %q", w.Body)
	}
	status(t, ask(s, http.MethodGet, "/lib/plain/1.0.0/a.txt"), http.StatusBadGateway)
	status(t, ask(s, http.MethodGet, "/lib/absent/1.0.0/a.txt"), http.StatusNotFound)
	// A private address that no URL of the settings names is not reached.
	status(t, ask(s, http.MethodGet, "/lib/widget/1.0.0/elsewhere.txt"), http.StatusBadGateway)
	w = ask(s, http.MethodGet, "/lib/panics/1.0.0/a.txt")
	status(t, w, http.StatusInternalServerError)
	if strings.Contains(w.Body.String(), "hunter2") {
		t.Errorf("the client is told %q", w.Body)
	}
	status(t, ask(s, http.MethodGet, "/lib/widget/1.0.0/b.txt"), http.StatusOK)
	if !strings.Contains(f.screen.String(), "hunter2 is broken") {
		t.Error("the log does not say what is wrong with the provider")
	}
}

// A reload builds the provider anew; a factory that fails keeps what is in force.
func TestOwnProviderReload_PG6(t *testing.T) {
	t.Parallel()
	f := shelves(t)
	good := f.text()
	s := f.server()
	generation := func(version, want string) {
		t.Helper()
		if w := ask(s, http.MethodGet, "/lib/widget/"+version+"/generation.txt"); w.Body.String() != want {
			t.Errorf("generation %q (status %d) answers, want %s", w.Body, w.Code, want)
		}
	}
	generation("1.0.0", "1")
	for wrong, says := range map[string]string{
		"error": "wrong is wrong", "panic": "panics", "none": "returns none", "name": "calls itself",
	} {
		f.raw(strings.Replace(good, "elsewhere:", "wrong: "+wrong+", elsewhere:", 1))
		if _, err := s.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: the reload says %v", wrong, err)
		}
	}
	f.raw(good)
	if _, err := s.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := ask(s, http.MethodGet, "/lib/widget/2.0.0/generation.txt"); w.Body.String() == "1" {
		t.Error("the provider of before the reload answers")
	}
}

func TestOwnProviderOffline_PG6(t *testing.T) {
	t.Parallel()
	f := shelves(t)
	f.raw(f.text() + "offline: true\n")
	w := ask(f.server(), http.MethodGet, "/lib/widget/1.0.0/a.txt")
	status(t, w, http.StatusServiceUnavailable)
}

func TestProvidersCheck_PG6(t *testing.T) {
	t.Parallel()
	some := func(context.Context, provider.Setup) (provider.Provider, error) { return nil, errors.New("unused") }
	for name, c := range map[string]struct {
		providers daemon.Providers
		says      string
	}{
		"fine":       {daemon.Providers{"my-type2": some}, ""},
		"none":       {nil, ""},
		"built in":   {daemon.Providers{"npm": some}, "built in"},
		"no factory": {daemon.Providers{"mine": nil}, "no factory"},
		"upper case": {daemon.Providers{"Mine": some}, "cannot be a type"},
		"empty":      {daemon.Providers{"": some}, "cannot be a type"},
	} {
		err := c.providers.Check()
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
