package js_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/plugin/js"
)

const benchCode = `export default {
  check({name}) { if (!name.startsWith('@acme/')) deny(403, 'only @acme') },
  resolve({text, spec}) { const v = Object.keys(JSON.parse(text).versions); return {version: semver.maxSatisfying(v, spec)} },
}`

func BenchmarkCheck(b *testing.B) {
	i := one(b, benchCode)
	for b.Loop() {
		if _, err := i.Call(context.Background(), "check", json.RawMessage(`{"name":"@acme/a"}`)); err != nil {
			b.Fatal(err)
		}
	}
}

// One document of about 50 KB crosses to the code, and is parsed and searched there.
func BenchmarkResolve50KB(b *testing.B) {
	versions := map[string]any{}
	for n := range 500 {
		versions[fmt.Sprintf("1.%d.0", n)] = map[string]string{"tarball": fmt.Sprintf("https://here.example/a/-/a-1.%d.0.tgz?some=%040d", n, n)}
	}
	doc, _ := json.Marshal(map[string]any{"versions": versions})
	arg, _ := json.Marshal(map[string]string{"text": string(doc), "spec": "^1.20.0"})
	i := one(b, benchCode)
	for b.Loop() {
		if _, err := i.Call(context.Background(), "resolve", arg); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(doc)), "bytes/document")
}

func BenchmarkStart(b *testing.B) {
	p, err := (&js.Engine{}).Load(b.Context(), source(b, "index.js", map[string]string{"index.js": benchCode}), nil)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		i, err := p.Start(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		i.Close()
	}
}

func BenchmarkLoad(b *testing.B) {
	src := source(b, "index.js", map[string]string{"index.js": benchCode})
	for b.Loop() {
		if _, err := (&js.Engine{}).Load(context.Background(), src, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// What crosses the boundary comes back as it was, or is refused; it never harms the instance.
func FuzzValues(f *testing.F) {
	for _, s := range []string{"null", "-0", "1e308", `"\ud800"`, `{"__proto__":1}`, `[[[]]]`, `"\u2028"`, `{"a":1,"a":2}`, "18446744073709551615"} {
		f.Add([]byte(s))
	}
	i := one(f, "export const echo = v => v")
	f.Fuzz(func(t *testing.T, data []byte) {
		if !json.Valid(data) {
			return
		}
		got, err := i.Call(t.Context(), "echo", data)
		if _, ok := err.(*plugin.Rejection); err != nil && !ok || !i.Reusable() {
			t.Fatalf("%q: %v", data, err)
		}
		if err == nil && !json.Valid(got) {
			t.Errorf("%q came back as %q", data, got)
		}
	})
}
