package plugin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/plugin/plugintest"
)

// TestMain is also the program of the process module.
func TestMain(m *testing.M) {
	plugintest.Program(answers)
	os.Exit(m.Run())
}

const described = `{"exports": {"values": {"limits": [1]}, "functions": ["greet"], "operations": {
  "/double": {"method": "GET", "params": {"x": {"type": "number"}}, "errors": {"tooLarge": {"status": 409, "msg": "{x} is too large"}}},
  "named": {"path": "/named/{id}", "handler": {"code": "other"}, "params": {"id": {"in": "path"}}}}}}`

// answers are those of a module in any language.
func answers() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/describe", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, described) })
	mux.HandleFunc("POST /v1/op", func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			Op   string
			Args []struct{ Params map[string]any }
		}
		_ = json.NewDecoder(r.Body).Decode(&q)
		switch x, _ := q.Args[0].Params["x"].(float64); {
		case q.Op == "other":
			fmt.Fprintf(w, `{"result": {"$status": 201, "$headers": {"X-Id": %q}, "$body": "made"}}`, q.Args[0].Params["id"])
		case q.Op == "greet":
			fmt.Fprint(w, `{"result": "hello"}`)
		case x > 100:
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprint(w, `{"error": {"name": "tooLarge", "message": "secret", "public": true}}`)
		case x < 0:
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprint(w, `{"error": {"name": "Error", "message": "secret"}}`)
		default:
			fmt.Fprintf(w, `{"result": %v}`, 2*x)
		}
	})
	mux.HandleFunc("POST /v1/{hook}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") })
	return mux
}

func TestProcessModule(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.write(map[string]string{"p/plugin.yaml": fmt.Sprintf("engine: process\ncommand: [%q]\nlimits: {wall: 90s, queue: 60s}\n", self)})
	if r := w.load(); len(r.Failed) > 0 {
		t.Fatal(r.Failed)
	}
	w.expect("GET /double?x=4", 200, "8")
	w.expect("GET /double?x=a", 400, `"param":"x"`)
	w.expect("GET /double?x=200", 409, `{"type":"tooLarge","error":"200 is too large"}`)
	w.expect("GET /double?x=-1", 500, `{"type":"internal","error":"internal error"}`)
	if res, body := w.ask("PUT /named/7", ""); res.StatusCode != 201 || body != "made" || res.Header.Get("X-Id") != "7" {
		t.Errorf("%d %s %q", res.StatusCode, body, res.Header.Get("X-Id"))
	}
	if v, err := w.api.Call(t.Context(), "greet", json.RawMessage("{}")); string(v) != `"hello"` || err != nil {
		t.Errorf("%s %v", v, err)
	}
}

const native = `
exports.manifest = {limits: {cpu: '60s', wall: '90s', queue: '60s', instances: {min: 1, max: 4}}, config: {base: 5}}
exports.operations = {
  '/items/{id}': {
    method: 'GET', params: {id: {in: 'path', type: 'integer'}, q: {in: 'query', required: false}},
    errors: {notFound: {status: 404, msg: 'no item {id}'}}, response: {serialize: 'json', body: {id: 'integer'}},
    handler({id, q}, request) {
      if (id === 404) throw new HttpError('notFound', 'secret')
      if (id === 403) deny(403, 'not for you')
      if (id === 500) throw new HttpError('other', 'secret')
      if (id === 1) return {no: 'id'}
      return {id: id + this.base, q, method: request.method}
    },
  },
  '/bare': {handler(params, request) { return [Object.keys(params).length, request.method] }},
}
exports.hello = function (name) { return 'hello ' + name }
exports.colours = ['red', {a: 1}]
`

func TestNativeModule(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(map[string]string{"m.js": native})
	if r := w.load(); len(r.Failed) > 0 {
		t.Fatal(r.Failed)
	}
	w.expect("GET /items/7?q=a", 200, `{"id":12,"q":"a","method":"GET"}`)
	w.expect("GET /items/x", 400, `"param":"id"`)
	w.expect("GET /items/404", 404, `{"type":"notFound","error":"no item 404"}`)
	w.expect("GET /items/403", 403, `{"type":"forbidden","error":"not for you"}`)
	w.expect("GET /items/500", 500, `{"type":"internal","error":"internal error"}`)
	w.expect("PUT /bare", 200, `[0,"PUT"]`)
	w.expect("GET /items/1", 500, `{"type":"badResponse","error":"the answer lacks id"}`)
	t.Run("G8 hooks and operations are no keys", func(t *testing.T) {
		if got := strings.Join(w.api.Keys(), " "); got != "colours hello" {
			t.Error(got)
		}
	})
	t.Run("G15 functions", func(t *testing.T) {
		if v, err := w.api.Call(t.Context(), "hello", json.RawMessage(`"you"`)); string(v) != `"hello you"` || err != nil {
			t.Errorf("%s %v", v, err)
		}
	})
	t.Run("G27 values", func(t *testing.T) {
		if got := string(w.api.Get("colours")); got != `["red",{"a":1}]` {
			t.Error(got)
		}
	})
	t.Run("G17 gone after a reload", func(t *testing.T) {
		w.module("exports.other = 1")
		if _, err := w.api.Call(t.Context(), "hello"); !errors.Is(err, outcome.NotFound) {
			t.Error(err)
		}
	})
}

// G4, G5, G6, G7: a static module is visible as it is; an exported function is called once with the context, what it
// returns is the module, and its attach hook follows.
func TestFunctionExport_G4_G5_G6_G7_G11_G13_GN5(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(map[string]string{"f.js": `
module.exports = function (ctx) {
  const calls = []
  return {
    attach(c) { calls.push(c.name) },
    detach() {},
    '/calls': {handler: callback => callback([ctx.name, ...calls])},
    made: ctx.name,
  }
}
module.exports.manifest = {limits: {cpu: '60s', wall: '90s', queue: '60s', instances: {min: 1, max: 4}}}
module.exports.beside = true
`, "static.js": patient + "exports.list = [1]"})
	if r := w.load(); len(r.Failed) > 0 {
		t.Fatal(r.Failed)
	}
	w.expect("GET /calls", 200, `["f","f"]`)
	if got := strings.Join(w.api.Keys(), " "); got != "beside list made" {
		t.Error(got)
	}
	w.write(map[string]string{"g.js": patient + "module.exports = async function () {}", "h.js": patient + "exports.list = [2]"})
	r := w.load()
	if len(r.Failed) != 2 || !strings.Contains(r.Failed[0].Error, "asynchronous") || !strings.Contains(r.Failed[1].Error, `"list"`) {
		t.Errorf("G11, G13: %+v", r.Failed)
	}
}

// Declarations beside code, whose handlers are named, and without any.
func TestModuleFile_D9(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(map[string]string{
		"a/module.yaml": "module: named\ndescription: says things\nlimits: {cpu: 60s, wall: 90s, queue: 60s}\noperations:\n  say: {path: /say/:what, params: {what: {in: path}}, handler: {js: say}}\n",
		"a/index.js":    "exports.say = ({params, request}) => params.what + ' by ' + request.method",
		"b/module.yaml": "operations:\n  /b: {handler: {static: .}}\n",
		"b/x.txt":       "X",
	})
	if r := w.load(); len(r.Failed) > 0 || strings.Join(r.Reloaded, " ") != "b named" {
		t.Fatal(r)
	}
	w.expect("GET /say/hi", 200, "hi by GET")
	w.expect("GET /b/x.txt", 200, "X")
	w.expect("GET /", 200, "says things")
	if got := len(w.api.Keys()); got != 0 {
		t.Errorf("a handler that is named is offered: %d", got)
	}
	w.write(map[string]string{"b/module.yaml": "operations:\n  /b: {handler: {js: none}}\n", "c/module.yaml": "operations: {/c: {}}\nunknown: 1\n"})
	r := w.load()
	if len(r.Failed) != 2 || !strings.Contains(r.Failed[0].Error, "there is no code") || !strings.Contains(r.Failed[1].Error, "unknown") {
		t.Errorf("%+v", r.Failed)
	}
	w.expect("GET /b/x.txt", 200, "X")
}
