package plugin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/syncbuf"
	"github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/plugin/plugintest"
)

// fakeEngine runs files of lines "key: value": version is what the function version returns; fail names a step that
// fails; hooks are further functions.
type fakeEngine struct {
	mu        sync.Mutex
	instances []*fakeInstance
	open      atomic.Int64 // programs
	release   chan struct{}
	hang      atomic.Bool // attach does
}

func newFakeEngine() *fakeEngine { return &fakeEngine{release: make(chan struct{})} }

type fakeProgram struct {
	engine *fakeEngine
	src    plugin.Source
	host   plugin.Host
	keys   map[string]string
	closed atomic.Int64
}

func (e *fakeEngine) Load(_ context.Context, src plugin.Source, host plugin.Host) (plugin.Program, error) {
	data, err := os.ReadFile(filepath.Join(src.Dir, src.Manifest.Main))
	if err != nil {
		return nil, outcome.New(outcome.Invalid, "read: %v", err)
	}
	p := &fakeProgram{engine: e, src: src, host: host, keys: map[string]string{}}
	for line := range strings.Lines(string(data)) {
		k, v, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			return nil, outcome.New(outcome.Invalid, "%s: syntax error", src.Manifest.Main)
		}
		p.keys[k] = v
	}
	if p.keys["version"] == "" || p.keys["fail"] == "load" {
		return nil, outcome.New(outcome.Invalid, "%s: no version", src.Manifest.Main)
	}
	e.open.Add(1)
	return p, nil
}

func (p *fakeProgram) Start(context.Context) (plugin.Instance, error) {
	if p.keys["fail"] == "start" {
		return nil, &plugin.Rejection{Name: "Error", Message: "start fails"}
	}
	i := &fakeInstance{program: p}
	p.engine.mu.Lock()
	defer p.engine.mu.Unlock()
	p.engine.instances = append(p.engine.instances, i)
	return i, nil
}

func (p *fakeProgram) Files() []string { return []string{p.src.Manifest.Main} }

func (p *fakeProgram) Close() error {
	if p.closed.Add(1) == 1 {
		p.engine.open.Add(-1)
	}
	return nil
}

// fakeInstance notes every breach of the contract.
type fakeInstance struct {
	program                    *fakeProgram
	busy                       atomic.Bool
	attached, detached, closed atomic.Int64
	calls                      atomic.Int64
	spoilt                     atomic.Bool
	breach                     atomic.Pointer[string]
}

func (i *fakeInstance) complain(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	i.breach.CompareAndSwap(nil, &text)
}

func (i *fakeInstance) enter(what string) func() {
	if !i.busy.CompareAndSwap(false, true) {
		i.complain("%s during another call", what)
	}
	if i.closed.Load() > 0 {
		i.complain("%s after close", what)
	}
	return func() { i.busy.Store(false) }
}

func (i *fakeInstance) Describe(context.Context) (plugin.Description, error) {
	defer i.enter("describe")()
	hooks := []string{"version"}
	hooks = append(hooks, strings.Fields(i.program.keys["hooks"])...)
	d := plugin.Description{Hooks: hooks}
	if text := i.program.keys["manifest"]; text != "" {
		d.Exports = json.RawMessage(`{"manifest":` + text + `}`)
	}
	return d, nil
}

func (i *fakeInstance) Call(ctx context.Context, fn string, args ...json.RawMessage) (json.RawMessage, error) {
	defer i.enter(fn)()
	if fn != plugin.HookAttach && i.attached.Load() != 1 {
		i.complain("%s, attached %d times", fn, i.attached.Load())
	}
	if i.detached.Load() > 0 {
		i.complain("%s after detach", fn)
	}
	switch fn {
	case plugin.HookAttach:
		if i.program.engine.hang.Load() {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		i.attached.Add(1)
		if i.program.keys["needs"] == "config" && strings.Contains(string(args[0]), `"config":{}`) {
			i.program.keys["fail"] = "attach"
		}
		if i.program.keys["fail"] == "attach" {
			return nil, &plugin.Rejection{Name: "Error", Message: "attach fails" + i.program.keys["says"]}
		}
		return nil, nil
	case plugin.HookDetach:
		i.detached.Add(1)
		return nil, nil
	}
	i.calls.Add(1)
	return i.call(ctx, fn, args)
}

func (i *fakeInstance) call(ctx context.Context, fn string, args []json.RawMessage) (json.RawMessage, error) {
	switch fn {
	case "version":
		return json.Marshal(i.program.keys["version"])
	case "echo":
		return args[0], nil
	case "wait":
		select {
		case <-i.program.engine.release:
			return json.Marshal(i.program.keys["version"])
		case <-ctx.Done():
			i.spoilt.Store(true)
			return nil, ctx.Err()
		}
	case "memory":
		i.spoilt.Store(true)
		return nil, fmt.Errorf("%w: %w", plugin.ErrMemory, outcome.Wrap(outcome.Unavailable, plugin.ErrLimit, "memory"))
	case "throw":
		return nil, &plugin.Rejection{Name: "Error", Message: "with hunter2-secret inside"}
	case "tell":
		return nil, outcome.New(outcome.Unavailable, "it wrote hunter2-secret")
	case "chatter":
		for range 5000 {
			i.program.host.Log(ctx, slog.LevelInfo, "once more")
		}
		return nil, nil
	case "fetch", "open", "cache", "recall":
		return i.hostCall(ctx, fn, args)
	case "selftest":
		if i.program.keys["fail"] == "selftest" {
			return nil, &plugin.Rejection{Name: "Error", Message: "selftest fails"}
		}
		return nil, nil
	}
	return nil, outcome.New(outcome.NotFound, "no function %s", fn)
}

func (i *fakeInstance) hostCall(ctx context.Context, fn string, args []json.RawMessage) (json.RawMessage, error) {
	var arg string
	if err := json.Unmarshal(args[0], &arg); err != nil {
		return nil, err
	}
	host := i.program.host
	switch fn {
	case "fetch":
		r := &plugin.Request{URL: arg, Header: http.Header{}}
		for _, header := range args[1:] {
			var line string
			if err := json.Unmarshal(header, &line); err != nil {
				return nil, err
			}
			k, v, _ := strings.Cut(line, ": ")
			r.Header.Add(k, v)
		}
		resp, err := host.Fetch(ctx, r)
		if err != nil {
			return nil, err
		}
		return json.Marshal(map[string]any{"status": resp.Status, "body": string(resp.Body)})
	case "open":
		handle, err := host.Open(ctx, &plugin.Request{URL: arg})
		if err != nil {
			return nil, err
		}
		return json.Marshal(handle)
	case "cache":
		return nil, host.CacheSet(ctx, arg, args[1], time.Hour)
	}
	return host.CacheGet(ctx, arg)
}

func (i *fakeInstance) Reusable() bool { return !i.spoilt.Load() }

func (i *fakeInstance) Close() error {
	i.enter("close")()
	if i.closed.Add(1) > 1 {
		i.complain("closed twice")
	}
	return nil
}

// all returns the instances so far.
func (e *fakeEngine) all() []*fakeInstance {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]*fakeInstance(nil), e.instances...)
}

// home is a directory of plugins with a manager over it.
type home struct {
	*plugin.Manager
	t      *testing.T
	dir    string
	engine *fakeEngine
	log    *syncbuf.Buffer
	config plugin.Config
}

// at returns the settings of a test.
func (h *home) at() plugin.Settings {
	return plugin.Settings{Dir: h.dir, Budget: 100 << 30, Drain: 20 * time.Second}
}

func newHome(t *testing.T, change ...func(*plugin.Config)) *home {
	t.Helper()
	h := &home{t: t, dir: t.TempDir(), engine: newFakeEngine(), log: &syncbuf.Buffer{}}
	h.config = plugin.Config{
		Engines:   map[string]plugin.Engine{plugin.EngineJS: h.engine},
		VerifySRI: func(string, []byte) (bool, error) { return true, nil },
		Logger:    slog.New(slog.NewTextHandler(h.log, nil)),
		Env: func(name string) (string, bool) {
			return "hunter2-secret", name == "TOKEN"
		},
	}
	for _, f := range change {
		f(&h.config)
	}
	h.Manager = plugin.NewManager(h.config)
	t.Cleanup(h.end)
	return h
}

// end revokes everything, and checks that each instance was used as it must be.
func (h *home) end() {
	h.Revoke()
	for n, i := range h.engine.all() {
		if b := i.breach.Load(); b != nil {
			h.t.Errorf("instance %d: %s", n, *b)
		}
		want := i.attached.Load()
		if !i.Reusable() || i.program.keys["fail"] == "attach" {
			want = 0
		}
		if i.closed.Load() != 1 || i.detached.Load() != want {
			h.t.Errorf("instance %d of %s: attached %d, detached %d, closed %d", n, i.program.keys["version"],
				i.attached.Load(), i.detached.Load(), i.closed.Load())
		}
	}
	if n := h.engine.open.Load(); n != 0 {
		h.t.Errorf("%d programs are open", n)
	}
}

// write puts one file.
func (h *home) write(name, content string) {
	h.t.Helper()
	plugintest.Write(h.t, h.dir, map[string]string{name: content})
}

// load reloads everything.
func (h *home) load(r ...plugin.Reload) plugin.Report {
	h.t.Helper()
	var what plugin.Reload
	if len(r) > 0 {
		what = r[0]
	}
	report, err := h.Reload(h.t.Context(), h.at(), what)
	if err != nil {
		h.t.Fatal(err)
	}
	return report
}

// ask calls a function of a plugin.
func (h *home) ask(name, fn string, args ...string) (string, error) {
	lease, err := h.Enter(name)
	if err != nil {
		return "", err
	}
	defer lease.Leave()
	raw := make([]json.RawMessage, len(args))
	for i, a := range args {
		raw[i] = json.RawMessage(a)
	}
	r, err := lease.Call(h.t.Context(), fn, raw...)
	if err != nil {
		return "", err
	}
	defer r.Close()
	return strings.Trim(string(r.JSON), `"`), nil
}

// says checks the version that answers.
func (h *home) says(name, want string) {
	h.t.Helper()
	if got, err := h.ask(name, "version"); err != nil || got != want {
		h.t.Errorf("%s answers %q, %v, want %q", name, got, err, want)
	}
}
