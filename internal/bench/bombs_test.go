package bench_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// bombs are archives that cost more than they look.
var bombs = []struct {
	name, what string
	build      func(*testing.B) []byte
}{
	{"bomb-zeros", "4 GiB of zeros", zeros},
	{"bomb-entries", "2 million files", entries},
	{"bomb-pax", "an extended header of 1 GiB", func(b *testing.B) []byte { return header(b, tar.TypeXHeader) }},
	{"bomb-name", "a name of 1 GiB", func(b *testing.B) []byte { return header(b, tar.TypeGNULongName) }},
	{"bomb-paths", "200,000 paths of 1,000 bytes", paths},
}

// compressed returns what write wrote, gzipped.
func compressed(b *testing.B, write func(io.Writer) error) []byte {
	b.Helper()
	var out bytes.Buffer
	zw := gzip.NewWriter(&out)
	if err := write(zw); err != nil {
		b.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}

// nothing is an endless reader of one byte.
type nothing byte

func (n nothing) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(n)
	}
	return len(p), nil
}

func zeros(b *testing.B) []byte {
	return compressed(b, func(w io.Writer) error {
		const size = 4 << 30
		tw := tar.NewWriter(w)
		if err := tw.WriteHeader(&tar.Header{Name: "package/index.js", Size: size, Mode: 0o644}); err != nil {
			return err
		}
		_, err := io.CopyN(tw, nothing(0), size)
		return err
	})
}

func entries(b *testing.B) []byte {
	return compressed(b, func(w io.Writer) error {
		tw := tar.NewWriter(w)
		for i := range 2_000_000 {
			if err := tw.WriteHeader(&tar.Header{Name: fmt.Sprintf("package/%d", i), Mode: 0o644}); err != nil {
				return err
			}
		}
		return tw.Close()
	})
}

func paths(b *testing.B) []byte {
	return compressed(b, func(w io.Writer) error {
		tw := tar.NewWriter(w)
		long := strings.Repeat(strings.Repeat("a", 99)+"/", 9)
		for i := range 200_000 {
			h := &tar.Header{Name: fmt.Sprintf("package/%s%090d", long, i), Mode: 0o644, Format: tar.FormatPAX}
			if err := tw.WriteHeader(h); err != nil {
				return err
			}
		}
		return tw.Close()
	})
}

// header writes a header about the next member that is 1 GiB long.
func header(b *testing.B, kind byte) []byte {
	return compressed(b, func(w io.Writer) error {
		const size = 1 << 30
		var block [512]byte
		copy(block[:], "package/x")
		copy(block[100:], "0000644\x000000000\x000000000\x00")
		copy(block[124:], fmt.Sprintf("%011o\x0000000000000\x00        ", size))
		block[156] = kind
		copy(block[257:], "ustar\x0000")
		sum := 0
		for _, c := range block {
			sum += int(c)
		}
		copy(block[148:], fmt.Sprintf("%06o\x00 ", sum))
		if _, err := w.Write(block[:]); err != nil {
			return err
		}
		_, err := io.CopyN(w, nothing('1'), size)
		return err
	})
}
