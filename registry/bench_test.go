package registry_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
)

func BenchmarkFind_Held(b *testing.B) {
	e := start(b, one(newSource("npm").put("lodash", "1.0.0", site())))
	q := parse(b, "/lib/lodash/1.0.0/lib/main.js")
	b.ReportAllocs()
	for b.Loop() {
		if a, err := e.Find(b.Context(), q); err != nil || a.File == nil {
			b.Fatal(a, err)
		}
	}
}

func BenchmarkFind_Range(b *testing.B) {
	s := newSource("npm")
	s.bare = true
	for i := range 2000 {
		s.put("p", fmt.Sprintf("%d.%d.%d", i/200, i/10%20, i%10), text{"index.js": ""})
	}
	e := start(b, one(s))
	for name, path := range map[string]string{"newest": "/lib/p/*/x", "middle": "/lib/p/^4/x", "oldest": "/lib/p/~0.0/x", "latest": "/lib/p/latest/x"} {
		b.Run(name, func(b *testing.B) {
			q := parse(b, path)
			b.ReportAllocs()
			for b.Loop() {
				if a, err := e.Find(b.Context(), q); err != nil || a.Redirect == nil {
					b.Fatal(a, err)
				}
			}
		})
	}
}

func BenchmarkFind_KnownAbsent(b *testing.B) {
	e := start(b, one(newSource("npm").versionsOf("p", "1.0.0")))
	for name, path := range map[string]string{"file": "/lib/p/1.0.0/none.js", "version": "/lib/p/2.0.0/x", "package": "/lib/q/^1/x"} {
		b.Run(name, func(b *testing.B) {
			q := parse(b, path)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := e.Find(b.Context(), q); !errors.Is(err, outcome.NotFound) {
					b.Fatal(err)
				}
			}
		})
	}
}
