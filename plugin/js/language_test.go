package js_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/plugin/js"
	"github.com/registryd/registryd/plugin/plugintest"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

// Files load in every form that authors write.
func TestForms(t *testing.T) {
	t.Parallel()
	e := &js.Engine{}
	for name, code := range map[string]string{
		"default object":     "export default {f() { return 7 }}",
		"named":              "export function f() { return 7 }",
		"module.exports":     "module.exports = {f: () => 7}",
		"exports":            "exports.f = () => 7",
		"this in attach":     "export default {attach(ctx) { this.n = ctx.n }, f() { return this.n }}",
		"factory":            "module.exports = function (ctx) { return {f: () => ctx.n} }",
		"factory, hook too":  "module.exports = ctx => ({attach(c) { this.n = c.n }, f() { return this.n }})",
		"class instance":     "class P { f() { return 7 } }\nexport default new P()",
		"package":            "import seven from 'seven'\nexport const f = () => seven()",
		"json":               "import d from './data.json'\nexport const f = () => d.n",
		"host module":        "import {semver} from 'registryd'\nexport const f = () => semver.major('7.0.0')",
		"host required":      "const {lderror} = require('registryd')\nexports.f = () => lderror.id(lderror(7))",
		"predecessor":        "const {provider} = require('@plotdb/registry')\nmodule.exports = new provider({f() { return 7 }}).chain(provider.get('npm'))",
		"predecessor, class": "const registry = require('registryd')\nconst mine = new registry({f() { return 7 }})\nmine.chain(registry.provider.jsdelivr)",
		"typescript":         "enum E { A = 7 }\nexport default {f(): number { return E.A satisfies number }}",
	} {
		t.Run(name, func(t *testing.T) {
			i := start(t, e, source(t, "index.ts", map[string]string{
				"index.ts": code, "data.json": `{"n":7}`,
				"node_modules/seven/package.json": `{"main":"lib.js"}`, "node_modules/seven/lib.js": "module.exports = () => 7",
			}))
			if _, err := call(t, i, plugin.HookAttach, `{"n":7}`); err != nil {
				t.Fatal(err)
			}
			if v, err := call(t, i, "f"); err != nil || string(v) != "7" {
				t.Errorf("%s, %v", v, err)
			}
		})
	}
}

// The exported function is not asynchronous (G11).
func TestFactory_G11_Asynchronous(t *testing.T) {
	t.Parallel()
	_, err := call(t, one(t, "export default async function () { return {} }"), plugin.HookAttach, `{}`)
	if r, ok := errors.AsType[*plugin.Rejection](err); !ok || !contains(r.Message, "asynchronous") {
		t.Errorf("got %v", err)
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	i := one(t, `exports['/sum'] = {method: 'get', params: {x: {type: Number, match: /^a/i, f() {}}}, handler(x) { return [x, this === exports] }}
exports.check = () => {}; exports.big = 1n; exports.loop = {}; exports.loop.self = exports.loop; exports.nan = NaN; exports.at = new Date(0)`)
	d, err := i.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"/sum":{"method":"get","params":{"x":{"type":{"$func":"#/~1sum/params/x/type","$builtin":"Number"},
"match":{"$regexp":"^a","flags":"i"},"f":{"$func":"#/~1sum/params/x/f"}}},"handler":{"$func":"#/~1sum/handler"}},"loop":{},"nan":null,"at":"1970-01-01T00:00:00.000Z"}`
	var g, w any
	if err := errors.Join(json.Unmarshal(d.Exports, &g), json.Unmarshal([]byte(want), &w)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w, g); diff != "" || !slices.Equal(d.Hooks, []string{"check"}) {
		t.Errorf("hooks %q, exports (-want +got):\n%s", d.Hooks, diff)
	}
	if v, err := call(t, i, "#/~1sum/handler", "3"); err != nil || string(v) != "[3,true]" {
		t.Errorf("%s, %v", v, err)
	}
	_, err = one(t, "export default {get broken() { throw new Error('no') }}").Describe(t.Context())
	if err == nil || !contains(err.Error(), "broken") {
		t.Errorf("a getter that throws: %v", err)
	}
	_, err = one(t, "const p = () => new Proxy({}, {get: p, ownKeys: () => ['a'], getOwnPropertyDescriptor: () => ({value: 1, enumerable: true, configurable: true})})\nexport default {p: p()}").Describe(t.Context())
	if err == nil || !contains(err.Error(), "too deep") {
		t.Errorf("an endless proxy: %v", err)
	}
}

// Traces name the lines that the author wrote, also in another file.
func TestTrace(t *testing.T) {
	t.Parallel()
	i := start(t, &js.Engine{}, source(t, "index.ts", map[string]string{
		"index.ts":    "import {deep} from './lib/deep'\ninterface A { a: number }\n\nexport default {\n  async f(a: A) { await null; return deep(a) },\n}\n",
		"lib/deep.ts": "// one\ntype T = any\nexport function deep(a: T) {\n  return a.b.c\n}\n",
	}))
	_, err := call(t, i, "f", "{}")
	r, ok := errors.AsType[*plugin.Rejection](err)
	if !ok || !contains(r.Stack, "lib/deep.ts:4:") || !contains(r.Stack, "index.ts:5:") {
		t.Errorf("%v, trace:\n%s", err, r.Stack)
	}
}

// What is logged of an error names the author's lines, and what caused it; so does a trace of what was thrown.
func TestTrace_Logged(t *testing.T) {
	t.Parallel()
	host := plugintest.NewHost()
	src := source(t, "index.ts", map[string]string{"index.ts": `interface A { a: number }

function deep(a: A): never {
  throw new TypeError('deep trouble', {cause: new Error('of old')})
}
export default {
  caught() { try { deep({a: 1}) } catch (e) { console.error('odd:', e, {inside: e}) } },
  async late() { setTimeout(() => deep({a: 2}), 1); await new Promise(r => setTimeout(r, 20)) },
  thrown() { deep({a: 3}) },
}
`})
	p, err := (&js.Engine{}).Load(t.Context(), src, host)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	i, err := p.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	for _, fn := range []string{"caught", "late"} {
		if _, err := call(t, i, fn); err != nil {
			t.Fatal(err)
		}
	}
	const trace = "\n    at deep (index.ts:4:"
	for n, want := range []string{
		"ERROR odd: TypeError: deep trouble" + trace + "|    at caught (index.ts:7:|caused by Error: of old" + trace + `|{"inside":"TypeError: deep trouble"}`,
		"ERROR uncaught: TypeError: deep trouble" + trace + "|    at <anonymous> (index.ts:8:",
	} {
		for _, part := range strings.Split(want, "|") {
			if lines := host.Lines(); n >= len(lines) || !contains(lines[n], part) || contains(lines[n], "<eval>") || contains(lines[n], "native") {
				t.Errorf("no %q in %q", part, lines)
			}
		}
	}
	_, err = call(t, i, "thrown")
	r, ok := errors.AsType[*plugin.Rejection](err)
	if !ok || !contains(r.Stack, "at thrown (index.ts:9:") || !contains(r.Stack, "caused by Error: of old\nat deep (index.ts:4:") {
		t.Errorf("%v, trace:\n%s", err, r.Stack)
	}
}

// Code that throws while it is loaded or attached is named with the line.
func TestTrace_Load(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	plugintest.Write(t, dir, map[string]string{
		"attaching.ts": "type A = any\n\nexport default {check() {}, attach(a: A) { a.b.c() }}",
		"top.ts":       "interface A { a: number }\n\nconst a: any = null\na.boom()\nexport default {check() {}}",
	})
	m := plugin.NewManager(plugin.Config{Engines: map[string]plugin.Engine{plugin.EngineJS: &js.Engine{}}})
	defer m.Revoke()
	r, err := m.Reload(t.Context(), plugin.Settings{Dir: dir}, plugin.Reload{})
	if err != nil || len(r.Failed) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	for n, want := range []string{"TypeError: cannot read property 'c' of undefined at attach (attaching.ts:3:", "TypeError: cannot read property 'boom' of null at <anonymous> (top.ts:4:"} {
		if !contains(r.Failed[n].Error, want) {
			t.Errorf("%+v, want %q", r.Failed[n], want)
		}
	}
}

// Nothing outside of the directory is bundled, and all that is inside is listed (G26, G27).
func TestBundle_G26_Files(t *testing.T) {
	t.Parallel()
	src := source(t, "index.ts", map[string]string{"index.ts": "import './a'\nimport d from './d.json'\nexport default {d}", "a.ts": "", "d.json": "{}"})
	p, err := (&js.Engine{}).Load(t.Context(), src, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"a.ts", "d.json", "index.ts"}, p.Files()); d != "" {
		t.Error(d)
	}
	outside := filepath.Join(t.TempDir(), "out.ts")
	if err := errors.Join(os.WriteFile(outside, []byte("export default 1"), 0o600), os.Symlink(outside, filepath.Join(src.Dir, "link.ts"))); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"./link", "../" + filepath.Base(filepath.Dir(outside)) + "/out", outside} {
		if err := os.WriteFile(filepath.Join(src.Dir, "index.ts"), []byte("\nimport '"+from+"'"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := (&js.Engine{}).Load(t.Context(), src, nil); err == nil || !contains(err.Error(), "index.ts:2:8") {
			t.Errorf("%s: %v", from, err)
		}
	}
}

// A pattern of imports reaches nothing outside of the directory either.
func TestBundle_GlobOutside(t *testing.T) {
	t.Parallel()
	for name, from := range map[string]string{"import": "import(`../other/${n}.json`)", "require": "require('../other/' + n + '.json')", "link": "import(`./link/${n}.json`)"} {
		t.Run(name, func(t *testing.T) {
			src := source(t, "mine/index.js", map[string]string{
				"mine/index.js": "export default {f(n) { return " + from + " }}", "other/secret.json": `{"token":"hidden"}`,
			})
			src.Dir, src.Manifest.Main = filepath.Join(src.Dir, "mine"), "index.js"
			if err := os.Symlink("../other", filepath.Join(src.Dir, "link")); err != nil {
				t.Fatal(err)
			}
			p, err := (&js.Engine{}).Load(t.Context(), src, plugintest.NewHost())
			if err == nil {
				t.Fatalf("it loads, with %q", p.Files())
			}
			if !contains(err.Error(), "outside of the plugin's directory") {
				t.Error(err)
			}
		})
	}
}

// Every global of the host API is declared, and nothing else.
func TestDeclarations(t *testing.T) {
	t.Parallel()
	base := strings.Fields(`Error EvalError RangeError ReferenceError SyntaxError TypeError URIError InternalError AggregateError SuppressedError
Array Object Function Iterator parseInt parseFloat isNaN isFinite decodeURI decodeURIComponent encodeURI encodeURIComponent escape unescape Infinity NaN
undefined eval Number Boolean String Math Reflect Symbol globalThis BigInt Date RegExp JSON Proxy Map Set WeakMap WeakSet ArrayBuffer SharedArrayBuffer
Uint8ClampedArray Int8Array Uint8Array Int16Array Uint16Array Int32Array Uint32Array BigInt64Array BigUint64Array Float16Array Float32Array Float64Array
DataView Atomics Promise WeakRef FinalizationRegistry`)
	v, err := call(t, one(t, "export const names = {of() { return Object.getOwnPropertyNames(globalThis) }}"), "#/names/of")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := json.Unmarshal(v, &got); err != nil {
		t.Fatal(err)
	}
	got = slices.DeleteFunc(got, func(n string) bool { return slices.Contains(base, n) })
	var want []string
	for _, m := range regexp.MustCompile(`(?m)^declare (?:const|function|class) (\w+)`).FindAllStringSubmatch(js.Declarations, -1) {
		want = append(want, m[1])
	}
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("declared and defined (-declared +defined):\n%s", d)
	}
}
