package unpack_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/gzip"

	"github.com/registryd/registryd/internal/unpack"
)

// prose returns n bytes that compress about as well as source code.
func prose(rnd *rand.Rand, n int) []byte {
	words := make([]string, 400)
	for i := range words {
		words[i] = fmt.Sprintf("%x", rnd.Uint64())[:2+rnd.IntN(9)]
	}
	var b bytes.Buffer
	for b.Len() < n {
		b.WriteString(words[min(rnd.IntN(len(words)), rnd.IntN(len(words)))])
		b.WriteByte(" .;(\n"[rnd.IntN(5)])
	}
	return b.Bytes()[:n]
}

// generate returns a tarball of the given number of files of about size bytes.
func generate(b *testing.B, files, size int) []byte {
	b.Helper()
	rnd := rand.New(rand.NewPCG(1, 2))
	text := prose(rnd, 4<<20)
	var out bytes.Buffer
	gz := gzip.NewWriter(&out)
	tw := tar.NewWriter(gz)
	for i := range files {
		n := size/2 + rnd.IntN(size)
		at := rnd.IntN(len(text) - min(n, len(text)/2))
		data := text[at:min(at+n, len(text))]
		for len(data) < n {
			data = append(data[:len(data):len(data)], text[:min(n-len(data), len(text))]...)
		}
		name := fmt.Sprintf("package/dist/esm/%c/section-%d/module-%d.js", 'a'+rune(i%7), i/120, i)
		if err := tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(n)}); err != nil {
			b.Fatal(err)
		}
		if _, err := tw.Write(data); err != nil {
			b.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		b.Fatal(err)
	}
	if err := gz.Close(); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}

func BenchmarkTarball(b *testing.B) {
	for _, bb := range []struct {
		name        string
		files, size int
	}{
		{"small package", 20, 2 << 10},
		{"many files", 31_843, 4 << 10},
		{"large files", 100, 320 << 10},
	} {
		b.Run(bb.name, func(b *testing.B) {
			archive := generate(b, bb.files, bb.size)
			total := int64(0)
			b.ReportAllocs()
			for b.Loop() {
				files, err := unpack.Tarball(bytes.NewReader(archive), io.Discard, wide)
				if err != nil || len(files) != bb.files {
					b.Fatal(len(files), err)
				}
				total = files[0].Size
				for _, f := range files[1:] {
					total += f.Size
				}
			}
			b.SetBytes(total)
		})
	}
}

// BenchmarkInflate is the floor of BenchmarkTarball: the same archive, only
// decompressed. The two are compared within one run.
func BenchmarkInflate(b *testing.B) {
	archive := generate(b, 31_843, 4<<10)
	buf := make([]byte, 128<<10)
	for b.Loop() {
		gz, err := gzip.NewReader(bytes.NewReader(archive))
		if err != nil {
			b.Fatal(err)
		}
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{gz}, buf)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(n)
	}
}

// wide limits are those of the documentation.
var wide = unpack.Limits{Unpacked: 1 << 30, Entries: 100_000, Path: 1024, Depth: 128}
