package daemon_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/daemon"
	"github.com/registryd/registryd/internal/syncbuf"
	"github.com/registryd/registryd/plugin/plugintest"
	"github.com/registryd/registryd/provider/providertest"
)

// TestMain hides the configuration of the machine's own npm from the tests.
func TestMain(m *testing.M) {
	plugintest.Program(gate)
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(strings.ToLower(name), "npm_config_") {
			os.Unsetenv(name)
		}
	}
	os.Setenv("HOME", "/nonexistent")
	os.Setenv("PATH", "")
	os.Exit(m.Run())
}

// patience bounds every wait; it is long, since the machine may be busy.
const patience = 60 * time.Second

// token is the admin token of every fixture.
const token = "token-of-the-tests"

// screen collects what a daemon writes, and lets a test wait for it.
type screen struct{ syncbuf.Buffer }

// await returns what follows mark up to the end of its line, once it is there.
func (s *screen) await(t *testing.T, mark string) string {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if _, rest, ok := strings.Cut(s.String(), mark); ok {
			if line, _, whole := strings.Cut(rest, "\n"); whole {
				return strings.TrimSpace(line)
			}
		}
	}
	t.Fatalf("%q was never written, but:\n%s", mark, s)
	return ""
}

// fixture is a configuration in a directory of its own, over a fake registry.
type fixture struct {
	t         *testing.T
	dir       string
	upstream  *providertest.Registry
	screen    *screen
	level     string // of the log
	inherited []net.Listener
	own       daemon.Providers
	mu        sync.Mutex
	loads     int
}

func newFixture(t *testing.T, packages ...providertest.Package) *fixture {
	t.Helper()
	f := &fixture{t: t, dir: t.TempDir(), upstream: providertest.NewRegistry(t, packages...), screen: &screen{}, level: "debug"}
	f.write("")
	return f
}

// write writes the configuration, with more YAML behind what all have.
func (f *fixture) write(more string) {
	f.t.Helper()
	f.raw(fmt.Sprintf("root: {fs: data}\nlisten: 127.0.0.1:0\naccel: nginx\nlog: {level: %s, format: text}\n"+
		"providers: [{type: npm, registry: %q}]\nadmin: {tokens: [{id: ops, token: %s}]}\n%s", f.level, f.upstream.URL(), token, more))
}

func (f *fixture) raw(text string) {
	f.t.Helper()
	// By a rename, as an editor does: a daemon that reloads sees one or the other.
	temp := filepath.Join(f.dir, "new.yaml")
	if err := os.WriteFile(temp, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(temp, filepath.Join(f.dir, "registryd.yaml")); err != nil {
		f.t.Fatal(err)
	}
}

// text returns the configuration as it is.
func (f *fixture) text() string {
	f.t.Helper()
	data, err := os.ReadFile(filepath.Join(f.dir, "registryd.yaml"))
	if err != nil {
		f.t.Fatal(err)
	}
	return string(data)
}

func (f *fixture) load() (*config.Config, error) {
	f.mu.Lock()
	f.loads++
	f.mu.Unlock()
	return config.Load(config.Options{File: "registryd.yaml", Dir: f.dir, ProviderTypes: f.own.Types()})
}

func (f *fixture) options() daemon.Options {
	return daemon.Options{Load: f.load, Version: "1.2.3-test", Stderr: f.screen, Inherited: f.inherited, Providers: f.own}
}

// server returns a daemon that does not listen; the test's end closes it.
func (f *fixture) server() *daemon.Server {
	f.t.Helper()
	return f.serverOf(f.options())
}

func (f *fixture) serverOf(o daemon.Options) *daemon.Server {
	f.t.Helper()
	s, err := daemon.New(f.t.Context(), o)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.t.Errorf("close: %v", err)
		}
	})
	return s
}

// running is a daemon that listens.
type running struct {
	*daemon.Server
	url   string
	stop  context.CancelFunc
	ended chan error // what Run returned
}

// run runs a daemon until the test ends or stop is called.
func (f *fixture) run() *running {
	f.t.Helper()
	d := &running{Server: f.server(), ended: make(chan error, 1)}
	ctx, stop := context.WithCancel(context.Background())
	d.stop = stop
	over := make(chan struct{})
	go func() {
		defer close(over)
		d.ended <- d.Run(ctx)
	}()
	f.t.Cleanup(func() {
		stop()
		<-over
	})
	first, _, _ := strings.Cut(f.screen.await(f.t, "listening on   "), ",")
	d.url = "http://" + first
	return d
}

// wait returns what Run returned.
func (d *running) wait(t *testing.T) error {
	t.Helper()
	select {
	case err := <-d.ended:
		return err
	case <-time.After(patience):
		t.Fatal("the daemon does not end")
		return nil
	}
}

// ask sends a request to a handler; header are pairs of key and value.
func ask(h http.Handler, method, path string, header ...string) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest(method, path, http.NoBody)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	h.ServeHTTP(w, r)
	return w
}

// admin sends a request with the token.
func admin(h http.Handler, method, path string) *httptest.ResponseRecorder {
	return ask(h, method, "/staff/registry/"+path, "Authorization", "Bearer "+token)
}

// status asserts the status of an answer.
func status(t *testing.T, w *httptest.ResponseRecorder, want int) {
	t.Helper()
	if w.Code != want {
		t.Errorf("status %d, want %d: %.300s", w.Code, want, w.Body)
	}
}

// get asks over the network for status and body.
func get(t *testing.T, client *http.Client, url string) (int, string) {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return resp.StatusCode, string(body)
}

// client is an HTTP client of its own, without what others left behind.
func client(t *testing.T) *http.Client {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// widget is a package with a few files.
func widget(version string) providertest.Package { return named("widget", version) }

func named(name, version string) providertest.Package {
	return providertest.Package{Name: name, Version: version, Files: map[string][]byte{
		"package.json": []byte(`{"name":"` + name + `","version":"` + version + `"}`),
		"index.js":     []byte("export default '" + version + "'\n"),
		"a.js":         []byte("1\n"), "b.js": []byte("2\n"), "c.js": []byte("3\n"), "d.js": []byte("4\n"),
	}}
}
