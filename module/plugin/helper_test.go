package plugin_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/syncbuf"
	"github.com/registryd/registryd/module"
	moduleplugin "github.com/registryd/registryd/module/plugin"
	"github.com/registryd/registryd/operation"
	"github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/plugin/js"
	"github.com/registryd/registryd/plugin/plugintest"
	"github.com/registryd/registryd/plugin/process"
)

// world is a directory of modules with what serves them, as the daemon puts it together.
type world struct {
	t       *testing.T
	dir     string
	log     *syncbuf.Buffer
	api     *module.API
	adapter *moduleplugin.Adapter
	manager *plugin.Manager
	srv     *module.Server
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), log: &syncbuf.Buffer{}, api: module.NewAPI()}
	logger := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	tasks := operation.NewTasks(operation.TaskConfig{})
	w.srv = &module.Server{API: w.api, Prefix: "/", Tasks: tasks, Adapter: &httpx.Adapter{Logger: logger}, Logger: logger}
	w.adapter = moduleplugin.New(moduleplugin.Config{Logger: logger, Options: func() operation.Options {
		return operation.Options{Key: func() string { return "KEY" }, Tasks: tasks, MaxBody: 1 << 16}
	}})
	w.manager = plugin.NewManager(plugin.Config{
		Engines: map[string]plugin.Engine{
			plugin.EngineJS: &js.Engine{}, plugin.EngineData: moduleplugin.Data{}, plugin.EngineProcess: process.New(process.Config{Logger: logger}),
		},
		Accept: w.accept, VerifySRI: func(string, []byte) (bool, error) { return true, nil }, Logger: logger,
	})
	t.Cleanup(func() {
		tasks.Close()
		w.manager.Revoke()
	})
	return w
}

func (w *world) accept(p *plugin.Candidate, others []*plugin.Candidate) error {
	var units []*module.Unit
	for _, c := range append(others, p) {
		u, err := w.adapter.Unit(context.Background(), c)
		if err != nil {
			return err
		}
		units = append(units, u)
	}
	_, err := module.NewTable(units)
	return err
}

// write writes files; a name is relative to the directory of modules.
func (w *world) write(files map[string]string) {
	w.t.Helper()
	plugintest.Write(w.t, w.dir, files)
}

// load loads what changed and puts it in force.
func (w *world) load() plugin.Report {
	w.t.Helper()
	c, err := w.manager.Prepare(w.t.Context(), plugin.Settings{Modules: w.dir, Drain: time.Minute}, plugin.Reload{})
	if err != nil {
		w.t.Fatal(err)
	}
	var units []*module.Unit
	loaded := c.Loaded()
	for i := range loaded {
		u, err := w.adapter.Unit(w.t.Context(), &loaded[i])
		if err != nil {
			w.t.Fatal(err)
		}
		units = append(units, u)
	}
	table, err := module.NewTable(units)
	if err != nil {
		w.t.Fatal(err)
	}
	w.api.Swap(table)
	c.Commit()
	w.adapter.Keep(loaded)
	return c.Report()
}

// patient lets code take its time, on a machine that is busy.
const patient = "exports.manifest = {limits: {cpu: '60s', wall: '90s', queue: '60s', instances: {min: 1, max: 4}}};\n"

// module loads one module of one file and fails where it does not load.
func (w *world) module(code string) *world {
	w.t.Helper()
	w.write(map[string]string{"m.js": patient + code})
	if r := w.load(); len(r.Failed) > 0 {
		w.t.Fatalf("%+v", r.Failed)
	}
	return w
}

// ask sends "METHOD target", a JSON body where there is one, and headers "Name: value".
func (w *world) ask(line, body string, headers ...string) (*http.Response, string) {
	w.t.Helper()
	method, target, _ := strings.Cut(line, " ")
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		r.Header.Set(k, v)
	}
	rec := httptest.NewRecorder()
	w.srv.ServeHTTP(rec, r)
	data, err := io.ReadAll(rec.Result().Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return rec.Result(), strings.TrimSpace(string(data))
}

// expect compares status and a part of the body.
func (w *world) expect(line string, status int, part string) {
	w.t.Helper()
	if res, body := w.ask(line, ""); res.StatusCode != status || !strings.Contains(body, part) {
		w.t.Errorf("%s: %d %s, want %d %s\n%s", line, res.StatusCode, body, status, part, w.log)
	}
}
