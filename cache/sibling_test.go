package cache_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// long compresses well.
var long = strings.Repeat("const answer = 42;\n", 500)

// packed is a release whose files have all kinds of siblings.
func packed(t *testing.T) (env, *cache.Manifest) {
	t.Helper()
	e := open(t)
	m := e.put(t, "packed", "1.0.0", text{
		"a.js", long, "noise.js", noise(4000), "shipped.js", long, "shipped.js.gz", "not gzip at all", "dir.js", long, "dir.js.br/x", "x",
		"old.js.gz", noise(300),
	})
	for _, path := range []string{"a.js", "noise.js", "shipped.js", "dir.js", "old.js.gz"} {
		e.show(t, m, path)
	}
	return e, m
}

func (e env) precompress(t *testing.T, m *cache.Manifest, path string) int64 {
	t.Helper()
	n, err := e.Precompress(t.Context(), m, fileOf(t, m, path), nil)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return n
}

func TestPrecompress(t *testing.T) {
	t.Parallel()
	e, m := packed(t)
	n := e.precompress(t, m, "a.js")
	var total int64
	for suffix, reader := range map[string]func(io.Reader) io.Reader{
		".br": func(r io.Reader) io.Reader { return brotli.NewReader(r) },
		".gz": func(r io.Reader) io.Reader {
			z, err := gzip.NewReader(r)
			if err != nil {
				t.Fatal(err)
			}
			return z
		},
	} {
		file := e.view("packed/1.0.0/a.js" + suffix)
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		total += int64(len(data))
		if got, err := io.ReadAll(reader(bytes.NewReader(data))); err != nil || string(got) != long {
			t.Errorf("%s says something else: %v", suffix, err)
		}
		info, err := os.Stat(file)
		if err != nil || info.Mode() != 0o644 || !info.ModTime().Equal(sum(long).ModTime()) {
			t.Errorf("%s: %v %v", suffix, info.Mode(), info.ModTime())
		}
	}
	if n != total {
		t.Errorf("it wrote %d bytes and tells of %d", total, n)
	}
	if n := e.precompress(t, m, "a.js"); n != 0 {
		t.Errorf("it wrote %d bytes again", n)
	}
	wantNothingStaged(t, e)
}

// What the package ships is the package's, and what gains nothing is not kept.
func TestPrecompress_Not_PH4(t *testing.T) {
	t.Parallel()
	e, m := packed(t)
	before := entries(t, e.view("packed/1.0.0"))
	for _, path := range []string{"noise.js", "shipped.js", "dir.js", "old.js.gz"} {
		if n := e.precompress(t, m, path); n != 0 {
			t.Errorf("%s: %d bytes", path, n)
		}
	}
	if after := entries(t, e.view("packed/1.0.0")); len(after) != len(before) {
		t.Errorf("the view has %v, had %v", after, before)
	}
	wantNothingStaged(t, e)
}

// A sibling never appears without its original, against the rules, or for a
// release that is gone.
func TestPrecompress_ObeysWhatIsInForce(t *testing.T) {
	t.Parallel()
	denied := errors.New("denied")
	for name, c := range map[string]struct {
		before func(t *testing.T, e env, m *cache.Manifest)
		gate   cache.Gate
		want   error
	}{
		"denied meanwhile":  {nil, func() error { return denied }, denied},
		"evicted meanwhile": {func(t *testing.T, e env, m *cache.Manifest) { e.Evict(m.Name, m.Version) }, nil, cache.ErrStale},
		"not in the view":   {func(t *testing.T, e env, _ *cache.Manifest) { os.Remove(e.view("packed/1.0.0/a.js")) }, nil, cache.ErrStale},
		"damaged in the view": {func(t *testing.T, e env, _ *cache.Manifest) {
			file := e.view("packed/1.0.0/a.js")
			write(t, file, strings.Replace(long, "42", "43", 1))
			os.Chtimes(file, sum(long).ModTime(), sum(long).ModTime())
		}, nil, cache.ErrStale},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, m := packed(t)
			f := fileOf(t, m, "a.js")
			if c.before != nil {
				c.before(t, e, m)
			}
			if n, err := e.Precompress(t.Context(), m, f, c.gate); !errors.Is(err, c.want) || n != 0 {
				t.Errorf("%d, %v", n, err)
			}
			wantGone(t, e.view("packed/1.0.0/a.js.gz"))
			wantGone(t, e.view("packed/1.0.0/a.js.br"))
			e.WaitForDeletions()
			wantNothingStaged(t, e)
		})
	}
}

func TestPrecompress_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	e, m := packed(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.Precompress(ctx, m, fileOf(t, m, "a.js"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	wantNothingStaged(t, e)
}

// Siblings go with their original, however it goes.
func TestSiblings_GoWithTheirOriginal(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(e env, m *cache.Manifest) error{
		"evict":   func(e env, m *cache.Manifest) error { return e.Evict(m.Name, m.Version) },
		"replace": func(e env, m *cache.Manifest) error { return e.Replace(m) },
		"sweep": func(e env, m *cache.Manifest) error {
			_, err := e.Sweep(func(n pkgref.Name, _ pkgref.Version) bool { return n == m.Name })
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, m := packed(t)
			e.precompress(t, m, "a.js")
			if err := remove(e, m); err != nil {
				t.Fatal(err)
			}
			wantGone(t, e.view("packed/1.0.0/a.js"))
			wantGone(t, e.view("packed/1.0.0/a.js.gz"))
			wantGone(t, e.view("packed/1.0.0/a.js.br"))
		})
	}
}

func TestVerify_Siblings(t *testing.T) {
	t.Parallel()
	const gz = "packed/1.0.0/a.js.gz"
	for name, c := range map[string]struct {
		damage func(t *testing.T, e env)
		want   string // "" nothing
	}{
		"as it was made": {func(*testing.T, env) {}, ""},
		"truncated":      {func(t *testing.T, e env) { rewrite(t, e.view(gz), func(b []byte) []byte { return b[:20] }) }, "cannot be read as gzip"},
		"of other bytes": {func(t *testing.T, e env) {
			rewrite(t, e.view(gz), func([]byte) []byte { return gzipped("let evil\n") })
		}, "does not say what the file beside it says"},
		"a bomb": {func(t *testing.T, e env) {
			rewrite(t, e.view(gz), func([]byte) []byte { return gzipped(strings.Repeat("x", 1<<20)) })
		}, "does not say what the file beside it says"},
		"of another day": {func(t *testing.T, e env) { write(t, e.view(gz), "anything") }, "is no compressed copy of the file beside it"},
		"left alone":     {func(_ *testing.T, e env) { os.Remove(e.view("packed/1.0.0/a.js")) }, "has outlived the file that it is a copy of"},
		"secret":         {func(_ *testing.T, e env) { os.Chmod(e.view(gz), 0o600) }, "has mode 0600"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, m := packed(t)
			e.precompress(t, m, "a.js")
			c.damage(t, e)
			found := e.verify(t, "packed", true)
			if c.want == "" {
				if len(found) > 0 {
					t.Errorf("found %v", found)
				}
				return
			}
			if len(found) == 0 || !strings.Contains(strings.Join(found, "\n"), gz+": "+c.want) {
				t.Errorf("found %v", found)
			}
			wantGone(t, e.view(gz))
			if found := e.verify(t, "packed", true); len(found) > 0 {
				t.Errorf("and once more %v", found)
			}
		})
	}
}

// rewrite changes what a file says, but not its mtime.
func rewrite(t *testing.T, file string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	keepTime(t, file, func(t *testing.T, path string) { write(t, path, string(change(data))) })
}

func gzipped(body string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, body)
	_ = z.Close()
	return b.Bytes()
}

func TestOpenSibling(t *testing.T) {
	t.Parallel()
	e, m := packed(t)
	f := fileOf(t, m, "a.js")
	br := cache.Encodings()[0]
	if _, err := e.OpenSibling(m.Name, "1.0.0", f, br); !errors.Is(err, outcome.NotFound) {
		t.Errorf("before there is one: %v", err)
	}
	e.precompress(t, m, "a.js")
	s, err := e.OpenSibling(m.Name, "1.0.0", f, br)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	write(t, e.view("packed/1.0.0/a.js.br"), "of other bytes")
	if _, err := e.OpenSibling(m.Name, "1.0.0", f, br); !errors.Is(err, outcome.NotFound) {
		t.Errorf("that of other bytes: %v", err)
	}
}

func TestFullDisk_Precompress_Fault5(t *testing.T) {
	t.Parallel()
	dir := small(t, "size=3m")
	e := openWith(t, cache.Config{Dir: dir})
	m := e.put(t, "packed", "1.0.0", text{"a.js", long + noise(200_000)})
	e.show(t, m, "a.js")
	fill(t, dir)
	if _, err := e.Precompress(t.Context(), m, fileOf(t, m, "a.js"), nil); !errors.Is(err, outcome.Busy) {
		t.Errorf("%v", err)
	}
	wantNothingStaged(t, e)
}
