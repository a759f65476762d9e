package cache_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/unpack"
	"github.com/registryd/registryd/pkgref"
)

var wide = unpack.Limits{Unpacked: 1 << 30, Entries: 100_000, Path: 1024, Depth: 128}

// text is what an archive holds: path and body in turn.
type text []string

// lodash is a release with a few of everything.
var lodash = text{
	"package.json", `{"name":"lodash"}`, "index.js", "module.exports = 1\n", "empty.txt", "",
	"dist/a.js", "let a\n", "dist/a.js.gz", "not really gzip", "a b/ü%2f.js", "odd",
}

func tarball(tb testing.TB, files text) []byte {
	tb.Helper()
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	tw := tar.NewWriter(zw)
	for i := 0; i < len(files); i += 2 {
		h := &tar.Header{Typeflag: tar.TypeReg, Name: "package/" + files[i], Mode: 0o600, Size: int64(len(files[i+1]))}
		if err := tw.WriteHeader(h); err != nil {
			tb.Fatal(err)
		}
		if _, err := tw.Write([]byte(files[i+1])); err != nil {
			tb.Fatal(err)
		}
	}
	if err := errors.Join(tw.Close(), zw.Close()); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

// env is a cache together with where it is.
type env struct {
	*cache.Cache
	dir string
}

func open(tb testing.TB) env { return openWith(tb, cache.Config{}) }

func openWith(tb testing.TB, c cache.Config) env {
	tb.Helper()
	if c.Dir == "" {
		c.Dir = filepath.Join(tb.TempDir(), "data")
	}
	if c.Pub == "" {
		c.Pub = "/lib/"
	}
	opened, err := cache.Open(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { opened.Close() })
	return env{opened, c.Dir}
}

// path joins the elements below the data directory.
func (e env) path(elem ...string) string {
	return filepath.Join(append([]string{e.dir}, elem...)...)
}

// view is where one file of a release is in the view.
func (e env) view(elem ...string) string {
	return filepath.Join(append([]string{e.View()}, elem...)...)
}

// put takes in a release and makes it held.
func (e env) put(tb testing.TB, name, version string, files text) *cache.Manifest {
	tb.Helper()
	m := e.commit(tb, name, version, files)
	if err := e.PutManifest(m); err != nil {
		tb.Fatal(err)
	}
	return m
}

// commit takes in a release that nobody knows of yet.
func (e env) commit(tb testing.TB, name, version string, files text) *cache.Manifest {
	tb.Helper()
	s, err := e.Ingest(bytes.NewReader(tarball(tb, files)), cache.Tarball{Limits: wide, MaxBytes: 1 << 30})
	if err != nil {
		tb.Fatal(err)
	}
	m, err := s.Commit(manifest(tb, name, version))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func manifest(tb testing.TB, name, version string) *cache.Manifest {
	tb.Helper()
	return &cache.Manifest{Name: parseName(tb, name), Version: parseVersion(tb, version), Provider: "npm"}
}

func parseName(tb testing.TB, s string) pkgref.Name {
	tb.Helper()
	n, err := pkgref.ParseName(s)
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func parseVersion(tb testing.TB, s string) pkgref.Version {
	tb.Helper()
	v, err := pkgref.ParseVersion(s)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func fileOf(tb testing.TB, m *cache.Manifest, path string) cache.File {
	tb.Helper()
	f, ok := m.File(path)
	if !ok {
		tb.Fatalf("%s has no file %s", m.Ref(), path)
	}
	return f
}

// show materialises one file without a gate.
func (e env) show(tb testing.TB, m *cache.Manifest, path string) {
	tb.Helper()
	if err := e.Materialise(m, fileOf(tb, m, path), nil); err != nil {
		tb.Fatalf("materialise %s: %v", path, err)
	}
}

func wantFile(tb testing.TB, path, want string) {
	tb.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		tb.Errorf("%s holds %.60q, %v; want %.60q", filepath.Base(path), got, err, want)
	}
}

func wantGone(tb testing.TB, path string) {
	tb.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		tb.Errorf("%s is there: %v", path, err)
	}
}

// wantNothingStaged checks what only holds when no deletion is under way.
func wantNothingStaged(tb testing.TB, e env) {
	tb.Helper()
	entries, err := os.ReadDir(e.path("tmp"))
	if err != nil || len(entries) != 0 {
		tb.Errorf("tmp holds %v, %v", entries, err)
	}
}

// entries lists the regular files below dir, relative to it.
func entries(tb testing.TB, dir string) []string {
	tb.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			path, err = filepath.Rel(dir, path)
			found = append(found, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		tb.Error(err)
	}
	return found
}

// write puts a file there as a person would.
func write(tb testing.TB, path, body string) {
	tb.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(body), 0o644)); err != nil {
		tb.Fatal(err)
	}
}

func symlink(tb testing.TB, target, path string) {
	tb.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(target, path)); err != nil {
		tb.Fatal(err)
	}
}

func sum(body string) cache.Digest { return sha256.Sum256([]byte(body)) }

// logger returns a logger and what it wrote.
func logger() (*slog.Logger, *bytes.Buffer) {
	var buf bytes.Buffer
	return slog.New(slog.NewTextHandler(&buf, nil)), &buf
}
