package bench_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/plugin/js"
	"github.com/registryd/registryd/plugin/process"
)

const (
	// measuredPlugin is one in JavaScript, whose server has a document of 50 KB.
	measuredPlugin = `
export default {
  check({name}) { if (!name.startsWith('@acme/')) deny(403, 'only @acme') },
  async resolve({name, spec}) {
    const all = (await (await fetch('%s/doc')).json()).versions
    const version = semver.maxSatisfying(Object.keys(all), spec)
    return {version, url: all[version].tarball}
  },
}
`
	// measuredProcess is the same check as a program.
	measuredProcess = `
require('node:http').createServer((request, response) => {
  let text = ''
  request.on('data', part => text += part).on('end', () => {
    if (request.url === '/v1/describe') return response.end('{"hooks":["check"]}')
    response.end(JSON.stringify({result: request.url === '/v1/check' ? JSON.parse(text).args[0].name.startsWith('@acme/') : undefined}))
  })
}).listen(process.env.REGISTRYD_PLUGIN_SOCKET)
process.stdin.on('end', () => process.exit(0)).resume()
`
	machines = 64 // virtual machines that are weighed
)

// plugins measures what a plugin costs, without HTTP in front of it.
func plugins(b *testing.B, t *table) {
	doc := document()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(doc) }))
	b.Cleanup(server.Close)
	dir := b.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	write("js/plugin.yaml", fmt.Sprintf("kind: provider\nmain: index.js\ncapabilities: {http: [%q]}\nlimits: {cpu: 30s, wall: 60s, memory: 8MiB, instances: {min: %d, max: %d}}\n",
		server.URL, machines, machines))
	write("js/index.js", fmt.Sprintf(measuredPlugin, server.URL))
	engines := map[string]plugin.Engine{plugin.EngineJS: &js.Engine{}, plugin.EngineProcess: process.New(process.Config{})}
	m := plugin.NewManager(plugin.Config{Engines: engines})
	b.Cleanup(m.Revoke)
	load := func(r plugin.Reload) time.Duration {
		start := time.Now()
		report, err := m.Reload(b.Context(), plugin.Settings{Dir: dir}, r)
		if err != nil || len(report.Failed) > 0 {
			b.Fatal(err, report)
		}
		return time.Since(start)
	}
	before := memoryOf(b, os.Getpid(), "VmRSS")
	load(plugin.Reload{})
	t.info("plugin: memory of one virtual machine", (memoryOf(b, os.Getpid(), "VmRSS")-before)*1000/machines, "KB")
	check, resolve := json.RawMessage(`{"name":"@acme/tool"}`), json.RawMessage(`{"name":"@acme/tool","spec":"^1.20.0"}`)
	t.info("plugin: check, JavaScript", calls(b, m, "js", "check", check, 2000), "µs")
	t.info(fmt.Sprintf("plugin: resolve with a document of %.0f KB, JavaScript", float64(len(doc))/1e3), calls(b, m, "js", "resolve", resolve, 200)/1000, "ms")
	write("js/plugin.yaml", fmt.Sprintf("kind: provider\nmain: index.js\ncapabilities: {http: [%q]}\n", server.URL))
	load(plugin.Reload{})
	t.info("plugin: reload", float64(load(plugin.Reload{Force: true}).Microseconds())/1000, "ms")
	if _, err := exec.LookPath("node"); err != nil {
		t.word("plugin: check, process", "no node is here")
		return
	}
	write("node/plugin.yaml", "kind: provider\nengine: process\ncommand: [node, run.js]\n")
	write("node/run.js", measuredProcess)
	load(plugin.Reload{})
	t.info("plugin: check, process in Node", calls(b, m, "node", "check", check, 2000), "µs")
}

// document is a list of 500 versions, as a registry has it.
func document() []byte {
	versions := map[string]any{}
	for n := range 500 {
		versions[fmt.Sprintf("1.%d.0", n)] = map[string]string{"tarball": fmt.Sprintf("https://packages.example.org/tool/-/tool-1.%d.0.tgz?%032d", n, n)}
	}
	doc, _ := json.Marshal(map[string]any{"versions": versions}) // texts
	return doc
}

// calls is the median time of a call in microseconds, one after the other.
func calls(b *testing.B, m *plugin.Manager, name, fn string, arg json.RawMessage, n int) float64 {
	b.Helper()
	times := make([]float64, n)
	for i := range times {
		start := time.Now()
		lease, err := m.Enter(name)
		if err != nil {
			b.Fatal(err)
		}
		r, err := lease.Call(b.Context(), fn, arg)
		if err != nil {
			b.Fatal(err)
		}
		r.Close()
		lease.Leave()
		times[i] = float64(time.Since(start).Nanoseconds()) / 1000
	}
	slices.Sort(times)
	return times[n/2]
}
