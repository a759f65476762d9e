package cache_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/registryd/registryd/cache"
)

func TestOpen_FreshAndAgain(t *testing.T) {
	t.Parallel()
	e := open(t)
	wantFile(t, e.path("state/format"), "registryd 1\n")
	for _, dir := range []string{"www/lib", "blobs/sha512", "packs", "hidden", "tmp"} {
		if info, err := os.Stat(e.path(dir)); err != nil || !info.IsDir() {
			t.Errorf("%s: %v", dir, err)
		}
	}
	for dir, mode := range map[string]os.FileMode{"www": 0o755, "www/lib": 0o755, "blobs": 0o700, "state": 0o700, "packs": 0o700, "tmp": 0o700} {
		if info, err := os.Stat(e.path(dir)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v, want %v", dir, info.Mode(), mode)
		}
	}
	m := e.put(t, "lodash", "1.0.0", lodash)
	e.show(t, m, "index.js")
	if err := errors.Join(e.Close(), e.Close()); err != nil {
		t.Fatal(err)
	}
	again := openWith(t, cache.Config{Dir: e.dir})
	again.WaitForDeletions() // Close leaves what is not deleted yet to the next start
	held, err := again.Manifest(m.Name, m.Version)
	if err != nil || held.Content() != m.Content() {
		t.Errorf("after reopening: %v", err)
	}
	if again.Recovered() {
		t.Error("the view was set aside after a clean stop")
	}
	wantFile(t, again.view("lodash/1.0.0/index.js"), "module.exports = 1\n")
}

// A path that depends on the working directory would move with it.
func TestOpen_DirBecomesAbsolute(t *testing.T) {
	base := t.TempDir()
	t.Chdir(base)
	c, err := cache.Open(cache.Config{Dir: "data/", Pub: "/lib/"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if want := filepath.Join(base, "data"); c.Dir() != want || c.View() != want+"/www/lib" {
		t.Errorf("Dir %q, View %q", c.Dir(), c.View())
	}
}

func TestOpen_Pub(t *testing.T) {
	t.Parallel()
	for pub, view := range map[string]string{"/": "www", "/lib/": "www/lib", "/a/b/": "www/a/b"} {
		t.Run(pub, func(t *testing.T) {
			t.Parallel()
			e := openWith(t, cache.Config{Pub: pub})
			m := e.put(t, "@acme/x", "1.0.0", lodash)
			e.show(t, m, "index.js")
			wantFile(t, e.path(view, "@acme/x/1.0.0/index.js"), "module.exports = 1\n")
			if e.View() != e.path(view) {
				t.Errorf("View %q", e.View())
			}
			removed, err := e.Sweep(denyAll)
			if err != nil || len(removed) != 1 {
				t.Errorf("swept %v, %v", removed, err)
			}
		})
	}
}

func TestOpen_Refusals(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		prepare func(t *testing.T, dir string)
		want    error
	}{
		"held":              {func(t *testing.T, dir string) { openWith(t, cache.Config{Dir: dir}) }, cache.ErrHeld},
		"foreign www":       {func(t *testing.T, dir string) { write(t, dir+"/www/lib/x/1.0.0/a.js", "x") }, cache.ErrForeign},
		"foreign file":      {func(t *testing.T, dir string) { write(t, dir+"/notes.txt", "x") }, cache.ErrForeign},
		"newer format":      {func(t *testing.T, dir string) { write(t, dir+"/state/format", "registryd 2\n") }, cache.ErrFormat},
		"format of nothing": {func(t *testing.T, dir string) { write(t, dir+"/state/format", "") }, cache.ErrFormat},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			tt.prepare(t, dir)
			before := entries(t, dir)
			c, err := cache.Open(cache.Config{Dir: dir, Pub: "/lib/"})
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if c != nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), dir) {
				t.Errorf("not one line that names the directory: %q", err)
			}
			if after := entries(t, dir); len(after) != len(before) {
				t.Errorf("wrote into it: %v", after)
			}
		})
	}
}

// A daemon that refuses to start beside another one leaves that one alone.
func TestOpen_HeldKeepsStaging(t *testing.T) {
	t.Parallel()
	e := open(t)
	write(t, e.path("tmp/staged"), "x")
	if _, err := cache.Open(cache.Config{Dir: e.dir, Pub: "/lib/"}); !errors.Is(err, cache.ErrHeld) {
		t.Fatal(err)
	}
	wantFile(t, e.path("tmp/staged"), "x")
}

// A first start that failed must not make the directory look foreign.
func TestOpen_AfterAnInterruptedFirstStart(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	write(t, dir+"/tmp", "in the way, so that nothing can be staged")
	if c, err := cache.Open(cache.Config{Dir: dir, Pub: "/lib/"}); err == nil {
		c.Close()
		t.Fatal("opened without a place for staging")
	}
	if err := os.Remove(dir + "/tmp"); err != nil {
		t.Fatal(err)
	}
	openWith(t, cache.Config{Dir: dir})
}

func TestOpen_WhatMayBeThere(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	write(t, dir+"/.hidden", "x")
	write(t, dir+"/nginx-cache/x", "x")
	if err := os.MkdirAll(dir+"/lost+found", 0o700); err != nil {
		t.Fatal(err)
	}
	e := openWith(t, cache.Config{Dir: dir})
	wantFile(t, e.path("nginx-cache/x"), "x")
}

func TestOpen_EmptiesTmp(t *testing.T) {
	t.Parallel()
	e := open(t)
	e.Close()
	write(t, e.path("tmp/a"), "x")
	write(t, e.path("tmp/b/c/d"), "x")
	again := openWith(t, cache.Config{Dir: e.dir})
	again.WaitForDeletions() // Close leaves what is not deleted yet to the next start
	again.Close()
	wantNothingStaged(t, again)
}

// The user is the thread's alone, which ends with the goroutine.
func TestOpen_Unwritable(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if os.Geteuid() == 0 {
			const nobody = 65534
			syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0)
		}
		c, err := cache.Open(cache.Config{Dir: dir, Pub: "/lib/"})
		if err == nil {
			c.Close()
		}
		done <- err
	}()
	err := <-done
	if !errors.Is(err, os.ErrPermission) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want one line about the permission", err)
	}
}

// The umask is the process's, so this cannot run beside other tests.
func TestModes_IgnoreUmask(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	e := open(t)
	m := e.put(t, "lodash", "1.0.0", lodash)
	e.show(t, m, "dist/a.js")
	for _, dir := range []string{"", "www", "www/lib", "www/lib/lodash", "www/lib/lodash/1.0.0", "www/lib/lodash/1.0.0/dist"} {
		if info, err := os.Stat(e.path(dir)); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%q has mode %v, want 0755", dir, info.Mode())
		}
	}
	if info, err := os.Stat(e.view("lodash/1.0.0/dist/a.js")); err != nil || info.Mode() != 0o644 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
