package js_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/plugin/js"
	"github.com/registryd/registryd/plugin/plugintest"
)

// source writes a plugin; main is the first name.
func source(t testing.TB, main string, files map[string]string) plugin.Source {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	limits := plugin.DefaultLimits()
	limits.CPU = time.Minute // the machine may be busy, and tests of the limit set their own
	return plugin.Source{Dir: dir, Manifest: plugin.Manifest{Name: "test", Engine: plugin.EngineJS, Main: main, Limits: limits}}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	e := &js.Engine{}
	broken := func(says, text string) plugintest.Broken {
		return plugintest.Broken{Source: source(t, "index.ts", map[string]string{"index.ts": text}), Says: says}
	}
	plugintest.Run(t, plugintest.Fixture{
		Engine: e,
		Specimen: func(t *testing.T, l plugin.Limits) plugin.Source {
			s := source(t, "index.js", map[string]string{"index.js": plugintest.JavaScript})
			s.Manifest.Limits = l
			return s
		},
		Broken: map[string]plugintest.Broken{
			"syntax":         broken("index.ts:2:7", "export const a = 1\nconst = 5\n"),
			"throws":         broken("Error: at the top", "throw new Error('at the top')"),
			"module of Node": broken("index.ts:1:16", "import fs from 'fs'\nexport default {check() { return fs }}"),
			"absent import":  broken("index.ts:1:20", "export * as a from './absent'"),
		},
	})
	for deadline := time.Now().Add(30 * time.Second); e.Live() > 0; time.Sleep(10 * time.Millisecond) { // one that was left behind ends later
		if time.Now().After(deadline) {
			t.Fatalf("%d machines are left", e.Live())
		}
	}
}
