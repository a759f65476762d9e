package plugin_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/testenv"
)

// sample loads the protocol module of the samples, whose builds end at once where buildTime is 0.
func sample(t *testing.T, buildTime string) *world {
	t.Helper()
	w := newWorld(t)
	for _, name := range []string{"index.js", "module.yaml"} {
		data, err := os.ReadFile(filepath.Join("../../sample/modules/binder", name))
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		if name == "module.yaml" {
			text = strings.ReplaceAll(text, "buildTime: 1500", "buildTime: "+buildTime) + "limits: {cpu: 60s, wall: 90s, queue: 60s}\n"
		}
		w.write(map[string]string{"binder/" + name: text})
	}
	if r := w.load(); len(r.Failed) > 0 {
		t.Fatal(r.Failed)
	}
	return w
}

// The calculator of the samples, as the manual shows it.
func TestCalcSample(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	code, err := os.ReadFile("../../sample/modules/calc.js")
	if err != nil {
		t.Fatal(err)
	}
	w.write(map[string]string{"calc.js": string(code)})
	if r := w.load(); len(r.Failed) > 0 {
		t.Fatal(r.Failed)
	}
	for _, tt := range []struct {
		line   string
		status int
		want   string
	}{
		{"GET /sum?x=1&y=2", 200, `3`},
		{"GET /sum?x=1", 200, `1`},
		{"GET /divide?x=1&y=4", 200, `0.25`},
		{"GET /divide?x=1&y=0", 400, `"param":"y"`},
	} {
		if res, body := w.ask(tt.line, ""); res.StatusCode != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%s: %d %s\n%s", tt.line, res.StatusCode, body, w.log)
		}
	}
}

// The session of the contract's examples, on the module in the samples.
func TestBinderSample(t *testing.T) {
	t.Parallel()
	running, done := sample(t, "100000000"), sample(t, "0")
	const auth = "Authorization: KEY"
	const start = `{"repository":"https://github.com/octo/hello/tree/dev"}`
	for i, tt := range []struct {
		w            *world
		name, line   string
		body, header string
		status       int
		want         string
	}{
		{running, "B-R8 no key", "POST /builds/", start, "", 403, "Forbidden"},
		{running, "B1 start", "POST /builds/", start, auth, 200, `"name":"octo-hello-dev","display-name":"octo/hello/tree/dev","repository":"https://github.com/octo/hello/tree/dev","start-time":"`},
		{running, "B1 again", "POST /builds/", start, auth, 500, `{"type":"alreadyBuilding","error":"`},
		{running, "B1 forced", "POST /builds/", `{"repository":"https://github.com/octo/hello/tree/dev","force":true}`, auth, 200, `"octo-hello-dev"`},
		{running, "B1 bad source", "POST /builds/", `{"repository":"https://evilgithub.com/a/b"}`, auth, 500, `"type":"badRepoSource"`},
		{running, "B-R5 missing", "POST /builds/", `{}`, auth, 422, `"type":"malformedRequest"`},
		{running, "B2 running", "GET /builds/octo-hello-dev", "", "", 200, `"phase":"fetching","status":"running"`},
		{running, "B2 unknown", "GET /builds/none", "", "", 500, `{"type":"noBuildInfo","error":"`},
		{running, "B3 all", "GET /builds/", "", auth, 200, `[{"name":"octo-hello-dev"`},
		{running, "B5 empty", "GET /templates/", "", auth, 200, `[]`},
		{running, "B4 unknown", "GET /templates/none", "", auth, 404, `{"type":"doesNotExist","error":"`},
		{done, "B1 ends", "POST /builds", start, auth, 200, `"octo-hello-dev"`},
		{done, "B2 completed", "GET /builds/octo-hello-dev/", "", "", 200, `"phase":"finished","status":"completed"`},
		{done, "B4 template", "GET /templates/octo-hello-dev", "", auth, 200, `"image-name":"octo-hello-dev"`},
		{done, "B6 register", "POST /templates/", `{"template":{"name":"mine"}}`, auth, 200, `"name":"mine","time-created":"`},
		{done, "B5 two", "GET /templates/", "", auth, 200, `"name":"mine"`},
		{done, "B-S6 method", "PUT /templates/", "", auth, 405, ``},
		{done, "B1 one more", "POST /builds", `{"repository":"https://github.com/octo/one"}`, auth, 200, `"octo-one"`},
		{done, "B1 and another", "POST /builds", `{"repository":"https://github.com/octo/other"}`, auth, 200, `"octo-other"`},
		{done, "B3 both end", "GET /builds/", "", auth, 200, `"completed"`},
		{done, "B5 the one", "GET /templates/", "", auth, 200, `"octo-one:latest"`},
		{done, "B5 the other", "GET /templates/", "", auth, 200, `"octo-other:latest"`},
	} {
		var headers []string
		if tt.header != "" {
			headers = append(headers, tt.header)
		}
		if res, body := tt.w.ask(tt.line, tt.body, headers...); res.StatusCode != tt.status || !strings.Contains(body, tt.want) {
			t.Errorf("%d %s: %d %s\n%s", i, tt.name, res.StatusCode, body, tt.w.log)
		}
	}
}

// clientScript calls everything that the two subsets have, one after the other, and prints what came back.
const clientScript = `
const binder = require('binder-client')
const at = {host: 'http://127.0.0.1', port: process.argv[2], 'api-key': 'KEY'}
const call = (subset, name, options) => new Promise(ok => binder[subset][name]({...at, ...options}, (error, result) => ok(error ? {error: error.message} : result)))
;(async () => {
  const out = []
  const repository = 'https://github.com/octo/hello'
  out.push(await call('build', 'start', {repository, force: false}))
  out.push(await call('build', 'start', {repository: 'https://example.org/a/b', force: false}))
  out.push(await call('build', 'start', {repository, force: false, 'api-key': 'WRONG'}))
  out.push(await call('build', 'start', {repository}))
  out.push(await call('build', 'status', {'image-name': 'octo-hello'}))
  out.push(await call('build', 'status', {'image-name': 'none'}))
  out.push(await call('build', 'statusAll', {}))
  out.push(await call('registry', 'fetch', {'template-name': 'octo-hello'}))
  out.push(await call('registry', 'fetch', {'template-name': 'none'}))
  out.push(await call('registry', 'fetchAll', {}))
  console.log(JSON.stringify(out))
})()
`

// The public client, on Node, talks to the module in the samples. REGISTRYD_OFFLINE=1 leaves it out.
func TestBinderClient_BC3(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	testenv.NPM(t, dir, "binder-client@1.0.3")
	w := sample(t, "0")
	srv := httptest.NewServer(w.srv)
	defer srv.Close()
	if err := os.WriteFile(filepath.Join(dir, "script.js"), []byte(clientScript), 0o600); err != nil {
		t.Fatal(err)
	}
	node := exec.CommandContext(t.Context(), testenv.Program(t, "node"), "--no-deprecation", "script.js", srv.URL[strings.LastIndexByte(srv.URL, ':')+1:])
	node.Dir = dir
	var stderr strings.Builder
	node.Stderr = &stderr
	out, err := node.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s\n%s", err, stderr.String(), out)
	}
	var got []any
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	for i, want := range []string{
		"name:octo-hello", "error:This source of repositories is not supported", "error:Unauthorized request", "error:Request does not contain",
		"status:completed", "error:Nothing is known of a build", "[map[display-name:octo/hello", "image-source:octo-hello:latest",
		"error:There is no such template", "[map[command:[]",
	} {
		if i >= len(got) || !strings.Contains(fmt.Sprint(got[i]), want) {
			t.Errorf("%d: %v, want %s", i, got[i], want)
		}
	}
}
