package pkgref_test

import (
	"fmt"
	"testing"

	"github.com/registryd/registryd/pkgref"
)

func BenchmarkParsePath(b *testing.B) {
	for name, raw := range map[string]string{
		"exact":   "/lib/d3/7.8.5/dist/d3.min.js",
		"scoped":  "/lib/%40types%2fnode/20.1.0/index.d.ts",
		"range":   "/lib/d3/%5E7/dist/d3.min.js",
		"tag":     "/lib/d3/next/dist/d3.min.js",
		"refused": "/lib/d3/7.8.5/../../../etc/passwd",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = pkgref.ParsePath(raw, "/lib/")
			}
		})
	}
}

func BenchmarkParseSpec(b *testing.B) {
	for _, s := range []string{"1.2.3", "2.0.0-beta.1", "^1.2", ">=1.2.3 <2 || 3.x", "1.2 - 3", "next"} {
		b.Run(s, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := pkgref.ParseSpec(s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseVersion(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := pkgref.ParseVersion("12.4.31-beta.7"); err != nil {
			b.Fatal(err)
		}
	}
}

// manyVersions makes n versions, oldest first, a quarter of them prereleases.
func manyVersions(b *testing.B, n int) []pkgref.Version {
	b.Helper()
	vs := make([]pkgref.Version, 0, n)
	for i := range n {
		text := fmt.Sprintf("%d.%d.%d", i/400, i/20%20, i%20)
		if i%4 == 0 {
			text += fmt.Sprintf("-beta.%d", i)
		}
		vs = append(vs, version(b, text))
	}
	return vs
}

func BenchmarkRangeHas(b *testing.B) {
	v := version(b, "1.4.2-beta.3")
	r := parse(b, "^1.2 || >=1.4.2-beta.1 <3")
	b.ReportAllocs()
	for b.Loop() {
		if !r.Has(v) {
			b.Fatal("not in the range")
		}
	}
}

func BenchmarkRangeMax2000(b *testing.B) {
	vs := manyVersions(b, 2000)
	for _, s := range []string{"^2.3", "*", ">=1.0.0-beta.1 <3"} {
		r := parse(b, s)
		b.Run(s, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r.Max(vs) < 0 {
					b.Fatal("nothing found")
				}
			}
		})
	}
}
