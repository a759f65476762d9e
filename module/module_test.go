package module_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/crowd"
	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/module"
	"github.com/registryd/registryd/operation"
)

// fake is a module in Go whose instances note what happens to them.
type fake struct {
	path   string
	say    string
	key    string
	attach error
	notes  *notes
	block  chan struct{} // of operations, nil: none
}

// notes counts hooks.
type notes struct{ attached, detached, running, late atomic.Int64 }

func (f *fake) Operations() []module.Operation {
	return []module.Operation{{
		Descriptor: operation.Descriptor{Path: f.path, Method: "GET", Params: []operation.Param{{Name: "x", Type: "number", HasDefault: true, Default: 1.0}}},
		Implementation: operation.Implementation{Handle: func(context.Context, *operation.Call) (operation.Answer, error) {
			f.notes.running.Add(1)
			if f.block != nil {
				<-f.block
			}
			if f.notes.detached.Load() > 0 {
				f.notes.late.Add(1)
			}
			return operation.Answer{Value: f.say}, nil
		}},
	}}
}

func (f *fake) Offers() (map[string]module.Function, map[string]json.RawMessage) {
	if f.key == "" {
		return nil, nil
	}
	return map[string]module.Function{f.key: func(context.Context, ...json.RawMessage) (json.RawMessage, error) {
			return json.Marshal(f.say)
		}}, map[string]json.RawMessage{
			f.key + "-list": json.RawMessage(`[1,2]`),
		}
}

func (f *fake) Attach(_ context.Context, c module.Context) error {
	if c.API == nil || c.Logger == nil {
		return errors.New("the context is not whole")
	}
	f.notes.attached.Add(1)
	return f.attach
}

func (f *fake) Detach() { f.notes.detached.Add(1) }

// world is a server with a set of modules in Go.
type world struct {
	t    *testing.T
	api  *module.API
	set  *module.Set
	srv  *module.Server
	make map[string]func() module.Module // what the next load of a module gets
	mu   sync.Mutex
	fail map[string]error
}

func newWorld(t *testing.T, names ...string) *world {
	w := &world{t: t, api: module.NewAPI(), make: map[string]func() module.Module{}, fail: map[string]error{}}
	factories := map[string]module.Factory{}
	for _, name := range names {
		factories[name] = func(context.Context) (module.Module, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if err := w.fail[name]; err != nil {
				return nil, err
			}
			return w.make[name](), nil
		}
	}
	w.set = module.NewSet(module.SetConfig{Factories: factories, API: w.api, Options: func() operation.Options { return operation.Options{} }})
	w.srv = &module.Server{API: w.api, Prefix: "/m/", Adapter: &httpx.Adapter{}, Logger: slog.New(slog.DiscardHandler)}
	return w
}

// put says what a module is from the next load on.
func (w *world) put(name string, f func() module.Module) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.make[name] = f
}

// reload reloads what a filter wants, and puts it in force as the daemon does.
func (w *world) reload(wanted func(string) bool) *module.SetChange {
	w.t.Helper()
	c, err := w.set.Prepare(context.Background(), wanted)
	if err != nil {
		w.t.Fatal(err)
	}
	table, err := module.NewTable(c.Units())
	if err != nil {
		w.t.Fatal(err)
	}
	w.api.Swap(table)
	c.Commit()
	return c
}

func all(string) bool { return true }

func (w *world) get(path string) (int, string) {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	rec := httptest.NewRecorder()
	w.srv.ServeHTTP(rec, r)
	data, _ := io.ReadAll(rec.Result().Body)
	return rec.Code, strings.TrimSpace(string(data))
}

func (w *world) expect(path string, status int, body string) {
	w.t.Helper()
	if code, got := w.get(path); code != status || !strings.Contains(got, body) {
		w.t.Errorf("%s: %d %s, want %d %s", path, code, got, status, body)
	}
}

func TestReload_G18_G20_G21_GN5(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a", "b")
	var a1, a2, b notes
	w.put("a", func() module.Module { return &fake{path: "/a", say: "a1", notes: &a1} })
	w.put("b", func() module.Module { return &fake{path: "/b", say: "b1", notes: &b} })
	w.reload(all)
	w.expect("/m/a", 200, "a1")
	w.put("a", func() module.Module { return &fake{path: "/a2", say: "a2", notes: &a2} })
	c := w.reload(func(name string) bool { return name == "a" })
	if fmt.Sprint(c.Reloaded, c.Kept) != "[a] [b]" {
		t.Errorf("reloaded %v, kept %v", c.Reloaded, c.Kept)
	}
	w.expect("/m/a", 404, "")
	w.expect("/m/a2", 200, "a2")
	w.expect("/m/b", 200, "b1")
	if a1.attached.Load() != 1 || a1.detached.Load() != 1 || b.attached.Load() != 1 || b.detached.Load() != 0 {
		t.Errorf("G21: a was attached %d and detached %d times; b %d and %d", a1.attached.Load(), a1.detached.Load(), b.attached.Load(), b.detached.Load())
	}
}

func TestFailureKeepsTheOld_G22(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a", "b")
	var n, bad, n2 notes
	w.put("a", func() module.Module { return &fake{path: "/a", say: "old", notes: &n} })
	w.put("b", func() module.Module { return &fake{path: "/b", say: "b", notes: &notes{}} })
	w.reload(all)
	for name, f := range map[string]func() module.Module{
		"attach":      func() module.Module { return &fake{path: "/a", attach: errors.New("no"), notes: &bad} },
		"conflict":    func() module.Module { return &fake{path: "/b", say: "new", notes: &bad} },
		"placeholder": func() module.Module { return &fake{path: "/{b}", say: "new", notes: &bad} },
		"reserved":    func() module.Module { return &fake{path: "/tasks/x", say: "new", notes: &bad} },
		"declaration": func() module.Module { return &fake{path: "/a/{", say: "new", notes: &bad} },
		"nothing":     func() module.Module { return nil },
		"panic":       func() module.Module { panic("no") },
	} {
		w.put("a", f)
		c := w.reload(func(name string) bool { return name == "a" })
		if c.Failed["a"] == nil || len(c.Reloaded) > 0 {
			t.Errorf("%s: failed %v, reloaded %v", name, c.Failed, c.Reloaded)
		}
		w.expect("/m/a", 200, "old")
		w.expect("/m/b", 200, "b")
	}
	if n.detached.Load() != 0 {
		t.Error("the old was detached")
	}
	if bad.attached.Load()-bad.detached.Load() != 1 { // that whose attach failed
		t.Errorf("%d attached, %d detached", bad.attached.Load(), bad.detached.Load())
	}
	w.put("a", func() module.Module { return &fake{path: "/a", say: "new", notes: &n2} })
	w.reload(all)
	w.expect("/m/a", 200, "new")
}

// A request that entered before a reload ends there; the old is detached once, after it.
func TestRequestsStayWhereTheyEntered_GN2(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	old, block := &notes{}, make(chan struct{})
	w.put("a", func() module.Module { return &fake{path: "/a", say: "old", notes: old, block: block} })
	w.reload(all)
	answered := make(chan string)
	for range 3 {
		go func() {
			_, body := w.get("/m/a")
			answered <- body
		}()
	}
	for old.running.Load() < 3 {
		select {
		case body := <-answered:
			t.Fatalf("answered %q before it could", body)
		case <-time.After(time.Millisecond):
		}
	}
	w.put("a", func() module.Module { return &fake{path: "/a", say: "new", notes: &notes{}} })
	w.reload(all)
	w.expect("/m/a", 200, "new")
	if old.detached.Load() != 0 {
		t.Error("detached while requests run")
	}
	close(block)
	for range 3 {
		if body := <-answered; body != "old" {
			t.Errorf("a request that entered before got %q", body)
		}
	}
	if err := w.set.Revoke(t.Context()); err != nil {
		t.Fatal(err)
	}
	if old.detached.Load() != 1 || old.late.Load() != 0 {
		t.Errorf("detached %d times, %d calls after it", old.detached.Load(), old.late.Load())
	}
}

func TestReloadUnderLoad_GN2(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	var made []*notes
	w.put("a", func() module.Module {
		n := &notes{}
		made = append(made, n)
		return &fake{path: "/a", say: "x", notes: n}
	})
	w.reload(all)
	var failed atomic.Int64
	stop := crowd.Start(20, func(int, int) {
		if code, _ := w.get("/m/a"); code != 200 {
			failed.Add(1)
		}
	})
	for i := range 200 {
		w.mu.Lock()
		w.fail["a"] = nil
		if i%5 == 0 {
			w.fail["a"] = errors.New("broken")
		}
		w.mu.Unlock()
		w.reload(all)
	}
	stop()
	if err := w.set.Revoke(t.Context()); err != nil {
		t.Fatal(err)
	}
	if failed.Load() != 0 {
		t.Errorf("%d requests failed", failed.Load())
	}
	for i, n := range made {
		if n.attached.Load() != 1 || n.detached.Load() != 1 || n.late.Load() != 0 {
			t.Errorf("instance %d: attached %d, detached %d, late %d", i, n.attached.Load(), n.detached.Load(), n.late.Load())
		}
	}
}

func TestAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a", "b")
	var n notes
	w.put("a", func() module.Module { return &fake{path: "/a", say: "one", key: "hello", notes: &n} })
	w.put("b", func() module.Module { return &fake{path: "/b", notes: &notes{}} })
	w.reload(all)
	stub, err := w.api.Func("hello")
	if err != nil {
		t.Fatal(err)
	}
	call := func() string {
		v, err := stub(t.Context())
		return fmt.Sprint(string(v), err)
	}
	if got := call(); got != `"one"<nil>` {
		t.Error(got)
	}
	t.Run("G8 G14 keys", func(t *testing.T) {
		if got := fmt.Sprint(w.api.Keys()); got != "[hello hello-list]" {
			t.Error(got)
		}
		if _, err := w.api.Func("hello-list"); !errors.Is(err, outcome.NotFound) {
			t.Errorf("a value is no function: %v", err)
		}
	})
	t.Run("G16 GN6 copies", func(t *testing.T) {
		v := w.api.Get("hello-list")
		v[1] = '9'
		if got := string(w.api.Get("hello-list")); got != "[1,2]" {
			t.Error(got)
		}
	})
	t.Run("G15 a stub calls the new", func(t *testing.T) {
		w.put("a", func() module.Module { return &fake{path: "/a", say: "two", key: "hello", notes: &n} })
		w.reload(all)
		if got := call(); got != `"two"<nil>` {
			t.Error(got)
		}
	})
	t.Run("G13 equal keys", func(t *testing.T) {
		w.put("b", func() module.Module { return &fake{path: "/b", key: "hello", notes: &notes{}} })
		c := w.reload(func(name string) bool { return name == "b" })
		if err := c.Failed["b"]; !errors.Is(err, outcome.Conflict) || !strings.Contains(err.Error(), `"hello"`) || !strings.Contains(err.Error(), "module a") {
			t.Errorf("%v", err)
		}
	})
	t.Run("G17 gone", func(t *testing.T) {
		w.put("b", func() module.Module { return &fake{path: "/b", notes: &notes{}} })
		w.put("a", func() module.Module { return &fake{path: "/a", notes: &n} })
		w.reload(all)
		if _, err := stub(t.Context()); !errors.Is(err, outcome.NotFound) || !strings.Contains(err.Error(), "gone") {
			t.Errorf("%v", err)
		}
	})
	t.Run("G28 revoked", func(t *testing.T) {
		w.api.Revoke()
		w.api.Revoke()
		if got := call(); got != "<nil>" {
			t.Error(got)
		}
		if len(w.api.Keys()) != 0 || w.api.Get("hello-list") != nil {
			t.Error("something is left")
		}
		for range 2 {
			if err := w.set.Revoke(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if n.attached.Load() != n.detached.Load() {
			t.Errorf("%d attached, %d detached", n.attached.Load(), n.detached.Load())
		}
		if _, err := w.set.Prepare(t.Context(), all); !errors.Is(err, outcome.Busy) {
			t.Errorf("a reload afterwards: %v", err)
		}
		w.expect("/m/a", 404, "")
	})
}

func TestServer_D10_D13(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	w.put("a", func() module.Module { return &fake{path: "/a", say: "x", notes: &notes{}} })
	w.reload(all)
	w.expect("/m/", 200, "/m/a")
	w.expect("/m/openapi.json", 200, `"openapi": "3.1.0"`)
	w.expect("/m/tasks/1", 404, "not-found")
	w.expect("/m/user/1", 404, "not-found")
	w.expect("/m/a/", 200, "x")
	w.expect("/m/a?x=y", 400, `"param":"x"`)
	r := httptest.NewRequest(http.MethodPost, "/m/a", nil)
	rec := httptest.NewRecorder()
	w.srv.ServeHTTP(rec, r)
	if rec.Code != 405 || rec.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("%d, Allow %q", rec.Code, rec.Header().Get("Allow"))
	}
	r = httptest.NewRequest(http.MethodGet, "/m/", nil)
	r.Header.Set("Accept", "text/html,*/*")
	rec = httptest.NewRecorder()
	w.srv.ServeHTTP(rec, r)
	if !strings.Contains(rec.Body.String(), "<h2>a</h2>") || !strings.HasPrefix(rec.Header().Get("Content-Type"), "text/html") {
		t.Errorf("page: %s", rec.Body.String())
	}
}

// Metrics and log name module and operation.
func TestObserved_D12(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	w.put("a", func() module.Module { return &fake{path: "/a", say: "x", notes: &notes{}} })
	w.reload(all)
	var log strings.Builder
	var seen []string
	w.srv.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	w.srv.Observe = observer(&seen)
	w.expect("/m/a", 200, "x")
	w.expect("/m/a?x=y", 400, "")
	if got := strings.Join(seen, ","); got != "a /a ok,a /a invalid" {
		t.Error(got)
	}
	if !strings.Contains(log.String(), "module=a operation=/a") {
		t.Error(log.String())
	}
}

func observer(seen *[]string) func(string, string, string, time.Duration) {
	return func(m, o, label string, _ time.Duration) { *seen = append(*seen, m+" "+o+" "+label) }
}

// G-N4: generation, calls and the last failure of each module, also while one is loaded.
func TestStatus_GN4(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a", "b")
	w.put("a", func() module.Module { return &fake{path: "/a", say: "a", notes: &notes{}} })
	w.put("b", func() module.Module { return &fake{path: "/b", attach: errors.New("out of order"), notes: &notes{}} })
	w.reload(all)
	w.expect("/m/a", 200, "a")
	w.reload(all)
	w.expect("/m/a", 200, "a")
	list := w.set.Status()
	if len(list) != 2 {
		t.Fatalf("%+v", list)
	}
	if a := list[0]; a.Name != "a" || a.Generation != 2 || a.Calls != 2 || a.Drained != 1 || a.InFlight != 0 || a.LastError != "" || a.Loaded.IsZero() {
		t.Errorf("%+v", a)
	}
	if b := list[1]; b.Name != "b" || b.Generation != 0 || !strings.Contains(b.LastError, "out of order") || b.ErrorAt.IsZero() || !b.Loaded.IsZero() {
		t.Errorf("%+v", b)
	}
}
