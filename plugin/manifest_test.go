package plugin_test

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/plugin"
)

func TestParseManifest(t *testing.T) {
	t.Parallel()
	got, err := plugin.ParseManifest([]byte(`
apiVersion: registryd/v1
name: acme
kind: provider
engine: js
main: src/index.ts
capabilities: {http: ["https://packages.acme.example"], secrets: [ACME_TOKEN], cache: true}
limits: {cpu: 50ms, wall: 5s, memory: 16MiB, instances: {min: 1, max: 4}, queue: 1s, fetches: 3, body: 1MiB}
config: {base: "https://packages.acme.example", n: 1}
configSchema: {type: object, required: [base]}
`), "dir")
	if err != nil {
		t.Fatal(err)
	}
	want := plugin.Manifest{
		APIVersion: "registryd/v1", Name: "acme", Kind: plugin.KindProvider, Engine: "js", Main: "src/index.ts",
		Capabilities: plugin.Capabilities{HTTP: []string{"https://packages.acme.example"}, Secrets: []string{"ACME_TOKEN"}, Cache: true},
		Limits: plugin.Limits{
			CPU: 50 * time.Millisecond, Wall: 5 * time.Second, Memory: 16 << 20, MinInstances: 1, MaxInstances: 4,
			Queue: time.Second, Fetches: 3, Body: 1 << 20,
		},
		Config:       []byte(`{"base":"https://packages.acme.example","n":1}`),
		ConfigSchema: []byte(`{"required":["base"],"type":"object"}`),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("manifest (-want +got):\n%s", d)
	}
}

func TestParseManifest_Defaults(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{}", "name: dir\n", `{"name":"dir"}`} {
		got, err := plugin.ParseManifest([]byte(text), "dir")
		want := plugin.Manifest{APIVersion: "registryd/v1", Name: "dir", Engine: "js", Limits: plugin.DefaultLimits(), Config: []byte("{}")}
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%q: %v, (-want +got):\n%s", text, err, d)
		}
	}
}

func TestParseManifest_Refuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"nmae: x\n":                               "line 1: unknown key nmae",
		"limits: {cpus: 1}\n":                     "unknown key cpus",
		"apiVersion: v2\n":                        `apiVersion: "v2" is not understood, registryd/v1 is`,
		"name: -x\n":                              "name: ",
		"name: ../x\n":                            "name: ",
		"kind: gate\n":                            "kind: must be provider or module",
		"engine: wasm\n":                          "engine: must be js or process",
		"main: ../x.js\n":                         "main: ",
		"main: /x.js\n":                           "main: ",
		"engine: process\n":                       "command: is missing",
		"command: [x]\n":                          "command: is for engine process",
		"limits: {cpu: fast}\n":                   "limits.cpu: ",
		"limits: {wall: 0s}\n":                    "limits.wall: ",
		"limits: {memory: 1KB}\n":                 "limits.memory: ",
		"limits: {fetches: -1}\n":                 "limits.fetches: ",
		"limits: {instances: {min: 3, max: 2}}\n": "limits.instances.min: ",
		"limits: {instances: {max: 0}}\n":         "limits.instances.max: ",
		"capabilities: {http: [acme.example]}\n":  "capabilities.http: ",
		"capabilities: {http: [\"*\"]}\n":         "capabilities.http: ",
		"capabilities: {http: [\"https://a.*.example\"]}\n":       "capabilities.http: ",
		"capabilities: {http: [\"https://u:p@a.example\"]}\n":     "capabilities.http: ",
		"capabilities: {secrets: [\"a-b\"]}\n":                    "capabilities.secrets: ",
		"configSchema: {required: [base]}\n":                      "config: ",
		"configSchema: {type: objekt}\n":                          "configSchema: ",
		"configSchema: {$ref: \"https://a.example/s.json\"}\n":    "configSchema: ",
		"engine: process\ncommand: [x]\nlimits: {memory: 2MiB}\n": "engine: process has no host",
		"[]\n": "line 1",
	} {
		_, err := plugin.ParseManifest([]byte(text), "x")
		if !errors.Is(err, outcome.Invalid) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	_, err := plugin.ParseManifest([]byte("kind: x\nengine: y\n"), "x")
	if err == nil || !strings.Contains(err.Error(), "kind: ") || !strings.Contains(err.Error(), "engine: ") {
		t.Errorf("not all problems are named: %v", err)
	}
}

func FuzzParseManifest(f *testing.F) {
	for _, text := range []string{"", "name: a\n", "limits: {cpu: 1s}", "config: {a: {1: 2}}", "configSchema: true", "a: &a [*a]"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := plugin.ParseManifest(data, "x")
		if (err == nil) != (m.Name != "" && err == nil) || err != nil && !errors.Is(err, outcome.Invalid) {
			t.Errorf("%q: %v", data, err)
		}
		if err == nil && (m.Limits.MaxInstances < 1 || m.Limits.Wall <= 0 || m.Limits.MinInstances > m.Limits.MaxInstances) {
			t.Errorf("%q: limits %+v", data, m.Limits)
		}
	})
}

func TestPlace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		place, url string
		want       bool
	}{
		{"https://a.example", "https://a.example/x", true},
		{"https://a.example", "https://A.example.:443/x", true},
		{"https://a.example", "http://a.example/x", false},
		{"https://a.example", "https://a.example:8443/x", false},
		{"https://a.example", "https://b.a.example/", false},
		{"https://a.example", "https://a.example.evil.example/", false},
		{"https://*.a.example", "https://b.a.example/", true},
		{"https://*.a.example", "https://a.example/", false},
		{"https://*.a.example", "https://xa.example/", false},
		{"https://a.example/p/", "https://a.example/p", true},
		{"https://a.example/p", "https://a.example/p/q?x", true},
		{"https://a.example/p", "https://a.example/pq", false},
		{"https://a.example/p", "https://a.example/p/../q", false},
		{"https://a.example/p", "https://a.example/p/%2e%2e/q", false},
		{"https://a.example/p", "https://a.example/p/..%2fq", false},
	} {
		u, err := url.Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		if got := plugin.Allows(c.place, u); got != c.want {
			t.Errorf("%s allows %s: %v", c.place, c.url, got)
		}
	}
}

// The three places of a manifest, and what is passed over.
func TestDiscover(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.write("a/plugin.yaml", "main: x.js\n")
	h.write("a/x.js", "version: a\n")
	h.write("b/package.json", `{"main":"other.js","registryd":{"name":"bee","main":"x.js"}}`)
	h.write("b/x.js", "version: b\n")
	h.write("c.js", "version: c\nmanifest: {\"name\":\"cee\",\"kind\":\"module\",\"capabilities\":{\"cache\":true}}\n")
	h.write("d.ts", "version: d\nhooks: resolve\n")
	h.write("e/package.json", "{}")
	h.write("f/package.json", `{"registryd":{"nmae":"f"}}`)
	h.write("g/plugin.yaml", "{}")
	h.write("h.js", "version: h\nmanifest: {\"engine\":\"process\",\"command\":[\"x\"]}\n")
	for _, name := range []string{"README.md", ".hidden.js", "_off.js", "types.d.ts"} {
		h.write(name, "nothing")
	}
	if err := os.Symlink("nowhere", filepath.Join(h.dir, "i")); err != nil {
		t.Fatal(err)
	}
	r := h.load()
	if d := cmp.Diff([]string{"a", "bee", "cee", "d"}, r.Reloaded); d != "" {
		t.Errorf("loaded (-want +got):\n%s", d)
	}
	for i, want := range []string{
		`package.json: has no "registryd"`, "package.json: line 1: unknown key nmae", "main: is not named", "manifest: engine and main", "no such file",
	} {
		if i >= len(r.Failed) || !strings.Contains(r.Failed[i].Error, want) {
			t.Errorf("failure %d: %+v, want %q", i, r.Failed, want)
		}
	}
	kinds := map[string]plugin.Kind{}
	for _, c := range h.Loaded() {
		kinds[c.Manifest.Name] = c.Manifest.Kind
	}
	want := map[string]plugin.Kind{"a": plugin.KindModule, "bee": plugin.KindModule, "cee": plugin.KindModule, "d": plugin.KindProvider}
	if d := cmp.Diff(want, kinds); d != "" {
		t.Errorf("kinds (-want +got):\n%s", d)
	}
}

// Fault 33: what is replaced while it is read is read again; a link that is swapped shows one version whole.
func TestReload_SwappedLink_Fault33(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	for _, v := range []string{"1", "2"} {
		h.write(".releases/"+v+"/plugin.yaml", "main: x.js\n")
		h.write(".releases/"+v+"/x.js", "version: "+v+"\n")
	}
	link := filepath.Join(h.dir, "a")
	if err := os.Symlink(".releases/1", link); err != nil {
		t.Fatal(err)
	}
	h.load()
	h.says("a", "1")
	tmp := filepath.Join(h.dir, ".link")
	if err := errors.Join(os.Symlink(".releases/2", tmp), os.Rename(tmp, link)); err != nil {
		t.Fatal(err)
	}
	if r := h.load(); len(r.Reloaded) != 1 {
		t.Errorf("report %+v", r)
	}
	h.says("a", "2")
}

// Fault 33: a file that somebody is writing is read when he is done.
func TestReload_HalfWritten_Fault33(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.write("a.js", "version: 1\n")
	h.load()
	for range 1000 {
		if quick := h.writeSlowly("a.js", "version: 2", "2\n"); !quick {
			continue // the machine was too busy to tell anything
		}
		if got, err := h.ask("a", "version"); err != nil || got == "2" {
			t.Errorf("half of a file is in force: %q, %v", got, err)
		}
		return
	}
	t.Fatal("the machine is too busy to write two halves of a file")
}

// writeSlowly writes a file in two parts while a reload runs, and reports whether it took as little time as a writer
// may take.
func (h *home) writeSlowly(name, first, second string) bool {
	h.t.Helper()
	f, err := os.Create(filepath.Join(h.dir, name))
	if err != nil {
		h.t.Fatal(err)
	}
	defer f.Close()
	start := time.Now()
	if _, err := f.WriteString(first); err != nil {
		h.t.Fatal(err)
	}
	done := make(chan plugin.Report)
	go func() { done <- h.load() }()
	time.Sleep(5 * time.Millisecond)
	if _, err := f.WriteString(second); err != nil {
		h.t.Fatal(err)
	}
	took := time.Since(start)
	<-done
	return took < 30*time.Millisecond
}

// What a process keeps in a hidden directory of its own is no change of its code: it must not cause reloads without end.
func TestFingerprint_HiddenDirectory(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.small("a", "", "version: 1\n")
	h.write("a/.kept/one", "1")
	before := h.at().Fingerprint()
	h.write("a/.kept/two", "2")
	if after := h.at().Fingerprint(); after != before || before == "" {
		t.Errorf("%q became %q", before, after)
	}
	h.write("a/node_modules/.store/b.js", "2")
	if h.at().Fingerprint() == before {
		t.Error("a package that came goes unnoticed")
	}
}
