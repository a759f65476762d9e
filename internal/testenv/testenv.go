// Package testenv finds what tests need of the machine and cannot bring along:
// programs, users, the network, the rights of root.
//
// A test that does not get it is skipped, and says what was not tested. It is
// for those who run the tests to judge that: make test lists all skipped tests,
// and fails of a single one where CI is set.
package testenv

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Program returns the path of the first of names that is installed: in PATH,
// where systems keep servers, or where go install puts programs.
func Program(t testing.TB, names ...string) string {
	t.Helper()
	for _, dirs := range []func() []string{inPath, goBin} {
		for _, dir := range dirs() {
			for _, name := range names {
				if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
					return path
				}
			}
		}
	}
	t.Skipf("%s is not installed: nothing was tested with it", names[0])
	return ""
}

func inPath() []string { return []string{"", "/usr/sbin", "/usr/local/sbin"} }

// goBin asks go, which takes a moment.
func goBin() []string {
	out, err := exec.Command("go", "env", "GOBIN", "GOPATH").Output()
	bin, path, ok := strings.Cut(strings.TrimSuffix(string(out), "\n"), "\n")
	if err != nil || !ok {
		return nil
	}
	if bin == "" {
		bin = filepath.Join(path, "bin")
	}
	return []string{bin}
}

// Nginx returns the path of nginx.
func Nginx(t testing.TB) string {
	t.Helper()
	return Program(t, "nginx")
}

// Chromium returns the path of a browser that has no need of a screen.
func Chromium(t testing.TB) string {
	t.Helper()
	return Program(t, "chromium", "chromium-browser", "google-chrome")
}

// Root skips a test that only root can do.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can do this: it was not tested")
	}
}

// User skips a test unless the system has a user of that name.
func User(t testing.TB, name string) *user.User {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Skipf("nothing was tested with the user %s: %v", name, err)
	}
	return u
}

// Network skips a test that talks to others where REGISTRYD_OFFLINE is set.
func Network(t testing.TB) {
	t.Helper()
	if os.Getenv("REGISTRYD_OFFLINE") != "" {
		t.Skip("REGISTRYD_OFFLINE is set: nobody else was asked")
	}
}

// NPM installs a package into dir, with npm and from the registry that it is
// configured with. Their scripts do not run.
func NPM(t testing.TB, dir, spec string) {
	t.Helper()
	Network(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, Program(t, "npm"), "install", "--prefix", dir, "--ignore-scripts", "--no-audit", "--no-fund", spec)
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("npm cannot install %s, so nothing was tested with it: %v\n%s", spec, err, out)
	}
}

// Tmpfs makes dir a file system of its own until the test ends. Options are
// those of mount, as "size=8m,nr_inodes=40".
func Tmpfs(t testing.TB, dir, options string) {
	t.Helper()
	if err := syscall.Mount("none", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("nothing was tested on a disk of its own: mounting needs root: %v", err)
	}
	t.Cleanup(func() { unmount(t, dir) })
}

// unmount waits for children of other tests, which have our files until they
// run their programs.
func unmount(t testing.TB, dir string) {
	t.Helper()
	err := syscall.Unmount(dir, 0)
	for deadline := time.Now().Add(30 * time.Second); errors.Is(err, syscall.EBUSY) && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
		err = syscall.Unmount(dir, 0)
	}
	if err != nil {
		t.Errorf("unmount: %v", err)
	}
}
