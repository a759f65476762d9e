package durable_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/crowd"
	"github.com/registryd/registryd/internal/durable"
	"github.com/registryd/registryd/internal/outcome"
)

// newDir returns a Dir over an empty directory, and where that is.
func newDir(tb testing.TB) (durable.Dir, string) {
	tb.Helper()
	base := tb.TempDir()
	root, err := os.OpenRoot(base)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { root.Close() })
	if err := root.Mkdir("tmp", 0o700); err != nil {
		tb.Fatal(err)
	}
	return durable.Dir{Root: root, Tmp: "tmp"}, base
}

// staged lists what is in the temporary directory.
func staged(tb testing.TB, base string) []string {
	tb.Helper()
	found, err := filepath.Glob(filepath.Join(base, "tmp", "*"))
	if err != nil {
		tb.Fatal(err)
	}
	return found
}

func wantClean(tb testing.TB, base string) {
	tb.Helper()
	if left := staged(tb, base); len(left) != 0 {
		tb.Errorf("left in tmp: %v", left)
	}
}

func wantContent(tb testing.TB, path, want string) {
	tb.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		tb.Errorf("%s holds %q, %v; want %q", filepath.Base(path), got, err, want)
	}
}

func wantMode(tb testing.TB, path string, want fs.FileMode) {
	tb.Helper()
	fi, err := os.Lstat(path)
	if err != nil {
		tb.Fatal(err)
	}
	if got := fi.Mode().Perm(); got != want {
		tb.Errorf("%s has mode %v, want %v", filepath.Base(path), got, want)
	}
}

func TestWriteFile(t *testing.T) {
	t.Parallel()
	when := time.Unix(500_000_123, 0)
	tests := map[string]struct {
		name string
		data string
		opts durable.Options
		mode fs.FileMode
	}{
		"top level":    {"a.json", "{}", durable.Options{}, 0o644},
		"new parents":  {"a/b/c/d.js", "x", durable.Options{}, 0o644},
		"empty":        {"e/empty", "", durable.Options{}, 0o644},
		"mode":         {"s/secret", "x", durable.Options{Mode: 0o600}, 0o600},
		"times":        {"t/f", "x", durable.Options{ModTime: when}, 0o644},
		"synchronised": {"y/z/f", "x", durable.Options{Sync: true, ModTime: when}, 0o644},
		"odd name":     {"o/ü \n%2f\\", "x", durable.Options{}, 0o644},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, base := newDir(t)
			for range 2 { // the second one replaces the first
				if err := d.WriteFile(tt.name, []byte(tt.data), tt.opts); err != nil {
					t.Fatal(err)
				}
			}
			full := filepath.Join(base, tt.name)
			wantContent(t, full, tt.data)
			wantMode(t, full, tt.mode)
			if fi, _ := os.Stat(full); !tt.opts.ModTime.IsZero() && !fi.ModTime().Equal(tt.opts.ModTime) {
				t.Errorf("modified at %v, want %v", fi.ModTime(), tt.opts.ModTime)
			}
			wantClean(t, base)
		})
	}
}

// The umask is the process's, so this cannot run beside other tests.
func TestModes_IgnoreUmask(t *testing.T) {
	d, base := newDir(t)
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	if err := d.WriteFile("a/b/f", nil, durable.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := d.MkdirAll("m/n"); err != nil {
		t.Fatal(err)
	}
	wantMode(t, filepath.Join(base, "a/b/f"), 0o644)
	for _, dir := range []string{"a", "a/b", "m", "m/n"} {
		wantMode(t, filepath.Join(base, dir), 0o755)
	}
}

func TestWriteFile_FailsWithoutTrace(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		prepare func(base string) error
		name    string
	}{
		"directory in its place": {func(b string) error { return os.MkdirAll(filepath.Join(b, "d/sub"), 0o755) }, "d"},
		"file as a parent":       {func(b string) error { return os.WriteFile(filepath.Join(b, "f"), nil, 0o644) }, "f/x"},
		"escaping name":          {func(string) error { return nil }, "../x"},
		"absolute name":          {func(string) error { return nil }, "/x"},
		"link out of the root":   {func(b string) error { return os.Symlink(os.TempDir(), filepath.Join(b, "out")) }, "out/x"},
		"dangling parent":        {func(b string) error { return os.Symlink("nowhere", filepath.Join(b, "l")) }, "l/x"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, base := newDir(t)
			if err := tt.prepare(base); err != nil {
				t.Fatal(err)
			}
			if err := d.WriteFile(tt.name, []byte("x"), durable.Options{Sync: true}); err == nil {
				t.Error("no error")
			}
			wantClean(t, base)
		})
	}
}

func TestHealsWhenTmpIsRemoved(t *testing.T) {
	t.Parallel()
	ops := map[string]func(durable.Dir) error{
		"write":   func(d durable.Dir) error { return d.WriteFile("a/f", []byte("x"), durable.Options{}) },
		"symlink": func(d durable.Dir) error { return d.Symlink("f", "a/l") },
		"remove":  func(d durable.Dir) error { _, err := d.RemoveTree("there"); return err },
	}
	for name, op := range ops {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, base := newDir(t)
			os.Mkdir(filepath.Join(base, "there"), 0o755)
			os.RemoveAll(filepath.Join(base, "tmp"))
			if err := op(d); err != nil {
				t.Fatal(err)
			}
			wantMode(t, filepath.Join(base, "tmp"), 0o700)
		})
	}
}

func TestCommit_OfARemovedFileIsBusy(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]durable.Options{"plain": {}, "times": {ModTime: time.Unix(5e8, 0)}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, base := newDir(t)
			f, err := d.Create()
			if err != nil {
				t.Fatal(err)
			}
			os.RemoveAll(filepath.Join(base, "tmp"))
			if err := f.Commit("f", o); !errors.Is(err, outcome.Busy) || outcome.RetryAfter(err) != 10*time.Second {
				t.Errorf("got %v, want outcome.Busy after ten seconds", err)
			}
		})
	}
}

func TestFile_StagesCommitsAborts(t *testing.T) {
	t.Parallel()
	d, base := newDir(t)
	f, err := d.Create()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, "hello world")
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, "HELLO")
	buf := make([]byte, 20)
	if n, err := f.ReadAt(buf, 0); string(buf[:n]) != "HELLO world" || err != io.EOF {
		t.Errorf("read %q, %v", buf[:n], err)
	}
	if got := staged(t, base); len(got) != 1 {
		t.Fatalf("staged: %v", got)
	}
	wantMode(t, staged(t, base)[0], 0o600)
	if err := f.Commit("x/f", durable.Options{}); err != nil {
		t.Fatal(err)
	}
	f.Abort()
	f.Abort()
	wantContent(t, filepath.Join(base, "x/f"), "HELLO world")
	wantClean(t, base)

	_, writeErr := f.Write([]byte("x"))
	_, readErr := f.ReadAt(buf, 0)
	_, seekErr := f.Seek(0, io.SeekStart)
	for _, err := range []error{writeErr, readErr, seekErr, f.Commit("y", durable.Options{})} {
		if !errors.Is(err, fs.ErrClosed) {
			t.Errorf("after Commit: got %v, want fs.ErrClosed", err)
		}
	}
}

func TestFile_AbortRemoves(t *testing.T) {
	t.Parallel()
	d, base := newDir(t)
	f, err := d.Create()
	if err != nil {
		t.Fatal(err)
	}
	f.Abort()
	f.Abort()
	wantClean(t, base)
}

func TestSymlink(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		prepare func(base string) error
		fails   bool
	}{
		"new":               {func(string) error { return nil }, false},
		"over a link":       {func(b string) error { return link(b, "old") }, false},
		"over a dir's link": {func(b string) error { return link(b, "../tmp") }, false},
		"over a file":       {func(b string) error { return write(b) }, false},
		"over a directory":  {func(b string) error { return os.MkdirAll(filepath.Join(b, "p/main"), 0o755) }, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, base := newDir(t)
			if err := tt.prepare(base); err != nil {
				t.Fatal(err)
			}
			err := d.Symlink("1.2.3", "p/main")
			if tt.fails != (err != nil) {
				t.Errorf("got %v", err)
			}
			if got, _ := os.Readlink(filepath.Join(base, "p/main")); !tt.fails && got != "1.2.3" {
				t.Errorf("the link leads to %q", got)
			}
			wantClean(t, base)
		})
	}
}

func link(base, target string) error {
	os.Mkdir(filepath.Join(base, "p"), 0o755)
	return os.Symlink(target, filepath.Join(base, "p/main"))
}

func write(base string) error {
	os.Mkdir(filepath.Join(base, "p"), 0o755)
	return os.WriteFile(filepath.Join(base, "p/main"), []byte("x"), 0o644)
}

func TestRemoveTree(t *testing.T) {
	t.Parallel()
	d, base := newDir(t)
	if trash, err := d.RemoveTree("nothing/here"); trash != "" || err != nil {
		t.Errorf("of a missing name: %q, %v", trash, err)
	}
	if err := d.Discard(""); err != nil {
		t.Error(err)
	}
	for _, f := range []string{"v/1.0.0/a", "v/1.0.0/b/c", "keep/x"} {
		if err := d.WriteFile(f, []byte(f), durable.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Symlink("../keep", "v/link"); err != nil {
		t.Fatal(err)
	}
	var trashes []string
	for _, name := range []string{"v/1.0.0", "v/link"} {
		trash, err := d.RemoveTree(name)
		if err != nil || trash == "" {
			t.Fatalf("%s: %q, %v", name, trash, err)
		}
		if _, err := os.Lstat(filepath.Join(base, name)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", name, err)
		}
		trashes = append(trashes, trash)
	}
	for _, trash := range trashes {
		if err := d.Discard(trash); err != nil {
			t.Error(err)
		}
	}
	wantClean(t, base)
	wantContent(t, filepath.Join(base, "keep/x"), "keep/x")
}

func TestClear(t *testing.T) {
	t.Parallel()
	d, base := newDir(t)
	if _, err := d.Create(); err != nil { // as a killed process leaves it
		t.Fatal(err)
	}
	d.WriteFile("v/deep/file", nil, durable.Options{})
	if _, err := d.RemoveTree("v"); err != nil {
		t.Fatal(err)
	}
	if len(staged(t, base)) != 2 {
		t.Fatalf("staged: %v", staged(t, base))
	}
	if err := d.Clear(); err != nil {
		t.Fatal(err)
	}
	wantClean(t, base)
	os.Remove(filepath.Join(base, "tmp"))
	if err := d.Clear(); err != nil {
		t.Errorf("without a tmp: %v", err)
	}
}

// Readers beside writers and removers see one of the contents, whole, or
// nothing, and no write fails because its parent was just removed.
func TestConcurrent_WholeOrAbsent(t *testing.T) {
	t.Parallel()
	d, base := newDir(t)
	contents := [][]byte{bytes.Repeat([]byte("a"), 70_000), bytes.Repeat([]byte("b"), 50_000)}
	var writers sync.WaitGroup
	for i := range 4 {
		writers.Go(func() {
			for range 100 {
				err := d.WriteFile("p/1/f", contents[i%2], durable.Options{})
				if err != nil && !errors.Is(err, outcome.Busy) {
					t.Errorf("writing: %v", err)
				}
			}
		})
	}
	stopReading := crowd.Start(1, func(int, int) {
		got, err := d.Root.ReadFile("p/1/f")
		if err == nil && !bytes.Equal(got, contents[0]) && !bytes.Equal(got, contents[1]) {
			t.Errorf("read %d bytes of something else", len(got))
		}
	})
	stopRemoving := crowd.Start(1, func(int, int) {
		trash, err := d.RemoveTree("p/1")
		if err == nil {
			err = d.Discard(trash)
		}
		if err != nil {
			t.Errorf("removing: %v", err)
		}
	})
	writers.Wait()
	stopReading()
	stopRemoving()
	wantClean(t, base)
}

func TestWrap(t *testing.T) {
	t.Parallel()
	if err := durable.Wrap(nil, "x"); err != nil {
		t.Errorf("nil became %v", err)
	}
	if err := durable.Wrap(io.EOF, "x"); err != io.EOF {
		t.Errorf("io.EOF became %v", err)
	}
	busy := []syscall.Errno{
		syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM,
		syscall.EROFS, syscall.EACCES, syscall.EPERM, syscall.EIO, syscall.ESTALE,
	}
	for _, errno := range busy {
		err := durable.Wrap(&fs.PathError{Op: "write", Path: "f", Err: errno}, "placing %s", "a/b")
		if !errors.Is(err, outcome.Busy) || !errors.Is(err, errno) || outcome.RetryAfter(err) != 10*time.Second {
			t.Errorf("%v: got %v, want outcome.Busy after ten seconds", errno, err)
		}
		want := "placing a/b: write f: " + errno.Error()
		if diff := cmp.Diff(want, err.Error()); diff != "" {
			t.Error(diff)
		}
	}
	for _, other := range []error{fs.ErrNotExist, syscall.ENOTDIR, syscall.EISDIR, errors.New("x")} {
		if err := durable.Wrap(other, "y"); outcome.Known(err) || !errors.Is(err, other) {
			t.Errorf("%v: got %v, want no outcome", other, err)
		}
	}
}

// limits are set in a process of its own, which runs this test again.
func TestLimits_AreBusy(t *testing.T) {
	t.Parallel()
	if which := os.Getenv("DURABLE_TEST_LIMIT"); which != "" {
		underLimit(t, which)
		return
	}
	for _, which := range []string{"file size", "descriptors"} {
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestLimits_AreBusy$", "-test.v")
			cmd.Env = append(os.Environ(), "DURABLE_TEST_LIMIT="+which)
			out, err := cmd.CombinedOutput()
			if err != nil || !bytes.Contains(out, []byte("ran under its limit")) {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func underLimit(t *testing.T, which string) {
	d, base := newDir(t)
	// The runtime opens its poller with the first file or timer.
	if err := d.WriteFile("first", nil, durable.Options{}); err != nil {
		t.Fatal(err)
	}
	resource, limit, cause := syscall.RLIMIT_FSIZE, uint64(4096), syscall.EFBIG
	if which == "descriptors" {
		resource, limit, cause = syscall.RLIMIT_NOFILE, 3, syscall.EMFILE
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(resource, &old); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(resource, &syscall.Rlimit{Cur: limit, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	err := d.WriteFile("a/big", make([]byte, 10_000), durable.Options{})
	if e := syscall.Setrlimit(resource, &old); e != nil {
		t.Fatal(e)
	}
	if !errors.Is(err, outcome.Busy) || !errors.Is(err, cause) {
		t.Errorf("got %v, want outcome.Busy by %v", err, cause)
	}
	wantClean(t, base)
	if err := d.WriteFile("a/big", make([]byte, 10_000), durable.Options{}); err != nil {
		t.Errorf("after the shortage: %v", err)
	}
	t.Log("ran under its limit")
}

func BenchmarkWriteFile(b *testing.B) {
	for name, o := range map[string]durable.Options{
		"plain": {}, "times": {ModTime: time.Unix(500_000_000, 0)}, "sync": {Sync: true},
	} {
		b.Run(name, func(b *testing.B) {
			d, _ := newDir(b)
			data := make([]byte, 4096)
			b.ReportAllocs()
			for b.Loop() {
				if err := d.WriteFile("www/lib/name/1.2.3/dist/file.js", data, o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
