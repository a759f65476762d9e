package cache_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/registryd/registryd/cache"
)

// large is a manifest as an icon package has it.
func large(b *testing.B) *cache.Manifest {
	m := manifest(b, "@acme/icons", "1.0.0")
	files := make([]cache.File, 30_000)
	for i := range files {
		p := fmt.Sprintf("dist/esm/icons/%05d/some-icon-name.js", i)
		files[i] = cache.File{Path: p, Size: int64(i), Offset: int64(i) * 1000, SHA256: sum(p)}
	}
	return m.WithFiles(files)
}

func BenchmarkEncodeManifest(b *testing.B) {
	m := large(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cache.EncodeManifest(m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeManifest(b *testing.B) {
	data, err := cache.EncodeManifest(large(b))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cache.DecodeManifest(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPutManifest(b *testing.B) {
	e, m := open(b), large(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := e.PutManifest(m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMaterialise(b *testing.B) {
	many := text{}
	for i := range 30_000 {
		many = append(many, fmt.Sprintf("dist/icons/%05d.js", i), "export default 1\n")
	}
	cases := map[string]struct {
		files text
		path  string
	}{
		"1KB":           {text{"dist/a.js", strings.Repeat("x", 1<<10)}, "dist/a.js"},
		"100KB":         {text{"dist/a.js", strings.Repeat("x", 100<<10)}, "dist/a.js"},
		"of30000":       {many, "dist/icons/15000.js"},
		"deep":          {text{"a/b/c/d/e/f/g/h.js", strings.Repeat("x", 1<<10)}, "a/b/c/d/e/f/g/h.js"},
		"NewRelease1KB": {text{"dist/a.js", strings.Repeat("x", 1<<10)}, "dist/a.js"},
	}
	for name, bb := range cases {
		b.Run(name, func(b *testing.B) {
			e := open(b)
			m := e.put(b, "x", "1.0.0", bb.files)
			f := fileOf(b, m, bb.path)
			file := e.view("x/1.0.0", bb.path)
			b.ReportAllocs()
			for b.Loop() {
				if err := e.Materialise(m, f, nil); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				remove := os.Remove
				if strings.HasPrefix(name, "New") {
					remove = func(string) error { return os.RemoveAll(e.view("x")) }
				}
				if err := remove(file); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
	b.Run("InView", func(b *testing.B) {
		e := open(b)
		m := e.put(b, "x", "1.0.0", lodash)
		f := fileOf(b, m, "dist/a.js")
		b.ReportAllocs()
		for b.Loop() {
			if err := e.Materialise(m, f, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkIngest(b *testing.B) {
	files := text{}
	for i := range 1000 {
		files = append(files, fmt.Sprintf("dist/%04d/index.js", i), strings.Repeat(fmt.Sprintf("let x%d\n", i), 100))
	}
	benchmarkIngest(b, files)
}

// BenchmarkIngest_Dense has a tarball that hardly compresses, so that the hash
// of it is much of the work.
func BenchmarkIngest_Dense(b *testing.B) {
	noise := make([]byte, 8<<20)
	rand.NewChaCha8([32]byte{}).Read(noise)
	benchmarkIngest(b, text{"dist/app.wasm", string(noise)})
}

func benchmarkIngest(b *testing.B, files text) {
	e := open(b)
	data := tarball(b, files)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		s, err := e.Ingest(bytes.NewReader(data), cache.Tarball{Limits: wide, MaxBytes: 1 << 30})
		if err != nil {
			b.Fatal(err)
		}
		m, err := s.Commit(manifest(b, "x", "1.0.0"))
		if err == nil {
			err = e.PutManifest(m)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
