package plugin_test

import (
	"strings"
	"testing"
	"time"
)

// The example of the document, as it stands.
func TestSum_WP1_WR1(t *testing.T) {
	t.Parallel()
	w := newWorld(t).module(`exports['/sum'] = {method: 'get', params: {x: {schema: {type: 'number'}}, y: {schema: {type: 'number'}}}, handler: function (x, y, callback) { callback(x + y) }}`)
	w.expect("GET /sum?x=2&y=3.5", 200, "5.5")
	w.expect("GET /sum?x=2&y=a", 400, `"param":"y"`)
	w.expect("GET /sum?y=3", 400, `"param":"x"`)
	w.expect("POST /sum?x=2&y=3", 405, "")
}

// The relatives of the example: one module with all of them.
const relatives = `
var parameters = require('webpoints').parameters
exports['/hello'] = {method: 'get', handler: function (callback) { callback('Hello, world!') }}
exports['/json'] = {method: 'GET', serialize: true, params: {a: {deserialize: true, 'default': 0}}, handler: function (a, callback) { callback({a: a}) }}
exports['/function'] = {params: {a: {}}, serialize: function (value) { this.setHeader('X-By', 'function'); this.status(202); this.type('xml').send('<a>' + value + '</a>') }, handler: function (a, callback) { callback(a, 500, {'X-Not': 'passed'}) }}
exports['/status'] = {serialize: true, handler: function (callback) { callback({made: 1}, 201, {'X-A': 'b', Location: '/made/1'}) }}
exports['/conflict'] = {serialize: true, handler: function (callback) { callback('taken', 409) }}
exports['/bytes'] = {handler: function (callback) { callback(new Uint8Array([104, 105])) }}
exports['/nothing'] = {handler: function (callback) { callback() }}
exports['/custom'] = function (request, response) { response.status(203).set('X-M', request.method).send(request.param('q') + this.NAME) }
exports['/posted'] = function (request, response) { response.json(request.body) }
exports['/posted'].method = 'post'
exports['/factory'] = {method: 'get', createOperation: function () { return function (request, response) { response.end('made') } }}
exports['/none'] = {createOperation: function () {}}
exports['/env'] = {handler: function (callback) { callback(this.NAME + ' ' + this.request.method) }}
exports['/header'] = {params: {'x-trace': {isHeader: true, default: 'none'}}, handler: function (trace, callback) { callback(trace) }}
exports['/template'] = {serialize: true, params: {n: new parameters.NumberParam(), s: new parameters.StringParam('d'), u: new parameters.UnionParam('integer', 'boolean')}, handler: function (n, s, u, callback) { callback([n, s, u]) }}
exports['/schema'] = {params: {o: {deserialize: true, schema: {type: 'object', properties: {a: {type: 'integer', required: true}}}}}, handler: function (o, callback) { callback(o) }}
exports['/upper'] = {params: {t: {deserialize: function (text) { if (text === 'bad') throw new Error('secret'); return text.toUpperCase() }, schema: {enum: ['A', 'B']}}}, handler: function (t, callback) { callback(t) }}
exports['/guarded'] = {middleware: [function (req, res, next) { if (req.header('x-pass') !== 'yes') return res.status(403).send('Forbidden'); req.user = {name: 'u'}; next() }],
  params: {a: {}}, handler: function (a, callback) { callback(a + this.request.user.name) }}
exports['/user/:id/:part'] = {method: 'delete', params: {id: {schema: 'integer'}, part: {}}, handler: function (id, part, callback) { callback([id, part]) }}
exports['/sync'] = {synchronous: true, params: {x: {type: 'number'}}, handler: function (x) { return x * 2 }}
exports['/promise'] = {params: {x: {type: 'number'}}, handler: async function (x) { await new Promise(ok => setTimeout(ok, 1)); return {x} }}
exports['/twice'] = {handler: function (callback) { callback('first'); callback('second') }}
exports['/throw'] = {handler: function explode(callback) { throw new Error('secret text') }}
exports['/never'] = {handler: function (callback) {}}
exports['/files'] = 'public'
exports['/aged'] = {path: 'public', maxAge: 60000}
exports['/younger'] = {path: 'public', maxAge: '30000'}
Object.assign(exports, require('./more'))
exports.environment = {NAME: 'env'}
`

func TestRelatives_WK_WP_WR_WC(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code := strings.ReplaceAll(relatives, "'/user/:id", "'/people/:id")
	w.write(map[string]string{
		"m/index.js": code, "m/plugin.yaml": "limits: {cpu: 60s, wall: 90s, queue: 60s}", "m/more.js": "exports['/more'] = {handler: function (callback) { callback('more') }}",
		"m/public/a.txt": "text", "m/public/index.html": "<p>i",
	})
	if r := w.load(); len(r.Failed) > 0 {
		t.Fatal(r.Failed)
	}
	for _, tt := range []struct {
		name, line, body, header string
		status                   int
		want, answered           string // the body; a header of the answer
	}{
		{"W-R2 text", "GET /hello", "", "", 200, "Hello, world!", "Content-Type: text/plain; charset=utf-8"},
		{"W-R3 JSON", "GET /json?a=[1]", "", "", 200, `{"a":[1]}`, "Content-Type: application/json; charset=utf-8"},
		{"W-P4 default", "GET /json", "", "", 200, `{"a":0}`, ""},
		{"W-R4 function", "GET /function?a=b", "", "", 202, "<a>b</a>", "X-By: function"},
		{"W-R4 no status, no headers", "GET /function?a=b", "", "", 202, "<a>b</a>", "X-Not: "},
		{"W-R5 status", "GET /status", "", "", 201, `{"made":1}`, "Location: /made/1"},
		{"W-R3 above 300", "GET /conflict", "", "", 409, "taken", "Content-Type: text/plain; charset=utf-8"},
		{"W-R3 bytes", "GET /bytes", "", "", 200, "hi", "Content-Type: application/octet-stream"},
		{"W-R2 nothing", "GET /nothing", "", "", 200, "", ""},
		{"W-K2 custom", "PUT /custom?q=a", "", "", 203, "aenv", "X-M: PUT"},
		{"W-K2 marked", "GET /posted", "", "", 405, "", "Allow: POST"},
		{"W-K2 body", "POST /posted", `{"a":1}`, "", 200, `{"a":1}`, ""},
		{"W-K4 factory", "GET /factory", "", "", 200, "made", ""},
		{"W-K4 no route", "GET /none", "", "", 404, "", ""},
		{"W-C1 environment", "GET /env", "", "", 200, "env GET", ""},
		{"W-P3 header", "GET /header", "", "X-Trace: t", 200, "t", ""},
		{"W-P5 default of a header", "GET /header", "", "", 200, "none", ""},
		{"W-P11 templates", "GET /template?n=1&u=true", "", "", 200, `[1,"d",true]`, ""},
		{"W-P11 violated", "GET /template?n=a&u=true", "", "", 400, `"param":"n"`, ""},
		{"W-P8 schema", "GET /schema?o=%7B%22a%22:1%7D", "", "", 200, `{"a":1}`, ""},
		{"W-P8 violated", "GET /schema?o=%7B%7D", "", "", 400, `"param":"o"`, ""},
		{"W-P7 function", "GET /upper?t=a", "", "", 200, "A", ""},
		{"W-P7 checked after", "GET /upper?t=c", "", "", 400, `"param":"t"`, ""},
		{"W-P7 throws", "GET /upper?t=bad", "", "", 400, `"param":"t"`, ""},
		{"W-C3 ends", "GET /guarded?a=x", "", "", 403, "Forbidden", ""},
		{"W-C3 enriches", "GET /guarded?a=x", "", "X-Pass: yes", 200, "xu", ""},
		{"W-K6 placeholders", "DELETE /people/7/x%20y", "", "", 200, `[7,"x y"]`, ""},
		{"W-F1 synchronous", "GET /sync?x=4", "", "", 200, "8", ""},
		{"promise", "GET /promise?x=4", "", "", 200, `{"x":4}`, ""},
		{"B-S5 once", "GET /twice", "", "", 200, "first", ""},
		{"W-R6 throws", "GET /throw", "", "", 500, `{"type":"internal","error":"internal error"}`, ""},
		{"never answers", "GET /never", "", "", 500, `"type":"internal"`, ""},
		{"W-K1 static", "GET /files/a.txt", "", "", 200, "text", ""},
		{"W-K1 index", "GET /files", "", "", 200, "<p>i", ""},
		{"W-K1 maxAge", "GET /aged/a.txt", "", "", 200, "text", "Cache-Control: public, max-age=60"},
		{"W-K1 maxAge as text", "GET /younger/a.txt", "", "", 200, "text", "Cache-Control: public, max-age=30"},
		{"W-C4 from a file", "GET /more", "", "", 200, "more", ""},
		{"W-K6 HEAD", "HEAD /hello", "", "", 200, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var headers []string
			if tt.header != "" {
				headers = append(headers, tt.header)
			}
			res, body := w.ask(tt.line, tt.body, headers...)
			if res.StatusCode != tt.status || !strings.Contains(body, tt.want) || tt.want == "" && body != "" && tt.status == 200 {
				t.Errorf("%d %s", res.StatusCode, body)
			}
			if k, v, ok := strings.Cut(tt.answered, ": "); ok && res.Header.Get(k) != v {
				t.Errorf("%s: %q", k, res.Header.Get(k))
			}
			if strings.Contains(body, "secret") {
				t.Errorf("it leaks: %s", body)
			}
		})
	}
	if text := w.log.String(); !strings.Contains(text, "secret text") || !strings.Contains(text, "index.js:") {
		t.Error("the log has no trace of what was thrown")
	}
}

// The examples of the original's repository, with require as it stands.
func TestApplication_WC4_WC5_WC6_WC7_WR7(t *testing.T) {
	t.Parallel()
	w := newWorld(t).module(`
var WebPoints = require('webpoints')
var Application = WebPoints.Application, SyncHandler = WebPoints.SyncHandler, NumberParam = WebPoints.parameters.NumberParam
var app = new Application({name: 'app'})
app.operations['/sum'] = {method: 'get', serialize: true, params: {x: new NumberParam(), y: new NumberParam()}, handler: SyncHandler(function(x, y){ return x + y; })}
app.operations['/div'] = {
	method: 'get', serialize: true, params: {x: {deserialize: true}, y: {deserialize: true}},
	handler: WebPoints.ContractHandler({
		requires: function(x, y, callback){ callback(y != 0, 'Denominator cannot be zero.'); },
		handler: function(x, y, callback){ callback(x / y); },
		ensures: function(x, y, result, callback){ callback(result[0] < 100); }
	})
}
app.endpoints['named'] = {handler: function(callback){ callback(this.name); }}
app.operations['/help'] = new WebPoints.helpProviders.DefaultHelpProvider(app.operations)
app.operations.load({'/loaded': {handler: function(callback){ callback('loaded'); }}})
app.configurations['development'] = {'/loaded': {handler: function(callback){ callback('development'); }}}
app.createOperation = function (url, descriptor) { return url === '/named' ? {handler: function (callback) { callback('provided') }} : descriptor }
app.createResponseCallback = function (operation, response) { return function (value) { response.set('X-Provider', 'mine').json({value: value}) } }
app.run(3000)
`)
	w.expect("GET /sum?x=1&y=2", 200, `{"value":3}`)
	w.expect("GET /div?x=10&y=4", 200, `{"value":2.5}`)
	w.expect("GET /div?x=10&y=0", 412, "Denominator cannot be zero.")
	w.expect("GET /div?x=1000&y=1", 400, "postcondition")
	w.expect("GET /help", 200, "/sum x y")
	w.expect("GET /named", 200, `{"value":"provided"}`)
	w.expect("GET /loaded", 200, `{"value":"development"}`)
	if res, _ := w.ask("GET /sum?x=1&y=2", ""); res.Header.Get("X-Provider") != "mine" {
		t.Error("W-R7: the response provider was not asked")
	}
}

func TestLongRunning_WF5(t *testing.T) {
	t.Parallel()
	w := newWorld(t).module(`exports['/job'] = {longRunning: true, handler: function (callback) { setTimeout(function () { callback('done', 201) }, 5) }}`)
	res, url := w.ask("POST /job", "")
	if res.StatusCode != 202 || !strings.HasPrefix(url, "/tasks/") {
		t.Fatalf("%d %s", res.StatusCode, url)
	}
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		res, body := w.ask("DELETE "+url, "")
		if res.StatusCode == 204 && time.Now().Before(deadline) {
			continue
		}
		if res.StatusCode != 201 || body != "done" {
			t.Errorf("%d %s", res.StatusCode, body)
		}
		break
	}
	w.expect("GET "+url, 404, "")
}

func TestBadModules_WK5(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"exports['/x'] = 5": "/x is no operation",
		"exports['/x'] = {method: 'fly', handler () {}}":                            "method",
		"exports['/x'] = {path: '.', maxAge: 'soon'}":                               "maxAge",
		"exports['/x'] = {params: {a: {schema: {type: 'x'}}}, handler () {}}":       "parameter a",
		"exports['/tasks/x'] = {handler () {}}":                                     "reserved",
		"exports['/a/:x'] = {handler () {}}; exports['/a/b'] = {handler () {}}":     "collides",
		"exports['/x'] = 'nowhere'":                                                 "static",
		"exports.protocol = 'none'; exports.makeBinderAPI = () => ({status () {}})": "no protocol",
		"": "declares no operation",
	} {
		w := newWorld(t)
		w.write(map[string]string{"m.js": patient + code})
		if r := w.load(); len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Error, want) {
			t.Errorf("%s: %+v", code, r)
		}
	}
}
