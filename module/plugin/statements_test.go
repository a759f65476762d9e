package plugin_test

import (
	"fmt"
	"strings"
	"testing"
)

// B-R1: a handler is bound in each subset that has its name; a name that none has is told and skipped.
func TestHandlers_BR1(t *testing.T) {
	t.Parallel()
	w := newWorld(t).module(`
exports.protocol = ['registry', 'build', 'health']
exports.makeBinderAPI = () => ({
  statusAll: api => api._success([]), status: api => api._success([]), fetch: api => api._success({name: 't'}), frobnicate: api => api._success(), note: 'no function',
})
exports.makeOtherRoutes = (app, auth) => { app.post('/stop', auth, (request, response) => response.send('stopped')) }`)
	const auth = "Authorization: KEY"
	for line, want := range map[string]int{
		"GET /builds/": 200, "GET /health/": 200, "GET /templates/t": 200, "GET /templates/": 404, "GET /builds/x": 500, "POST /stop": 200, "GET /frobnicate": 404,
	} {
		if res, body := w.ask(line, "", auth); res.StatusCode != want {
			t.Errorf("%s: %d %s", line, res.StatusCode, body)
		}
	}
	if res, _ := w.ask("POST /stop", ""); res.StatusCode != 401 {
		t.Errorf("a route beside the protocols is open: %d", res.StatusCode)
	}
	if n := strings.Count(w.log.String(), "handler=frobnicate"); n != 1 {
		t.Errorf("the unknown handler is told %d times", n)
	}
}

// G6b: a function or a hook that fails at first surfaces, and nothing of the module is there.
func TestFirstAttachFails_G6b(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const rest = "exports.value = 1; exports['/x'] = {handler () {}}"
	w.write(map[string]string{
		"hook.js": patient + "exports.attach = () => { throw new Error('out of order') };" + rest, "late.js": patient + "exports.attach = async () => { throw new Error('out of order') };" + rest,
		"made.js": patient + "module.exports = Object.assign(() => { throw new Error('out of order') }, {beside: 1, manifest: exports.manifest})", "good.js": patient + "exports.good = 1",
	})
	r := w.load()
	if fmt.Sprint(r.Reloaded) != "[good]" || len(r.Failed) != 3 {
		t.Fatalf("%+v", r)
	}
	for _, f := range r.Failed {
		if !strings.Contains(f.Error, "out of order") {
			t.Errorf("%s: %s", f.Name, f.Error)
		}
	}
	if keys := fmt.Sprint(w.api.Keys()); keys != "[good]" {
		t.Errorf("offered: %s", keys)
	}
	w.expect("GET /x", 404, "")
}

// D6, W-P1: arguments come in the order of the declaration, missing ones included; W-R1: the callback is the last.
func TestArguments_D6_WP1_WR1(t *testing.T) {
	t.Parallel()
	w := newWorld(t).module(`
exports['/order/:z'] = {params: {b: {default: null}, z: {}, a: {required: false}, 'x-h': {isHeader: true, default: 'h'}},
  handler: function (...args) { const callback = args.pop(); callback([args.length, ...args.map(a => a === undefined ? 'undefined' : a)], 203, {'X-A': ['b', 'c']}) }}`)
	res, body := w.ask("POST /order/1?b=2", "")
	if res.StatusCode != 203 || body != `[4,"2","1",null,"h"]` || fmt.Sprint(res.Header["X-A"]) != "[b c]" {
		t.Errorf("%d %s %v", res.StatusCode, body, res.Header)
	}
}

// W-C2: handlers share the environment, and none replaces it for others; W-C1: "this" is made anew for each request.
func TestEnvironment_WC1_WC2(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(map[string]string{"m/module.yaml": limits(1) + "config: {base: 5}\n", "m/index.js": `
exports.environment = {name: 'env', shared: {n: 0}}
exports['/set'] = {handler: function (callback) { this.name = 'other'; this.base = 6; this.added = 1; callback(++this.shared.n) }}
exports['/get'] = {handler: function (callback) { callback([this.name, this.base, this.added === undefined, this.request.method, this.taskId === undefined]) }}`})
	if r := w.load(); len(r.Failed) > 0 {
		t.Fatal(r.Failed)
	}
	w.expect("GET /set", 200, "1")
	w.expect("GET /set", 200, "2")
	w.expect("PUT /get", 200, `["env",5,true,"PUT",true]`)
}

// W-R8: the operation provider is asked once for each operation, and for nothing else.
func TestOperationProvider_WR8(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(map[string]string{"m/module.yaml": limits(1), "m/index.js": `
const app = new (require('webpoints').Application)({})
const asked = []
app.createOperation = function (url, descriptor) {
  asked.push(url)
  return url === '/a' ? {handler: function (callback) { callback('replaced') }} : descriptor
}
app.operations['/a'] = {handler: function (callback) { callback('a') }}
app.operations.load({'/asked': {handler: function (callback) { callback(asked) }}})
app.run()`})
	if r := w.load(); len(r.Failed) > 0 {
		t.Fatal(r.Failed)
	}
	w.expect("GET /a", 200, "replaced")
	w.expect("GET /asked", 200, `["/a","/asked"]`)
}

// W-B1, W-F4: bodies are parsed for every method but GET, also beside middleware, unless parseBody says no.
func TestBodies_WB1_WF4(t *testing.T) {
	t.Parallel()
	w := newWorld(t).module(`
const handler = function (a, callback) { callback([a, this.request.body === undefined]) }
exports['/default'] = {params: {a: {default: 'none'}}, handler}
exports['/empty'] = {middleware: [], params: {a: {default: 'none'}}, handler}
exports['/beside'] = {middleware: [(req, res, next) => next()], params: {a: {default: 'none'}}, handler}
exports['/not'] = {parseBody: false, params: {a: {default: 'none'}}, handler}`)
	for line, want := range map[string]string{
		"POST /default": `["x",false]`, "DELETE /default": `["x",false]`, "GET /default": `["none",true]`, "PUT /empty": `["x",false]`,
		"POST /beside": `["x",false]`, "POST /not": `["none",true]`,
	} {
		if res, body := w.ask(line, `{"a":"x"}`); res.StatusCode != 200 || body != want {
			t.Errorf("%s: %d %s, want %s", line, res.StatusCode, body, want)
		}
	}
	if res, body := w.ask("PATCH /empty", "a=x", "Content-Type: application/x-www-form-urlencoded"); body != `["x",false]` {
		t.Errorf("a form: %d %s", res.StatusCode, body)
	}
	if res, _ := w.ask("POST /not", `{"a":`); res.StatusCode != 200 {
		t.Errorf("what is not parsed cannot be malformed: %d", res.StatusCode)
	}
}
