package dir_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/dir"
	"github.com/registryd/registryd/provider/providertest"
)

var _ interface {
	provider.Versioner
	provider.Releaser
	provider.ArchiveOpener
	provider.FileOpener
	provider.Rescanner
} = (*dir.Provider)(nil)

func open(t testing.TB, path string) *dir.Provider {
	t.Helper()
	p, err := dir.New(dir.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func write(t testing.TB, file string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// unpack writes packages as directories, pack as tarballs.
func unpack(t testing.TB, root string, packages ...providertest.Package) {
	t.Helper()
	for _, p := range packages {
		for path, b := range p.Files {
			write(t, filepath.Join(root, p.Name, p.Version, path), b)
		}
	}
}

func pack(t testing.TB, root string, packages ...providertest.Package) {
	t.Helper()
	for _, p := range packages {
		b, err := p.Archive()
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(root, p.Name, p.Version+".tgz"), b)
	}
}

func TestConformance_PG4(t *testing.T) {
	t.Parallel()
	for kind, fill := range map[string]func(testing.TB, string, ...providertest.Package){"unpacked": unpack, "tarballs": pack} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, providertest.Fixture{
				NoTags:  true,
				NoTimes: true,
				New: func(t *testing.T, packages []providertest.Package) provider.Provider {
					root := t.TempDir()
					fill(t, root, packages...)
					return open(t, root)
				},
				Failing: func(t *testing.T, packages []providertest.Package) provider.Provider {
					root := filepath.Join(t.TempDir(), "packages")
					fill(t, root, packages...)
					p := open(t, root)
					if err := os.RemoveAll(root); err != nil {
						t.Fatal(err)
					}
					return p
				},
			})
		})
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	if _, err := dir.New(dir.Config{}); err == nil {
		t.Error("no path was accepted")
	}
	if _, err := dir.New(dir.Config{Path: "x", Rescan: -1}); err == nil {
		t.Error("a negative rescan was accepted")
	}
	p, err := dir.New(dir.Config{Path: "x", Name: "own"})
	if err != nil || p.Name() != "own" || p.Rescan() != 2*time.Second {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestOddEntries_PG4(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	write(t, filepath.Join(outside, "secret"), []byte("secret"))
	write(t, filepath.Join(outside, "1.0.0/index.js"), []byte("x"))
	root := t.TempDir()
	at := func(name string) string { return filepath.Join(root, name) }
	write(t, at("p/1.0.0/index.js"), []byte("both"))
	write(t, at("p/1.0.0.tgz"), []byte("both"))
	write(t, at("p/2.0.0.tgz"), []byte("x"))
	write(t, at("p/v3.0.0/index.js"), []byte("x"))
	write(t, at("p/README"), []byte("x"))
	write(t, at("p/4.0.0"), []byte("a file"))
	write(t, at("p/1.0.0/dist/.hidden"), []byte("x"))
	for link, target := range map[string]string{
		"p/5.0.0":         outside,
		"p/6.0.0.tgz":     filepath.Join(outside, "secret"),
		"p/1.0.0/link.js": "index.js",
		"p/1.0.0/out.js":  filepath.Join(outside, "secret"),
		"p/1.0.0/outdir":  outside,
		"p/1.0.0/indir":   "dist",
		"linked":          outside,
		"inner":           "p",
		"@scope":          ".",
	} {
		if err := os.Symlink(target, at(link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(at("p/7.0.0.tgz"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(at("p/1.0.0/pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := open(t, root)
	vs, err := p.Versions(t.Context(), "p", "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range vs.List {
		got = append(got, l.Version.String())
	}
	if diff := cmp.Diff([]string{"1.0.0", "2.0.0"}, got); diff != "" {
		t.Error(diff)
	}
	r, err := p.Release(t.Context(), "p", providertest.ParseVersion(t, "1.0.0"))
	if err != nil || r.Files == nil {
		t.Fatalf("got %+v, %v", r, err)
	}
	got = nil
	for _, f := range r.Files.List {
		got = append(got, f.Path)
	}
	if diff := cmp.Diff([]string{"dist/.hidden", "index.js"}, got); diff != "" {
		t.Error(diff)
	}
	for _, path := range []string{"", ".", "link.js", "out.js", "outdir/secret", "indir/.hidden", "pipe", "dist", "none", "index.js/x", "../2.0.0.tgz", "/index.js"} {
		if _, err := p.OpenFile(t.Context(), r, path); !errors.Is(err, outcome.NotFound) {
			t.Errorf("%q: %v", path, err)
		}
	}
	for _, v := range []string{"4.0.0", "5.0.0", "6.0.0", "7.0.0"} {
		if _, err := p.Release(t.Context(), "p", providertest.ParseVersion(t, v)); !errors.Is(err, outcome.NotFound) {
			t.Errorf("%s: %v", v, err)
		}
	}
	for _, name := range []pkgref.Name{"linked", "inner", "@scope/p", "none"} {
		if _, err := p.Versions(t.Context(), name, ""); !errors.Is(err, outcome.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := p.Release(t.Context(), name, providertest.ParseVersion(t, "1.0.0")); !errors.Is(err, outcome.NotFound) {
			t.Errorf("%s@1.0.0: %v", name, err)
		}
	}
}

func TestChanged_PG4(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"unpacked", "tarball"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			name := map[string]string{"unpacked": "p/1.0.0/a.js", "tarball": "p/1.0.0.tgz"}[kind]
			file := filepath.Join(root, name)
			write(t, file, []byte("one"))
			p := open(t, root)
			v := providertest.ParseVersion(t, "1.0.0")
			state := func() string {
				t.Helper()
				r, err := p.Release(t.Context(), "p", v)
				if err != nil {
					t.Fatal(err)
				}
				return r.State
			}
			before := state()
			check := func(what string, want bool) {
				t.Helper()
				changed, err := p.Changed(t.Context(), "p", v, before)
				if changed != want || err != nil {
					t.Errorf("%s: %v, %v", what, changed, err)
				}
			}
			check("untouched", false)
			info, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			write(t, file, []byte("longer"))
			if err := os.Chtimes(file, time.Time{}, info.ModTime()); err != nil {
				t.Fatal(err)
			}
			check("another size", true)
			before = state()
			if err := os.Chtimes(file, time.Time{}, info.ModTime().Add(time.Nanosecond)); err != nil {
				t.Fatal(err)
			}
			check("another time", true)
			before = state()
			if err := os.Rename(file, strings.TrimSuffix(file, filepath.Ext(file))+".x"); err != nil {
				t.Fatal(err)
			}
			check("another name", true)
			if err := os.RemoveAll(filepath.Join(root, "p")); err != nil {
				t.Fatal(err)
			}
			check("package removed", true)
			if err := os.RemoveAll(root); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Changed(t.Context(), "p", v, before); !errors.Is(err, outcome.Unavailable) {
				t.Errorf("directory removed: %v", err)
			}
		})
	}
}

func TestUnreadable_PG4(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	file := filepath.Join(root, "file")
	write(t, file, nil)
	for _, path := range []string{file, filepath.Join(root, "none")} {
		if _, err := open(t, path).Versions(t.Context(), "p", ""); !errors.Is(err, outcome.Unavailable) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestReadEndsWithContext_PG4(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, filepath.Join(root, "p/1.0.0.tgz"), make([]byte, 100))
	ctx, cancel := context.WithCancel(t.Context())
	rc, err := open(t, root).OpenArchive(ctx, &provider.Release{Name: "p", Version: providertest.ParseVersion(t, "1.0.0")})
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if n, err := rc.Read(make([]byte, 10)); n != 10 || err != nil {
		t.Fatalf("got %d, %v", n, err)
	}
	cancel()
	if _, err := rc.Read(make([]byte, 10)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func BenchmarkChanged(b *testing.B) {
	root := b.TempDir()
	unpack(b, root, providertest.Generate("p", "1.0.0", 1000, 100))
	p := open(b, root)
	v := providertest.ParseVersion(b, "1.0.0")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Changed(b.Context(), "p", v, ""); err != nil {
			b.Fatal(err)
		}
	}
}
