package unpack_test

import (
	"bytes"
	"crypto/sha256"
	"io"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/unpack"
)

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
