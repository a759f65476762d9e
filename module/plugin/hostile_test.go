package plugin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// What middleware makes of a request and says of the answer reaches the handler and the client.
func TestMiddlewareEnriches_WC3(t *testing.T) {
	t.Parallel()
	w := newWorld(t).module(`
const allow = (req, res, next) => { res.set('Access-Control-Allow-Origin', '*'); next() }
const envelope = (req, res, next) => { req.body = req.body.data; next() }
exports['/open'] = {middleware: [allow, envelope], params: {x: {type: 'number'}}, handler: function (x, callback) { callback(x, 200, {'X-A': 'b'}) }}
`)
	for body, want := range map[string]int{`{"data":{"x":7}}`: 200, `{"data":{"x":"7"}}`: 400, `{"data":[1]}`: 400, `{"x":7}`: 400} {
		res, got := w.ask("POST /open", body)
		if res.StatusCode != want || want == 200 && (got != "7" || res.Header.Get("X-A") != "b") {
			t.Errorf("%s: %d %s", body, res.StatusCode, got)
		}
		if res.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: what middleware says of the answer is lost", body)
		}
	}
}

// tasks are operations that run longer than their requests.
const tasks = `
exports['/fixed'] = {longRunning: {appraise: 50000}, handler: function (callback) { setTimeout(() => callback(this.taskId), 300) }}
exports['/asked'] = {longRunning: {appraise: function (n, callback) { callback(n * 1000) }}, params: {n: {type: 'number'}}, handler: function (n, callback) {
  callback(new (require('webpoints').features.taskModel.AsyncProgressNotification)(90000))
  setTimeout(() => callback('asked'), +300)
}}
exports['/manual'] = {longRunning: 'manual', params: {ms: {type: 'number'}}, handler: function (ms, callback) {
  if (ms) this.request.detach(20000)
  setTimeout(() => callback('after ' + ms, 201), ms)
}}
exports.operations = {'/native': {longRunning: 'manual', async handler(_, request) { request.detach(); return 'native' }}}
`

func TestTasksOfCode_WF5_WC1(t *testing.T) {
	t.Parallel()
	w := newWorld(t).module(tasks)
	w.expect("POST /asked?n=301", 400, "5m1s")
	w.expect("POST /manual?ms=0", 201, "after 0")
	for line, want := range map[string]struct{ wait, answer string }{
		"POST /fixed": {"50", ""}, "POST /asked?n=100": {"10", "asked"}, "POST /manual?ms=300": {"20", "after 300"}, "POST /native": {"", "native"},
	} {
		res, url := w.ask(line, "")
		if res.StatusCode != http.StatusAccepted {
			t.Errorf("%s: %d %s", line, res.StatusCode, url)
			continue
		}
		if want.answer == "" {
			want.answer = strings.TrimPrefix(url, "/tasks/") // the handler answers the id of its task
		}
		waits := map[string]bool{}
		for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(10 * time.Millisecond) {
			res, body := w.ask("DELETE "+url, "")
			if res.StatusCode == http.StatusNoContent && time.Now().Before(deadline) {
				waits[res.Header.Get("Retry-After")] = true
				continue
			}
			if body != want.answer {
				t.Errorf("%s: %d %s, want %s", line, res.StatusCode, body, want.answer)
			}
			break
		}
		if len(waits) > 0 && want.wait != "" && !waits[want.wait] {
			t.Logf("%s: Retry-After %v, a busy machine may miss %s", line, waits, want.wait)
		}
	}
}

// Requests and answers that nobody expects.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(map[string]string{
		"m/module.yaml": limits(1) + "operations: {direct: {path: /direct, params: {what: {}}, handler: {js: direct}}}\n",
		"m/index.js": `
exports['/echo'] = {serialize: true, params: {a: {}}, handler: function (a, callback) { callback(a) }}
exports['/header'] = {params: {host: {isHeader: true}}, handler: function (host, callback) { callback(host + ' ' + this.request.header('host')) }}
exports['/accel'] = {handler: function (callback) { callback('seen', 200, {'x-accel-redirect': '/secret', 'Transfer-Encoding': 'gzip', 'X-Ok': 'a\r\nX-Injected: b'}) }}
exports['/late'] = {handler: function (callback) { callback('first'); throw new Error('too late') }}
exports['/cyclic'] = {handler: function (callback) { const a = {}; a.a = a; callback(a) }}
exports['/status'] = {params: {s: {deserialize: true}}, handler: function (s, callback) { callback('x', s) }}
exports['/rejects'] = {handler: async function () { throw null }}
exports.direct = ({params: {what}}) => ({status: {$status: 201, $headers: {'X-N': 5, 'X-List': ['a', 'b']}, $body: 'made'}, body: {$body: [1]}, bad: {$status: 'no'}, plain: {a: 1}})[what]
`,
	})
	if r := w.load(); len(r.Failed) > 0 {
		t.Fatal(r.Failed)
	}
	deep := strings.Repeat("[", 5000) + strings.Repeat("]", 5000)
	for _, tt := range []struct {
		name, line, body string
		status           int
		want, header     string
	}{
		{"deep", "POST /echo", `{"a":` + deep + `}`, 400, `"type":"invalid"`, ""},
		{"less deep", "POST /echo", `{"a":` + strings.Repeat("[", 90) + strings.Repeat("]", 90) + `}`, 200, "[[[", ""},
		{"prototype", "POST /echo", `{"a":{"__proto__":{"x":1}},"__proto__":{"a":2}}`, 200, `{"__proto__":{"x":1}}`, ""},
		{"no body after all", "POST /echo", ` `, 400, ``, ""},
		{"the host", "GET /header", "", 200, "example.com example.com", ""},
		{"nginx is not spoken to", "GET /accel", "", 200, "seen", "X-Accel-Redirect: "},
		{"the connection neither", "GET /accel", "", 200, "seen", "Transfer-Encoding: "},
		{"B-S5 throws after its answer", "GET /late", "", 200, "first", ""},
		{"cyclic answer", "GET /cyclic", "", 500, `"type":"internal"`, ""},
		{"status of a text", "GET /status?s=%22404%22", "", 200, "x", ""},
		{"status that is none", "GET /status?s=7", "", 500, `"type":"internal"`, ""},
		{"broken status", "GET /status?s=200.5", "", 500, `"type":"internal"`, ""},
		{"throws null", "GET /rejects", "", 500, `"type":"internal"`, ""},
		{"direct status", "GET /direct?what=status", "", 201, "made", "X-N: 5"},
		{"direct list", "GET /direct?what=status", "", 201, "made", "X-List: a"},
		{"direct body", "GET /direct?what=body", "", 200, "[1]", ""},
		{"direct nonsense", "GET /direct?what=bad", "", 500, `"type":"internal"`, ""},
		{"direct value", "GET /direct?what=plain", "", 200, `{"a":1}`, ""},
		{"direct nothing", "GET /direct?what=none", "", 200, ``, ""},
		{"still there", "GET /header", "", 200, "example.com", ""},
	} {
		res, body := w.ask(tt.line, tt.body)
		if res.StatusCode != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %d %.200s", tt.name, res.StatusCode, body)
		}
		if k, v, ok := strings.Cut(tt.header, ": "); ok && res.Header.Get(k) != v {
			t.Errorf("%s: %s: %q", tt.name, k, res.Header.Get(k))
		}
	}
}
