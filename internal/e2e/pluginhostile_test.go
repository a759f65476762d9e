package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/crowd"
	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/internal/testenv"
)

// hostile are plugins that do harm when they are asked for the package "bad" of their scope, and what the log then says.
var hostile = map[string]struct{ code, limits, says string }{
	"loop":      {"for (;;) {}", "cpu: '300ms'", "computed for more than 300ms"},
	"catching":  {"for (;;) { try { for (;;) {} } catch {} }", "cpu: '300ms'", "computed for more than 300ms"},
	"hog":       {"const all = []; for (let i = 0; i < 4096; i++) all.push(new Uint8Array(1 << 20).fill(1))", "memory: '16MiB'", "more memory than it may have"},
	"huge":      {"return new ArrayBuffer(4 * 2 ** 30)", "", "RangeError"},
	"deep":      {"const f = n => f(n + 1) + 1; return f(0)", "", "calls itself too deeply"},
	"regexp":    {"return /^(a+)+\\1$/.test('a'.repeat(40) + 'b')", "cpu: '300ms'", "computed for more than 300ms"},
	"throwing":  {"throw new TypeError('out of order')", "", "TypeError: out of order"},
	"hanging":   {"return (await fetch('PLACE/hang')).json()", "wall: '2s'", "the time of the call is over"},
	"forbidden": {"return (await fetch('https://elsewhere.example/')).json()", "", "capabilities.http of the manifest does not allow https://elsewhere.example/"},
	"flood":     {"for (let i = 0; i < 100; i++) await fetch('PLACE/' + i)", "", "more than 16 requests in one call"},
	"verbose":   {"return 'x'.repeat(2 ** 23)", "body: '1MiB', memory: '64MiB'", "its result is larger"},
	"liar":      {"return {version: '6.6.6', url: 'PLACE/'}", "", "returned version 6.6.6"},
}

// hostileCode is one of them as a file.
func hostileCode(code, limits, place string) string {
	if limits != "" {
		limits += ", "
	}
	for _, d := range []string{"cpu: '30s'", "wall: '60s'", "queue: '60s'", "memory: '8MiB'"} {
		if key, _, _ := strings.Cut(d, ":"); !strings.Contains(limits, key) {
			limits += d + ", "
		}
	}
	text := `export const manifest = {capabilities: {http: ['PLACE']}, limits: {` + limits + `instances: {min: 1, max: 2}}}
export default {async resolve({name, spec}) {
  if (name.endsWith('/bad')) { ` + code + ` }
  return {version: spec, url: 'PLACE/tool.tgz'}
}}
`
	return strings.ReplaceAll(text, "PLACE", place)
}

// crashing is a process that dies of a question.
const crashing = `
require('node:http').createServer((request, response) => {
  let text = ''
  request.on('data', part => text += part).on('end', () => {
    if (text.includes('/bad')) { console.error('it was too much'); process.exit(3) }
    const {spec} = text.includes('spec') ? JSON.parse(text).args[0] : {}
    response.end(JSON.stringify(request.url === '/v1/describe' ? {hooks: ['resolve']} : {result: spec && {version: spec, url: 'PLACE/tool.tgz'}}))
  })
}).listen(process.env.REGISTRYD_PLUGIN_SOCKET)
process.stdin.on('end', () => process.exit(0)).resume()
`

// Whatever a plugin does, its request gets a 5xx within its deadline and a line in the log that says why, its next one
// works, and nobody else notices.
func TestPluginHostile_Fault32(t *testing.T) {
	t.Parallel()
	testenv.Program(t, "node")
	tool := small("tool", "1.0.0")
	tarball, err := tool.Archive()
	if err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hang" {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
		_, _ = w.Write(tarball)
	}))
	t.Cleanup(files.Close)
	t.Cleanup(func() { close(release) })
	dir := t.TempDir()
	var providers strings.Builder
	install := func(name, file, text string) {
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if name != "" {
			fmt.Fprintf(&providers, "  - {type: plugin, name: %s, names: ['@%s/*']}\n", name, name)
		}
	}
	says := map[string]string{"crashing": "it was too much"}
	for name, h := range hostile {
		install(name, name+".js", hostileCode(h.code, h.limits, files.URL))
		says[name] = h.says
	}
	install("crashing", "crashing/run.js", strings.ReplaceAll(crashing, "PLACE", files.URL))
	install("", "crashing/plugin.yaml", fmt.Sprintf("kind: provider\nengine: process\ncommand: [node, run.js]\ncapabilities: {http: [%q]}\nlimits: {wall: 60s, queue: 60s}\n", files.URL))
	s := e2e.Start(t, e2e.Options{
		Front: e2e.Direct, LogLevel: "info", Config: fmt.Sprintf("plugins: {dir: %q, strict: true}\n", dir),
		Providers: providers.String(), Packages: packages(),
	})
	stop := crowd.Start(1, func(int, int) {
		time.Sleep(10 * time.Millisecond)
		if a, err := s.Try(http.MethodGet, s.URL+"/lib/widget/1.0.0/index.js"); err != nil || a.Status != http.StatusOK {
			t.Errorf("somebody else: %d %v", a.Status, err)
		}
	})
	s.Client.Timeout = time.Minute
	var asking sync.WaitGroup
	for name := range says {
		asking.Go(func() {
			a, err := s.Try(http.MethodGet, s.URL+"/lib/@"+name+"/bad/1.0.0/index.js")
			if err != nil || a.Status < 500 || a.Status > 504 {
				t.Errorf("%s: %d %s %v", name, a.Status, a.Body, err)
			}
			if a, err := s.Try(http.MethodGet, s.URL+"/lib/@"+name+"/good/1.0.0/index.js"); err != nil || a.Status != http.StatusOK {
				t.Errorf("%s, the next one: %d %s %v", name, a.Status, a.Body, err)
			}
		})
	}
	asking.Wait()
	stop()
	for name, text := range says {
		for deadline := time.Now().Add(30 * time.Second); !said(s.Log(), name, text); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Errorf("%s: the log does not say %q:\n%s", name, text, failures(s.Log(), name))
				break
			}
		}
	}
}

// failures are the lines of a log that speak of a plugin's failures.
func failures(log, name string) string {
	var found strings.Builder
	for line := range strings.Lines(log) {
		if strings.Contains(line, `"msg":"plugin failed","plugin":"`+name+`"`) {
			found.WriteString(line)
		}
	}
	return found.String()
}

// said reports whether the log says that a plugin failed, in these words.
func said(log, name, text string) bool { return strings.Contains(failures(log, name), text) }
