package daemon_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/daemon"
	"github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/plugin/plugintest"
	"github.com/registryd/registryd/provider/providertest"
)

// gate refuses the name in the file denied.
func gate() http.Handler {
	denied, err := os.ReadFile("denied")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/describe", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"hooks":["check"]}`) })
	mux.HandleFunc("POST /v1/{hook}", func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Args []struct{ Name string } }
		_ = json.NewDecoder(r.Body).Decode(&q)
		if r.PathValue("hook") == "check" && q.Args[0].Name == string(denied) {
			w.WriteHeader(http.StatusUnprocessableEntity)
			fmt.Fprint(w, `{"error":{"id":403,"message":"not today","public":true}}`)
			return
		}
		fmt.Fprint(w, "{}")
	})
	return mux
}

// gate installs the plugin gate, which refuses a name.
func (f *fixture) gate(denied string) {
	f.t.Helper()
	self, err := os.Executable()
	if err != nil {
		f.t.Fatal(err)
	}
	plugintest.Write(f.t, filepath.Join(f.dir, "plugins", "gate"), map[string]string{
		"denied": denied, "plugin.yaml": fmt.Sprintf("kind: provider\nengine: process\ncommand: [%q]\n", self),
	})
}

func report(t *testing.T, s *daemon.Server, query string) plugin.Report {
	t.Helper()
	w := admin(s, http.MethodPost, "reload"+query)
	status(t, w, http.StatusOK)
	var r daemon.Report
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil || r.Plugins == nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	return *r.Plugins
}

// G-N1, G-N3, G-N4: an unnamed plugin stands before the others; a reload with and without a filter takes new code over
// and says so; modules tells how it does.
func TestPlugins_GN1_GN3_GN4(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"))
	f.write("plugins: {dir: plugins}\n")
	f.gate("widget")
	s := f.server()
	w := ask(s, http.MethodGet, widgetURL+"a.js")
	if status(t, w, http.StatusForbidden); !strings.Contains(w.Body.String(), "not today") {
		t.Errorf("body %s", w.Body)
	}
	if notes := strings.Join(s.Notes(), "\n"); !strings.Contains(notes, "plugin gate is named by no provider and stands before all of them") {
		t.Errorf("notes %q", notes)
	}
	if d := cmp.Diff([]string{"gate"}, report(t, s, "").Kept); d != "" {
		t.Errorf("kept (-want +got):\n%s", d)
	}
	f.gate("other")
	if r := report(t, s, "?filter=x*"); len(r.Kept)+len(r.Reloaded) != 0 {
		t.Errorf("another filter: %+v", r)
	}
	if d := cmp.Diff([]string{"gate"}, report(t, s, "?filter=g*&atomic=1").Reloaded); d != "" {
		t.Errorf("reloaded (-want +got):\n%s", d)
	}
	status(t, ask(s, http.MethodGet, widgetURL+"a.js"), http.StatusOK)
	modules := admin(s, http.MethodGet, "modules")
	status(t, modules, http.StatusOK)
	if text := modules.Body.String(); !strings.Contains(text, `"name":"gate"`) || !strings.Contains(text, `"generation":2`) {
		t.Errorf("modules %s", text)
	}
	if text := ask(s, http.MethodGet, "/-/metrics").Body.String(); !strings.Contains(text, `registryd_plugin_generation{plugin="gate"} 2`) {
		t.Error("no metric of the plugin")
	}
	status(t, admin(s, http.MethodPost, "reload?atomic=perhaps"), http.StatusBadRequest)
}

// plugins.strict makes an error of what else is a note.
func TestPlugins_Strict(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.gate("x")
	f.write("plugins: {dir: plugins, strict: true}\n")
	if _, err := daemon.New(t.Context(), f.options()); err == nil || !strings.Contains(err.Error(), "no provider of type plugin names gate") {
		t.Errorf("error %v", err)
	}
	home := filepath.Join(f.dir, "plugins", "gate")
	text, err := os.ReadFile(filepath.Join(home, "plugin.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ file, text, says string }{
		"unknown key":    {"plugin.yaml", string(text) + "limit: {wall: 1s}\n", home + ": plugin.yaml: line 4: unknown key limit"},
		"no such main":   {"plugin.yaml", "kind: provider\nmain: absent.js\n", home + ": "},
		"name is taken":  {"../again.js", "export const manifest = {name: 'gate', limits: {cpu: '30s', wall: '60s'}}\nexport default {check() {}}\n", "name gate is taken by " + filepath.Join(f.dir, "plugins", "again.js")},
		"does not start": {"plugin.yaml", "kind: provider\nengine: process\ncommand: [./absent]\n", home + ": "},
	} {
		plugintest.Write(t, home, map[string]string{c.file: c.text})
		f.raw(fmt.Sprintf("root: {fs: data}\nlisten: 127.0.0.1:0\naccel: off\nplugins: {dir: plugins, strict: true}\nproviders:\n"+
			"  - {type: plugin, name: gate}\n  - {type: npm, registry: %q}\n", f.upstream.URL()))
		if _, err := daemon.New(t.Context(), f.options()); err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, err, c.says)
		}
		if err := errors.Join(os.Remove(filepath.Join(home, c.file)), os.WriteFile(filepath.Join(home, "plugin.yaml"), text, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// P-C3: what a plugin owns is asked nowhere else while it is not loaded.
func TestPlugins_NotLoaded_PC3(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"))
	if err := os.Mkdir(filepath.Join(f.dir, "plugins"), 0o755); err != nil {
		t.Fatal(err)
	}
	f.raw(fmt.Sprintf("root: {fs: data}\nlisten: 127.0.0.1:0\naccel: off\nplugins: {dir: plugins}\nproviders:\n"+
		"  - {type: plugin, name: acme, names: [widget]}\n  - {type: npm, registry: %q}\n", f.upstream.URL()))
	s := f.server()
	status(t, ask(s, http.MethodGet, widgetURL+"a.js"), http.StatusBadGateway)
	if n := len(f.upstream.Requests()); n != 0 {
		t.Errorf("%d requests went to another provider", n)
	}
}

// Fault 31, G24: a storm of reloads costs few of them, and everybody gets a result.
func TestReload_Storm_Fault31_G24(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"))
	s := f.server()
	status(t, ask(s, http.MethodGet, widgetURL+"a.js"), http.StatusOK)
	before := f.loaded()
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			if _, err := s.Reload(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := f.loaded() - before; n < 1 || n > 150 {
		t.Errorf("%d reloads for 200 triggers at once", n)
	}
	status(t, ask(s, http.MethodGet, widgetURL+"a.js"), http.StatusOK)
}

func (f *fixture) loaded() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.loads
}

// One file of JavaScript is a plugin; what does not load is named, and everything else goes on.
func TestPlugins_JavaScript(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"))
	f.write("plugins: {dir: plugins}\n")
	plugintest.Write(t, filepath.Join(f.dir, "plugins"), map[string]string{
		"block.js":  "export const manifest = {limits: {cpu: '10s', instances: {min: 1, max: 1}}}\nexport default {check({name}) { if (name === 'widget') return deny(403, 'not this one') }}\n",
		"broken.ts": "export default {{\n",
	})
	s := f.server()
	w := ask(s, http.MethodGet, widgetURL+"a.js")
	if status(t, w, http.StatusForbidden); !strings.Contains(w.Body.String(), "not this one") {
		t.Errorf("body %s", w.Body)
	}
	if notes := strings.Join(s.Notes(), "\n"); !strings.Contains(notes, "plugin broken is not loaded") || !strings.Contains(notes, "broken.ts:1") {
		t.Errorf("notes %q", notes)
	}
}

// G-N2: what the code of before said of versions does not count once other code is in force.
func TestPlugins_ListOfOldCode_GN2(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("plugins: {dir: plugins}\n")
	install := func(versions string) {
		code := "export const manifest = {limits: {cpu: '30s', wall: '60s', instances: {min: 1, max: 2}}}\n" +
			"export default {resolve() { return null }, versions({name}) { return name === 'tool' ? " + versions + " : null }}\n"
		plugintest.Write(t, f.dir, map[string]string{"plugins/lists.js": code})
	}
	leads := func(s *daemon.Server, want string) {
		t.Helper()
		w := ask(s, http.MethodGet, "/lib/tool/^1/index.js")
		if status(t, w, http.StatusFound); w.Header().Get("Location") != want {
			t.Errorf("leads to %s, want %s", w.Header().Get("Location"), want)
		}
	}
	install("['1.0.0']")
	s := f.server()
	leads(s, "/lib/tool/1.0.0/index.js")
	install("['1.0.0', '1.1.0']")
	if d := cmp.Diff([]string{"lists"}, report(t, s, "?filter=lists").Reloaded); d != "" {
		t.Errorf("reloaded (-want +got):\n%s", d)
	}
	leads(s, "/lib/tool/1.1.0/index.js")
}

// G-N2: what a plugin that owns its names brought stays when its code changes: it is neither evicted nor fetched again.
func TestPlugins_HeldStays_GN2(t *testing.T) {
	t.Parallel()
	f := newFixture(t, providertest.Package{Name: "@acme/tool", Version: "1.0.0", Files: map[string][]byte{"index.js": []byte("hi")}})
	f.raw(fmt.Sprintf("root: {fs: data}\nlisten: 127.0.0.1:0\naccel: nginx\nadmin: {tokens: [{id: ops, token: %s}]}\n"+
		"plugins: {dir: plugins}\nproviders: [{type: plugin, name: acme, names: ['@acme/*']}]\n", token))
	install := func(comment string) {
		t.Helper()
		code := fmt.Sprintf(`// %s
export const manifest = {capabilities: {http: [%[2]q]}, limits: {cpu: '30s', wall: '60s', instances: {min: 1, max: 2}}}
export default {
  async resolve({name, spec}) {
    const d = (await (await fetch(%[2]q + '/' + name.replace('/', '%%2f'))).json()).versions[spec]
    return d ? {version: spec, url: d.dist.tarball, integrity: d.dist.integrity} : null
  },
}
`, comment, f.upstream.URL())
		plugintest.Write(t, f.dir, map[string]string{"plugins/acme.js": code})
	}
	install("one")
	s := f.server()
	status(t, ask(s, http.MethodGet, "/lib/@acme/tool/1.0.0/index.js"), http.StatusOK)
	install("two")
	if d := cmp.Diff([]string{"acme"}, report(t, s, "").Reloaded); d != "" {
		t.Errorf("reloaded (-want +got):\n%s", d)
	}
	if text := f.screen.String(); strings.Contains(text, "is evicted") {
		t.Error("what is held is evicted")
	}
	before := len(f.upstream.Requests())
	status(t, ask(s, http.MethodGet, "/lib/@acme/tool/1.0.0/index.js"), http.StatusOK)
	if n := len(f.upstream.Requests()) - before; n != 0 {
		t.Errorf("%d requests for what was held", n)
	}
}
