package cache_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

var sameManifest = cmp.Options{
	cmp.AllowUnexported(cache.Manifest{}, pkgref.Version{}), cmpopts.EquateEmpty(),
}

func oddManifest(tb testing.TB) *cache.Manifest {
	m := manifest(tb, "@acme/x", "1.0.0-beta.1+build.5")
	m.Published, m.Fetched = time.Date(2020, 1, 2, 3, 4, 5, 6, time.UTC), time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)
	m.Blob, m.BlobSize, m.Integrity = strings.Repeat("ab", 64), 1234, "sha512-xyz=="
	m.Generated, m.Open, m.State = true, true, "a\nb"
	var files []cache.File
	for i, p := range []string{
		"plain.js", `quo"te`, `back\slash`, "spa ce", "ünïcode/日本", "bad\xff\xfeutf8", "tab\there", "new\nline", "<html>&",
		"\u2028", "del\x7f", `","size":1,"sha256":"`, strings.Repeat("x", 255), "-", "a/..b/...",
	} {
		files = append(files,
			cache.File{Path: p, Size: int64(i), SHA256: sum(p), Offset: int64(i) << 33},
			cache.File{Path: "unknown/" + p, Size: -1, Integrity: "sha256-" + p})
	}
	for i := range files { // an invalid byte cannot be in an SRI text
		files[i].Integrity = strings.ToValidUTF8(files[i].Integrity, "?")
	}
	return m.WithFiles(files)
}

func TestEncodeManifest_RoundTrip(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]*cache.Manifest{"odd": oddManifest(t), "empty": manifest(t, "x", "1.0.0")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := cache.EncodeManifest(m)
			if err != nil {
				t.Fatal(err)
			}
			if lines := bytes.Count(data, []byte("\n")); lines != 1+len(m.Files()) {
				t.Errorf("%d lines", lines)
			}
			got, err := cache.DecodeManifest(data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(m, got, sameManifest); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeManifest_Refuses(t *testing.T) {
	t.Parallel()
	const head = `{"format":1,"name":"x","version":"1.0.0","provider":"npm","fetched":"2021-01-01T00:00:00Z","files":%d}` + "\n"
	line := `{"path":"a","size":1,"sha256":"` + strings.Repeat("ab", 32) + `"}` + "\n"
	of := func(n int, lines string) string { return fmt.Sprintf(head, n) + lines }
	tests := map[string]string{
		"nothing":            "",
		"zeros":              "\x00\x00\x00",
		"format 2":           strings.Replace(of(0, ""), `"format":1`, `"format":2`, 1),
		"no format":          strings.Replace(of(0, ""), `"format":1,`, "", 1),
		"bad name":           strings.Replace(of(0, ""), `"name":"x"`, `"name":"../x"`, 1),
		"bad version":        strings.Replace(of(0, ""), "1.0.0", "^1", 1),
		"bad blob":           strings.Replace(of(0, ""), `"files"`, `"sha512":"../../../x","files"`, 1),
		"short blob":         strings.Replace(of(0, ""), `"files"`, `"sha512":"abcd","files"`, 1),
		"one line missing":   of(2, line),
		"half a line":        of(2, line+line[:40]),
		"one line too many":  of(1, line+line),
		"huge count":         of(1<<40, line),
		"negative count":     of(-1, line),
		"short digest":       of(1, strings.Replace(line, "abab", "", 1)),
		"digest of nonsense": of(1, strings.Replace(line, "abab", "xxxx", 1)),
		"zeros for a line":   of(1, strings.Repeat("\x00", 50)),
		"empty path":         of(1, strings.Replace(line, `"a"`, `""`, 1)),
		"no path":            of(1, strings.Replace(line, `"path":"a",`, ``, 1)),
		"leading out":        of(1, strings.Replace(line, `"a"`, `"../2.0.0/a"`, 1)),
		"out in the middle":  of(1, strings.Replace(line, `"a"`, `"a/../../b"`, 1)),
		"absolute":           of(1, strings.Replace(line, `"a"`, `"/etc/passwd"`, 1)),
		"dot":                of(1, strings.Replace(line, `"a"`, `"./a"`, 1)),
		"raw leading out":    of(1, strings.Replace(line, `"path":"a"`, `"rawPath":"Li4vYQ=="`, 1)),
		"negative size":      of(1, strings.Replace(line, `"size":1`, `"size":-2`, 1)),
		"negative offset":    of(1, strings.Replace(line, `"size":1`, `"size":1,"offset":-1`, 1)),
		"many empty lines":   of(1000, strings.Repeat("\n", 1000)),
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if m, err := cache.DecodeManifest([]byte(data)); err == nil {
				t.Errorf("read as %+v with %v", m, m.Files())
			}
		})
	}
	if _, err := cache.DecodeManifest([]byte(of(1, line))); err != nil {
		t.Errorf("the one that is right: %v", err)
	}
}

func FuzzDecodeManifest(f *testing.F) {
	data, err := cache.EncodeManifest(oddManifest(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte(`{"format":1,"name":"x","version":"1.0.0","fetched":"2021-01-01T00:00:00Z","files":1}` + "\n" + `{"path":"a","size":1,"sha256":"` + strings.Repeat("0", 64) + `","offset":7}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := cache.DecodeManifest(data)
		if err != nil {
			return
		}
		again, err := cache.EncodeManifest(m)
		if err != nil {
			return // a time that JSON cannot hold
		}
		n, err := cache.DecodeManifest(again)
		if err != nil {
			t.Fatalf("cannot be read again: %v\n%s", err, again)
		}
		if diff := cmp.Diff(m, n, sameManifest); diff != "" {
			t.Error(diff)
		}
	})
}

func TestManifest_DamagedCountsAsAbsent(t *testing.T) {
	t.Parallel()
	other := func(e env, from string) []byte {
		data, err := os.ReadFile(e.path("state/packages", from))
		if err != nil {
			t.Error(err)
		}
		return data
	}
	tests := map[string]func(e env, right []byte) []byte{
		"torn":          func(_ env, right []byte) []byte { return right[:len(right)-30] },
		"empty":         func(env, []byte) []byte { return nil },
		"other version": func(e env, _ []byte) []byte { return other(e, "lodash/releases/2.0.0.jsonl") },
		"other package": func(e env, _ []byte) []byte { return other(e, "other/releases/1.0.0.jsonl") },
		"unknown format": func(_ env, right []byte) []byte {
			return bytes.Replace(right, []byte(`"format":1`), []byte(`"format":9`), 1)
		},
		"path out of it": func(_ env, right []byte) []byte {
			return bytes.Replace(right, []byte(`dist/a.js"`), []byte(`../../a.js"`), 1)
		},
		"directory there": nil,
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log, logged := logger()
			e := openWith(t, cache.Config{Logger: log})
			m := e.put(t, "lodash", "1.0.0", lodash)
			e.put(t, "lodash", "2.0.0", lodash)
			e.put(t, "other", "1.0.0", lodash)
			file := e.path("state/packages/lodash/releases/1.0.0.jsonl")
			right, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			e.DropFromMemory(m.Name, m.Version)
			if damage == nil {
				err = errors.Join(os.Remove(file), os.Mkdir(file, 0o755))
			} else {
				err = os.WriteFile(file, damage(e, right), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.Manifest(m.Name, m.Version); !errors.Is(err, outcome.NotFound) {
				t.Errorf("got %v", err)
			}
			if !strings.Contains(logged.String(), "file=state/packages/lodash/releases/1.0.0.jsonl") {
				t.Errorf("logged %q", logged)
			}
			if damage != nil { // and heals
				e.show(t, e.put(t, "lodash", "1.0.0", lodash), "index.js")
			}
		})
	}
}

// A manifest that could not be read again must not be held in memory either.
func TestPutManifest_RefusesPathsThatLeadOut(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"../x", "a/../../x", "/x", "", "a//b", "a/", "."} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			e := open(t)
			m := manifest(t, "x", "1.0.0").WithFiles([]cache.File{{Path: path, Size: -1}})
			if err := e.PutManifest(m); !errors.Is(err, outcome.Refused) {
				t.Errorf("got %v", err)
			}
			if _, err := e.Manifest(m.Name, m.Version); !errors.Is(err, outcome.NotFound) {
				t.Errorf("held: %v", err)
			}
		})
	}
}

// The longest version of all is longer than a file name may be.
func TestManifest_VersionTooLongForTheDisk(t *testing.T) {
	t.Parallel()
	e := open(t)
	m := manifest(t, "x", "1.0.0-"+strings.Repeat("a", 250))
	if _, err := e.Manifest(m.Name, m.Version); !errors.Is(err, outcome.NotFound) {
		t.Errorf("look-up: %v", err)
	}
	if err := e.PutManifest(m); !errors.Is(err, outcome.Refused) {
		t.Errorf("store: %v", err)
	}
	wantNothingStaged(t, e)
}
