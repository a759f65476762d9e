package unpack_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/unpack"
)

// entry is one raw member. Headers are written by hand, since no decent
// library writes the ones that matter here.
type entry struct {
	name     string
	body     string
	kind     byte   // '0' when 0
	link     string // its target
	prefix   string // of ustar
	mode     string // seven octal digits
	size     string // of the header's field, when it shall lie; 11 octal digits or raw bytes
	checksum string // when it shall lie
	magic    string // "ustar\x0000" when empty
}

// file is a plain member.
func file(name, body string) entry { return entry{name: name, body: body} }

// dir is a directory member.
func dir(name string) entry { return entry{name: name, kind: '5'} }

// pax is an extended header for the next member.
func pax(pairs ...string) entry {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		record := " " + pairs[i] + "=" + pairs[i+1] + "\n"
		n := len(record) + 1
		for len(fmt.Sprint(n))+len(record) != n {
			n = len(fmt.Sprint(n)) + len(record)
		}
		fmt.Fprintf(&b, "%d%s", n, record)
	}
	return entry{name: "PaxHeader", kind: 'x', body: b.String()}
}

// long is a GNU long name ('L') or long link ('K') for the next member.
func long(kind byte, value string) entry {
	return entry{name: "././@LongLink", kind: kind, body: value + "\x00", magic: "ustar  \x00"}
}

// bytes returns the header, body and padding of the member.
func (e entry) bytes() []byte {
	h := make([]byte, 512)
	copy(h, e.name)
	copy(h[100:], "0000644\x00")
	copy(h[100:], e.mode)
	copy(h[108:], "0000000\x00")
	copy(h[116:], "0000000\x00")
	copy(h[124:], fmt.Sprintf("%011o", len(e.body)))
	if e.size != "" {
		copy(h[124:136], e.size)
	}
	copy(h[136:], "00000000000")
	h[156] = '0'
	if e.kind != 0 {
		h[156] = e.kind
	}
	copy(h[157:], e.link)
	copy(h[257:], "ustar\x0000")
	copy(h[257:], e.magic)
	copy(h[345:500], e.prefix)
	copy(h[148:], "        ")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	copy(h[148:], e.checksum)
	return append(append(h, e.body...), make([]byte, -len(e.body)&511)...)
}

// tarOf returns an uncompressed archive with its end marker.
func tarOf(entries ...entry) []byte {
	var b []byte
	for _, e := range entries {
		b = append(b, e.bytes()...)
	}
	return append(b, make([]byte, 1024)...)
}

// gz compresses.
func gz(data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write(data)
	w.Close()
	return b.Bytes()
}

// tgz returns a compressed archive.
func tgz(entries ...entry) []byte { return gz(tarOf(entries...)) }

// unpacked runs Tarball and returns the files' contents by path, after it has
// checked everything that must hold for any archive whatever.
func unpacked(tb testing.TB, r io.Reader, limits unpack.Limits) (map[string]string, error) {
	tb.Helper()
	var out bytes.Buffer
	files, err := unpack.Tarball(r, &out, limits)
	if err != nil {
		if files != nil {
			tb.Errorf("%d files beside an error", len(files))
		}
		return nil, err
	}
	if len(files) == 0 || len(files) > limits.Entries || int64(out.Len()) > limits.Unpacked {
		tb.Errorf("%d files of %d bytes are beyond %+v", len(files), out.Len(), limits)
	}
	contents := make(map[string]string, len(files))
	for i, f := range files {
		checkPath(tb, f.Path, limits)
		if i > 0 && files[i-1].Path >= f.Path {
			tb.Errorf("%q comes after %q", f.Path, files[i-1].Path)
		}
		if f.Offset < 0 || f.Size < 0 || f.Offset+f.Size > int64(out.Len()) {
			tb.Fatalf("%q lies at %d+%d of %d", f.Path, f.Offset, f.Size, out.Len())
		}
		data := out.Bytes()[f.Offset:][:f.Size]
		if sha256.Sum256(data) != f.SHA256 {
			tb.Errorf("%q has another hash than its bytes", f.Path)
		}
		contents[f.Path] = string(data)
	}
	for path := range contents {
		for i, c := range path {
			if _, ok := contents[path[:i]]; ok && c == '/' {
				tb.Errorf("%q is below the file %q", path, path[:i])
			}
		}
	}
	return contents, nil
}

func checkPath(tb testing.TB, path string, limits unpack.Limits) {
	tb.Helper()
	if path == "" || len(path) > limits.Path || strings.Count(path, "/") > limits.Depth {
		tb.Errorf("path %q is beyond %+v", path, limits)
	}
	if strings.ContainsAny(path, "\\\x00\n\x1b\x7f") {
		tb.Errorf("path %q cannot be asked for", path)
	}
	for s := range strings.SplitSeq(path, "/") {
		if s == "" || s == "." || s == ".." || len(s) > 255 {
			tb.Errorf("path %q has the segment %q", path, s)
		}
	}
}
