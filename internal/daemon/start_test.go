package daemon_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/daemon"
	"github.com/registryd/registryd/internal/outcome"
)

// Each way in which a start fails is one line that says what is wrong.
func TestNew_Fails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(*fixture)
		want    []string // parts of the line
		is      error
	}{
		"no such file": {
			func(f *fixture) { os.Remove(filepath.Join(f.dir, "registryd.yaml")) },
			[]string{"registryd.yaml"}, outcome.Invalid,
		},
		"broken file": {
			func(f *fixture) { f.write("nonsense: 1\n") },
			[]string{"registryd.yaml:7: nonsense"}, outcome.Invalid,
		},
		"somebody else's directory": {
			func(f *fixture) { write(f.t, filepath.Join(f.dir, "data", "www", "lib", "lodash.js"), "x") },
			[]string{"data directory ", `holds "www"`}, cache.ErrForeign,
		},
		"another layout": {
			func(f *fixture) { write(f.t, filepath.Join(f.dir, "data", "state", "format"), "registryd 99\n") },
			[]string{`it says "registryd 99"`}, cache.ErrFormat,
		},
		"data directory is a file": {
			func(f *fixture) { write(f.t, filepath.Join(f.dir, "data"), "") },
			[]string{"data directory", "not a directory"}, nil,
		},
		"data directory cannot be made": {
			func(f *fixture) {
				write(f.t, filepath.Join(f.dir, "file"), "")
				f.raw("root: {fs: file/data}\n")
			},
			[]string{"data directory", "not a directory"}, nil,
		},
		"npm registry is missing": {
			func(f *fixture) { f.raw("root: {fs: data}\nproviders:\n  - {type: dir, path: p}\n  - {type: npm}\n") },
			[]string{"registryd.yaml:4: provider npm: no npm registry is configured: set registry, npm_config_registry or .npmrc"}, nil,
		},
		"CA file is missing": {
			func(f *fixture) { f.write("ca_file: absent.pem\n") },
			[]string{"CA file", "absent.pem"}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			c.prepare(f)
			s, err := daemon.New(t.Context(), f.options())
			if err == nil {
				s.Close()
				t.Fatal("it starts")
			}
			if strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), strings.ToLower(err.Error()[:1])) {
				t.Errorf("not one lower-case line: %q", err)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
			if c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("%v is not %v", err, c.is)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Fault 29: two daemons, one root.
func TestNew_Held_Fault29(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"))
	s := f.server()
	_, err := daemon.New(t.Context(), f.options())
	if !errors.Is(err, cache.ErrHeld) || strings.Contains(err.Error(), "\n") {
		t.Errorf("second daemon: %v", err)
	}
	status(t, ask(s, "GET", "/lib/widget/1.0.0/index.js"), 200)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f.server() // now the place is free
}

// A start that failed gives the data directory back.
func TestNew_FailsAndLetsGo(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("ca_file: absent.pem\n")
	if _, err := daemon.New(t.Context(), f.options()); err == nil {
		t.Fatal("it starts")
	}
	f.write("")
	f.server()
}

// Without a word about providers the npm provider is left out, and said to be.
func TestNew_NoRegistry(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.raw("root: {fs: data}\nlisten: 127.0.0.1:0\nlog: {format: text}\n")
	d := f.run()
	if got := f.screen.await(t, "note           provider npm "); !strings.HasPrefix(got, "is left out: no npm registry is configured") {
		t.Errorf("noted: %q", got)
	}
	f.screen.await(t, "note           no provider is left")
	status(t, ask(d, "GET", "/lib/widget/1.0.0/index.js"), 404)
	if w := ask(d, "GET", "/-/readyz"); w.Code != 200 || !strings.Contains(w.Body.String(), `"providers":[]`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestNew_LoadsOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s := f.server()
	if f.loads != 1 {
		t.Errorf("a start loads the configuration %d times", f.loads)
	}
	if _, err := s.Reload(t.Context()); err != nil || f.loads != 2 {
		t.Errorf("a reload loads it %d times: %v", f.loads-1, err)
	}
}

func TestClose_Twice(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	s, err := daemon.New(t.Context(), f.options())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if _, err := s.Reload(t.Context()); !errors.Is(err, outcome.Busy) {
		t.Errorf("reload after the end: %v", err)
	}
	// Somebody's HTTP server may still have requests for it.
	if w := ask(s, "GET", "/lib/widget/1.0.0/index.js"); w.Code < 500 {
		t.Errorf("answered with %d after the end", w.Code)
	}
}

func TestServeHTTP_Routes(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"))
	f.write("components: {prefix: /c/}\n")
	s := f.server()
	for name, c := range map[string]struct {
		method, path string
		want         int
	}{
		"alive":               {"GET", "/-/livez", 200},
		"alive, by HEAD":      {"HEAD", "/-/livez", 200},
		"ready":               {"GET", "/-/readyz", 200},
		"ready, by HEAD":      {"HEAD", "/-/readyz", 200},
		"package":             {"GET", "/lib/widget/1.0.0/index.js", 200},
		"latest":              {"GET", "/lib/widget/", 302},
		"unknown package":     {"GET", "/lib/gadget/1.0.0/index.js", 404},
		"method":              {"PUT", "/lib/widget/1.0.0/index.js", 405},
		"outside":             {"GET", "/", 404},
		"unknown health":      {"GET", "/-/nothing", 404},
		"admin without token": {"GET", "/staff/registry/packages", 401},
		"component":           {"GET", "/c/x", 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status(t, ask(s, c.method, c.path), c.want)
		})
	}
}

// A public prefix of "/" does not answer for what belongs to others.
func TestServeHTTP_RootPrefix(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"), named("-", "1.0.0"), named("c", "1.0.0"))
	f.raw("root: {fs: data, pub: /}\nlisten: 127.0.0.1:0\nproviders: [{type: npm, registry: " + f.upstream.URL() + "}]\n" +
		"admin: {tokens: [{id: ops, token: " + token + "}]}\ncomponents: {prefix: /c/}\n")
	s := f.server()
	status(t, ask(s, "GET", "/widget/1.0.0/index.js"), 200)
	status(t, ask(s, "GET", "/-/livez"), 200)
	status(t, ask(s, "GET", "/-/1.0.0/index.js"), 404)
	status(t, ask(s, "GET", "/c/1.0.0/index.js"), 404)
	status(t, ask(s, "GET", "/staff/registry/x/1.0.0"), 404)
	status(t, admin(s, "GET", "packages"), 200)
}
