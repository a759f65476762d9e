package daemon_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/crowd"
	"github.com/registryd/registryd/internal/daemon"
	"github.com/registryd/registryd/module"
	"github.com/registryd/registryd/operation"
	"github.com/registryd/registryd/plugin/plugintest"
)

// goModule is a module in Go that says how often it was made.
type goModule struct{ n int64 }

func (g goModule) Operations() []module.Operation {
	return []module.Operation{{
		Descriptor: operation.Descriptor{Name: "count", Path: "/go/{x}", Method: "GET", Params: []operation.Param{{Name: "x", Type: "integer"}}},
		Implementation: operation.Implementation{Handle: func(_ context.Context, c *operation.Call) (operation.Answer, error) {
			return operation.Answer{Value: map[string]any{"made": g.n, "x": c.Number("x")}}, nil
		}},
	}}
}

// patient lets code take its time, on a machine that is busy.
const patient = "exports.manifest = {limits: {cpu: '60s', wall: '90s', queue: '60s'}};\n"

// modules writes files below the directory of modules.
func (f *fixture) modules(files map[string]string) {
	f.t.Helper()
	plugintest.Write(f.t, filepath.Join(f.dir, "modules"), files)
}

func operate(s http.Handler, method, target string, headers ...string) (int, string) {
	r := httptest.NewRequest(method, target, nil)
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	data, _ := io.ReadAll(w.Result().Body)
	return w.Code, strings.TrimSpace(string(data))
}

// counting starts a server with the module counter, and counts how often that is made.
func (f *fixture) counting() (s *daemon.Server, made *atomic.Int64) {
	f.t.Helper()
	made = &atomic.Int64{}
	o := f.options()
	o.Modules = map[string]module.Factory{"counter": func(context.Context) (module.Module, error) { return goModule{made.Add(1)}, nil }}
	return f.serverOf(o), made
}

// Modules in Go, in JavaScript and of declarations alone, served by one daemon, reloaded by name, all at once, and
// kept where the new is broken.
func TestModules_GN1_GN3_D13(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.modules(map[string]string{
		"calc.js":          patient + `exports['/sum'] = {method: 'get', params: {x: {type: 'number'}, y: {type: 'number'}}, handler: (x, y, callback) => callback(x + y)}`,
		"site/module.yaml": "description: a site\noperations:\n  /site: {handler: {static: public, maxAge: 60000}}\n  secret: {path: /secret, auth: key, handler: {static: public}}\n",
		"site/public/a":    "A",
	})
	f.write("modules: {dir: modules, api_key: KEYKEYKEY}\n")
	s, _ := f.counting()
	expect := func(target string, want int, part string, headers ...string) {
		t.Helper()
		if code, body := operate(s, http.MethodGet, target, headers...); code != want || !strings.Contains(body, part) {
			t.Errorf("%s: %d %s, want %d %s", target, code, body, want, part)
		}
	}
	expect("/api/modules/sum?x=1&y=2", 200, "3")
	expect("/api/modules/go/7", 200, `{"made":1,"x":7}`)
	expect("/api/modules/go/a", 400, `"param":"x"`)
	expect("/api/modules/site/a", 200, "A")
	expect("/api/modules/secret/a", 401, "unauthorized")
	expect("/api/modules/secret/a", 200, "A", "Authorization: KEYKEYKEY")
	expect("/api/modules/", 200, "/api/modules/sum")
	expect("/api/modules/openapi.json", 200, `"counter.count"`)
	expect("/-/metrics", 200, `registryd_operation_requests_total{module="calc",operation="/sum",outcome="ok"} 1`)

	f.modules(map[string]string{"calc.js": patient + `exports['/sum'] = {synchronous: true, params: {x: {type: 'number'}}, handler: x => x * 100}`})
	r := report(t, s, "?filter=calc")
	if got := fmt.Sprint(r.Reloaded, r.Kept); got != "[calc] [counter]" && got != "[calc] [counter site]" {
		t.Errorf("reloaded, kept: %s", got)
	}
	expect("/api/modules/sum?x=1", 200, "100")
	expect("/api/modules/go/7", 200, `"made":1`)

	for name, code := range map[string]string{"broken": "exports['/sum'] = {", "conflict": `exports['/go/:y'] = {handler () {}}`} {
		f.modules(map[string]string{"calc.js": code})
		if r := report(t, s, "?filter=calc"); len(r.Failed) != 1 || r.Failed[0].Name != "calc" {
			t.Errorf("%s: %+v", name, r)
		}
		expect("/api/modules/sum?x=1", 200, "100")
	}
	if err := os.Remove(filepath.Join(f.dir, "modules", "calc.js")); err != nil {
		t.Fatal(err)
	}
	if r := report(t, s, ""); fmt.Sprint(r.Removed) != "[calc]" {
		t.Errorf("%+v", r)
	}
	expect("/api/modules/sum?x=1", 404, "")
	expect("/api/modules/go/7", 200, `"made":2`)
	var status struct{ Modules []map[string]any }
	w := admin(s, http.MethodGet, "modules")
	if err := json.Unmarshal(w.Body.Bytes(), &status); err != nil || len(status.Modules) != 2 {
		t.Fatalf("G-N4: %s %v", w.Body, err)
	}
	if m := status.Modules[0]; m["name"] != "counter" || m["engine"] != "go" || m["kind"] != "module" || m["generation"] != 2.0 || m["calls"] != 4.0 || m["drained"] != 1.0 || m["in_flight"] != 0.0 {
		t.Errorf("G-N4: %v", m)
	}
	expect("/-/metrics", 200, `registryd_plugin_generation{plugin="counter"} 2`)
	if m := status.Modules[1]; m["name"] != "site" || m["engine"] != "data" {
		t.Errorf("G-N4: %v", m)
	}
}

// W-F3, W-F6: a module is switched off and on while it runs, whatever it is written in, and no reload changes that.
func TestModulesSwitched_WF3_WF6(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.modules(map[string]string{"calc.js": patient + `exports['/one'] = {synchronous: true, handler: () => 1}`, "site/module.yaml": "operations: {/site: {handler: {static: .}}}\n", "site/a": "A"})
	f.write("modules: {dir: modules}\n")
	s, _ := f.counting()
	paths := map[string]string{"calc": "one", "counter": "go/7", "site": "site/a"}
	for off := range paths {
		if w := admin(s, http.MethodPost, "modules?name="+off+"&enabled=0"); w.Code != 200 || strings.Count(w.Body.String(), `"disabled":true`) != 1 {
			t.Errorf("switch %s off: %d %s", off, w.Code, w.Body)
		}
		report(t, s, "?force=1")
		for name, path := range paths {
			want := 200
			if name == off {
				want = 404
			}
			if code, body := operate(s, http.MethodGet, "/api/modules/"+path); code != want {
				t.Errorf("while %s is off: %s: %d %s", off, path, code, body)
			}
		}
		if w := admin(s, http.MethodPost, "modules?name="+off+"&enabled=1"); w.Code != 200 || strings.Contains(w.Body.String(), `"disabled":true`) {
			t.Errorf("switch %s on: %d %s", off, w.Code, w.Body)
		}
	}
	for query, want := range map[string]int{"name=none&enabled=0": 404, "name=calc": 400} {
		if w := admin(s, http.MethodPost, "modules?"+query); w.Code != want {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}

// panicking is a module in Go whose task ends by a panic.
type panicking struct{}

func (panicking) Operations() []module.Operation {
	return []module.Operation{{
		Descriptor: operation.Descriptor{Path: "/job", LongRunning: &operation.LongRunning{}},
		Implementation: operation.Implementation{Handle: func(context.Context, *operation.Call) (operation.Answer, error) {
			panic("out of order")
		}},
	}}
}

// A task that panics stands in the log, also where nobody asks after it.
func TestPanickingTask_WR6(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("modules: {}\n")
	o := f.options()
	o.Modules = map[string]module.Factory{"jobs": func(context.Context) (module.Module, error) { return panicking{}, nil }}
	s := f.serverOf(o)
	if code, body := operate(s, http.MethodPost, "/api/modules/job"); code != 202 {
		t.Fatalf("%d %s", code, body)
	}
	if line := f.screen.await(t, "task failed"); !strings.Contains(line, "out of order") {
		t.Error(line)
	}
}

// G-N2: modules are reloaded while many ask, every fifth time with broken code, and no request fails.
func TestModulesUnderLoad_GN2(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	code := func(n int) map[string]string {
		return map[string]string{"m.js": fmt.Sprintf(patient+`exports['/n'] = {synchronous: true, params: {x: {type: 'number', default: %d}}, handler: x => [x, %d]}`, n, n)}
	}
	f.modules(code(0))
	f.write("modules: {dir: modules}\n")
	s := f.server()
	var failed atomic.Pointer[string]
	stop := crowd.Start(8, func(int, int) {
		status, body := operate(s, http.MethodGet, "/api/modules/n")
		var pair []int
		if err := json.Unmarshal([]byte(body), &pair); status != 200 || err != nil || len(pair) != 2 || pair[0] != pair[1] {
			text := fmt.Sprint(status, " ", body)
			failed.Store(&text)
		}
	})
	for n := range 5 {
		next := code(n)
		if n%5 == 4 {
			next["m.js"] = "exports['/n'] = {"
		}
		f.modules(next)
		admin(s, http.MethodPost, "reload?filter=m")
	}
	stop()
	if text := failed.Load(); text != nil {
		t.Errorf("a request got %s", *text)
	}
}

// G-N1: with modules.watch a change of a file is taken over, and modules.listen serves modules at "/".
func TestModulesWatched_GN1_D13(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.modules(map[string]string{"m.js": patient + "exports['/n'] = {handler: callback => callback('old')}\nexports['/job'] = {longRunning: true, handler: callback => callback('done')}"})
	f.write("modules: {dir: modules, watch: true, listen: 127.0.0.1:0}\n")
	d := f.run()
	f.screen.await(t, "modules are served at / too")
	_, rest, _ := strings.Cut(f.screen.String(), "modules are served at / too\" address=")
	base := "http://" + strings.Fields(rest)[0]
	get := func(method, url string) (int, string) {
		t.Helper()
		r, err := http.NewRequest(method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		data, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(data)
	}
	if code, body := get("GET", base+"/n"); code != 200 || body != "old" {
		t.Errorf("at its own listener: %d %s", code, body)
	}
	for root, want := range map[string]string{base + "/": "/tasks/", d.url + "/api/modules/": "/api/modules/tasks/"} {
		if code, task := get("POST", root+"job"); code != 202 || !strings.HasPrefix(task, want) {
			t.Errorf("%s: %d, the task is at %s", root, code, task)
		}
	}
	f.modules(map[string]string{"m.js": patient + "exports['/n'] = {handler: callback => callback('new')}"})
	deadline := time.Now().Add(patience)
	for {
		if _, body := get("GET", d.url+"/api/modules/n"); body == "new" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the change was never taken over")
		}
		time.Sleep(50 * time.Millisecond)
	}
}
