package js_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/plugin/js"
	"github.com/registryd/registryd/plugin/plugintest"
)

// bigPackage writes a plugin with a package of 45 files and some 260 KB, as semver is one.
func bigPackage(t *testing.T, dir, says string) {
	t.Helper()
	filler := strings.Repeat("// why this is so is a longer story, which nobody reads twice\n", 95)
	files := map[string]string{
		"plugin.yaml":                   "kind: provider\nlimits: {cpu: 30s, wall: 60s, instances: {min: 1, max: 2}}\n",
		"index.js":                      "import big from 'big'\nexport default {check() { return big.says() }}\n",
		"node_modules/big/package.json": `{"name": "big", "main": "index.js"}`,
		"node_modules/big/index.js":     "module.exports = {says: () => require('./lib/part-00.js')() + require('./lib/last.js')}\n",
		"node_modules/big/lib/last.js":  fmt.Sprintf("module.exports = %q\n", says),
	}
	const parts = 44
	for n := range parts {
		next := "() => ''"
		if n+1 < parts {
			next = fmt.Sprintf("require('./part-%02d.js')", n+1)
		}
		files[fmt.Sprintf("node_modules/big/lib/part-%02d.js", n)] = filler + fmt.Sprintf("const next = %s\nmodule.exports = () => next()\n", next)
	}
	plugintest.Write(t, filepath.Join(dir, "big"), files)
}

// G26: a plugin that bundles a package of the size of semver is loaded, and loaded anew when any file of that changed;
// the machines of before are freed.
func TestReload_BigPackage_G26(t *testing.T) {
	t.Parallel()
	dir, engine := t.TempDir(), &js.Engine{}
	m := plugin.NewManager(plugin.Config{Engines: map[string]plugin.Engine{plugin.EngineJS: engine}})
	t.Cleanup(m.Revoke)
	load := func(r plugin.Reload) plugin.Report {
		t.Helper()
		report, err := m.Reload(t.Context(), plugin.Settings{Dir: dir, Strict: true}, r)
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	says := func(want string) {
		t.Helper()
		lease, err := m.Enter("big")
		if err != nil {
			t.Fatal(err)
		}
		defer lease.Leave()
		r, err := lease.Call(t.Context(), "check")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if string(r.JSON) != want {
			t.Errorf("it says %s, want %s", r.JSON, want)
		}
	}
	bigPackage(t, dir, "one")
	load(plugin.Reload{})
	says(`"one"`)
	if r := load(plugin.Reload{}); len(r.Kept) != 1 {
		t.Errorf("unchanged: %+v", r)
	}
	bigPackage(t, dir, "two")
	if r := load(plugin.Reload{}); len(r.Reloaded) != 1 {
		t.Errorf("a file of the package changed: %+v", r)
	}
	says(`"two"`)
	load(plugin.Reload{Force: true})
	says(`"two"`)
	for deadline := time.Now().Add(30 * time.Second); engine.Live() > 1; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d virtual machines live, want 1", engine.Live())
		}
	}
}
