package unpack_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/unpack"
)

func smallLimits() unpack.Limits {
	return unpack.Limits{Unpacked: 1 << 20, Entries: 8, Path: 40, Depth: 4}
}

// oddNames are names, and what becomes of a file of that name: its path, "" for
// left out, or the reason of a refusal after "!".
func oddNames() map[string]string {
	return map[string]string{
		"a.js":                        "a.js",
		"a/b.js":                      "a/b.js",
		"a//b.js":                     "a/b.js",
		"a/./b.js":                    "a/b.js",
		"a/..b/c..":                   "a/..b/c..",
		".hidden/x":                   ".hidden/x",
		"ü":                           "ü",
		"a b %2f":                     "a b %2f",
		"a/../b":                      "!path",
		"..":                          "!path",
		"../x":                        "!path",
		"a/..":                        "!path",
		`a\..\b`:                      "!path",
		"/x":                          "!path",
		"//x":                         "!path",
		"x/":                          "!path",
		`a\b`:                         "",
		"a\nb":                        "",
		"a\x00b":                      "",
		"a\x7fb":                      "",
		"a\xff":                       "",
		"./.":                         "",
		"d/d/d/d/x":                   "d/d/d/d/x",
		"d/d/d/d/d/x":                 "!length",
		strings.Repeat("x", 40):       strings.Repeat("x", 40),
		strings.Repeat("x", 41):       "!length",
		strings.Repeat("x/", 3) + "y": "x/x/x/y",
	}
}

func TestPaths_PG3(t *testing.T) {
	t.Parallel()
	for name, want := range oddNames() {
		t.Run(fmt.Sprintf("%q", name), func(t *testing.T) {
			t.Parallel()
			path, listed, err := smallLimits().Paths().Add(name)
			if reason, refused := strings.CutPrefix(want, "!"); refused {
				if unpack.Reason(err) != reason || !errors.Is(err, outcome.Refused) || listed {
					t.Errorf("got %q, %v, %v; want a refusal: %s", path, listed, err, reason)
				}
				return
			}
			if err != nil || listed != (want != "") || listed && path != want {
				t.Errorf("got %q, %v, %v; want %q", path, listed, err, want)
			}
		})
	}
}

// An archive with a leading directory and a list judge alike.
func TestPathsAgreeWithArchives_PG3(t *testing.T) {
	t.Parallel()
	for name := range oddNames() {
		if strings.ContainsAny(name, "\x00") || strings.HasSuffix(name, "/") || strings.HasPrefix(name, "/") {
			continue // tar cannot say it, or says something else by it
		}
		path, listed, err := smallLimits().Paths().Add(name)
		var archive bytes.Buffer
		zw := gzip.NewWriter(&archive)
		tw := tar.NewWriter(zw)
		if err := errors.Join(
			tw.WriteHeader(&tar.Header{Name: "package/" + name, Typeflag: tar.TypeReg, Format: tar.FormatGNU}),
			tw.WriteHeader(&tar.Header{Name: "package/other", Typeflag: tar.TypeReg}), tw.Close(), zw.Close()); err != nil {
			t.Fatal(err)
		}
		files, unpackErr := unpack.Tarball(&archive, io.Discard, smallLimits())
		if unpack.Reason(unpackErr) != unpack.Reason(err) {
			t.Errorf("%q: a list says %v, an archive %v", name, err, unpackErr)
			continue
		}
		found := ""
		for _, f := range files {
			if f.Path != "other" {
				found = f.Path
			}
		}
		if err == nil && (found != "") != listed || listed && found != path {
			t.Errorf("%q: a list says %q, an archive %q", name, path, found)
		}
	}
}

func TestPathsTogether_PG3(t *testing.T) {
	t.Parallel()
	p := smallLimits().Paths()
	for _, name := range []string{"a/b", "a", "c", "a/b"} {
		if _, _, err := p.Add(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Check("a"); unpack.Reason(err) != "conflict" || !errors.Is(err, outcome.Refused) {
		t.Errorf("a file that is a directory: %v", err)
	}
	if err := errors.Join(p.Check("a/b"), p.Check("c")); err != nil {
		t.Error(err)
	}
	for range 3 {
		if _, _, err := p.Add("d"); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := p.Add("e"); unpack.Reason(err) != "entries" {
		t.Errorf("nine entries: %v", err)
	}
	p = unpack.Limits{Entries: 1 << 30, Path: 1 << 30, Depth: 9}.Paths()
	long := strings.Repeat("x/y", 80)[:200]
	err := error(nil)
	for i := 0; err == nil && i < 1<<20; i++ {
		_, _, err = p.Add(long[:8] + fmt.Sprint(i) + strings.Repeat("z", 200))
	}
	if unpack.Reason(err) != "entries" {
		t.Errorf("endless names: %v", err)
	}
}
