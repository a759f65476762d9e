package cache_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/cache"
)

// order has paths around every directory that sort between its name and its files.
var order = []string{"a", "a b", "a-b", "a-b/c", "a.b", "a/b", "a/b.js", "a/b/c", "a0", "ab/c", "b/", "é/x"}

func listing(paths ...string) *cache.Manifest {
	files := make([]cache.File, len(paths))
	for i, p := range paths {
		files[i] = cache.File{Path: p, Size: int64(i), SHA256: sum(p)}
	}
	return (&cache.Manifest{}).WithFiles(files)
}

func paths(files []cache.File) []string {
	var got []string
	for _, f := range files {
		got = append(got, f.Path)
	}
	return got
}

func TestManifest_Below(t *testing.T) {
	t.Parallel()
	m := listing(order...)
	tests := map[string][]string{
		"":      order,
		"a/":    {"a/b", "a/b.js", "a/b/c"},
		"a/b/":  {"a/b/c"},
		"a-b/":  {"a-b/c"},
		"ab/":   {"ab/c"},
		"a b/":  nil,
		"zz/":   nil,
		"é/":    {"é/x"},
		"A/":    nil,
		"a/b/c": {"a/b/c"},
	}
	for dir, want := range tests {
		t.Run(dir, func(t *testing.T) {
			t.Parallel()
			got := m.Below(dir)
			if diff := cmp.Diff(want, paths(got)); diff != "" {
				t.Error(diff)
			}
			if cap(got) != len(got) {
				t.Error("an append would overwrite the files behind it")
			}
		})
	}
	if got := (&cache.Manifest{}).Below("a/"); len(got) != 0 {
		t.Errorf("of no files: %v", got)
	}
}

func TestManifest_IsDirHasFile(t *testing.T) {
	t.Parallel()
	m := listing(order...)
	for dir, want := range map[string]bool{"": true, "a": true, "a/b": true, "a-b": true, "a.b": false, "a0": false, "ab": true, "a/b/c": false, "z": false} {
		if m.IsDir(dir) != want {
			t.Errorf("IsDir(%q) is %v", dir, !want)
		}
	}
	for path, want := range map[string]bool{"a": true, "a/b": true, "a/": false, "": false, "ab": false, "zz": false} {
		_, found := m.File(path)
		if m.Has(path) != want || found != want {
			t.Errorf("Has(%q) is %v, File %v", path, m.Has(path), found)
		}
	}
}

func TestManifest_Shipped_PH4(t *testing.T) {
	t.Parallel()
	m := listing("a.js", "a.js.gz", "a.js.br", "b.tar.gz", "c.js.gz.br", "c.js.gz", ".gz", "d.GZ", "d", "dir/e", "dir/e.gz")
	want := map[string]bool{"a.js.gz": true, "a.js.br": true, "c.js.gz.br": true, "dir/e.gz": true}
	for _, f := range m.Files() {
		if m.Shipped(f.Path) != want[f.Path] {
			t.Errorf("Shipped(%q) is %v", f.Path, !want[f.Path])
		}
	}
}

func TestManifest_WithFile(t *testing.T) {
	t.Parallel()
	m := listing("b", "d")
	for _, path := range []string{"a", "c", "e", "b"} {
		n := m.WithFile(cache.File{Path: path, Size: 99})
		if f, ok := n.File(path); !ok || f.Size != 99 {
			t.Errorf("%s: %v, %v", path, f, ok)
		}
		if got := paths(n.Files()); !slices.IsSorted(got) {
			t.Errorf("not sorted: %v", got)
		}
	}
	if diff := cmp.Diff(listing("b", "d").Files(), m.Files()); diff != "" {
		t.Errorf("the original changed: %s", diff)
	}
}

func TestManifest_Content(t *testing.T) {
	t.Parallel()
	base := []cache.File{{Path: "a", Size: 1, SHA256: sum("a")}, {Path: "b", Size: 2, SHA256: sum("b"), Offset: 1}}
	of := func(change func(m *cache.Manifest, f []cache.File)) string {
		m, files := &cache.Manifest{}, slices.Clone(base)
		change(m, files)
		return m.WithFiles(files).Content()
	}
	want := of(func(*cache.Manifest, []cache.File) {})
	same := map[string]string{
		"order":     of(func(_ *cache.Manifest, f []cache.File) { f[0], f[1] = f[1], f[0] }),
		"offset":    of(func(_ *cache.Manifest, f []cache.File) { f[1].Offset = 512 }),
		"blob":      of(func(m *cache.Manifest, _ []cache.File) { m.Blob = "another" }),
		"integrity": of(func(_ *cache.Manifest, f []cache.File) { f[0].Integrity = "sha256-x" }),
	}
	for name, got := range same {
		if got != want {
			t.Errorf("%s counts as content", name)
		}
	}
	other := map[string]string{
		"path":   of(func(_ *cache.Manifest, f []cache.File) { f[0].Path = "a\x00" }),
		"size":   of(func(_ *cache.Manifest, f []cache.File) { f[0].Size = 11 }),
		"digest": of(func(_ *cache.Manifest, f []cache.File) { f[0].SHA256[31]++ }),
		"none":   (&cache.Manifest{}).Content(),
	}
	for name, got := range other {
		if got == want {
			t.Errorf("%s does not count as content", name)
		}
	}
}

func TestManifest_Unpacked(t *testing.T) {
	t.Parallel()
	m := (&cache.Manifest{}).WithFiles([]cache.File{{Path: "a", Size: 5}, {Path: "b", Size: -1}, {Path: "c", Size: 7}})
	if m.Unpacked() != 12 {
		t.Errorf("%d bytes", m.Unpacked())
	}
}

// The formula is a promise: nodes of different versions must agree on ETags.
func TestDigest_ModTime(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		digest cache.Digest
		want   int64
	}{
		"zero":        {cache.Digest{}, 500_000_000},
		"all ones":    {cache.Digest{255, 255, 255, 255, 255}, 500_000_000 + 1<<30 - 1},
		"first bit":   {cache.Digest{128}, 500_000_000 + 1<<29},
		"thirtieth":   {cache.Digest{0, 0, 0, 4}, 500_000_001},
		"bit 31 lost": {cache.Digest{0, 0, 0, 3, 9}, 500_000_000},
		"mixed":       {cache.Digest{0x12, 0x34, 0x56, 0x78}, 500_000_000 + 0x12345678>>2},
	}
	for name, tt := range tests {
		if got := tt.digest.ModTime(); !got.Equal(time.Unix(tt.want, 0)) || got.Nanosecond() != 0 {
			t.Errorf("%s: %d, want %d", name, got.Unix(), tt.want)
		}
	}
}
