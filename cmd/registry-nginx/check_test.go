package main_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/registryd/registryd/internal/testenv"
)

// patience bounds every wait in these tests.
const patience = 60 * time.Second

// startCheck starts the command in a process of its own, with a directory of its
// own for temporary files. It cannot print before out is read or closed.
func startCheck(t *testing.T) (cmd *exec.Cmd, out *os.File, temp string) {
	t.Helper()
	return startCheckAs(t, "")
}

// startCheckAs starts it with more settings of nginx.
func startCheckAs(t *testing.T, settings string) (cmd *exec.Cmd, out *os.File, temp string) {
	t.Helper()
	testenv.Nginx(t)
	dir, temp := t.TempDir(), t.TempDir()
	must(t, os.Chmod(temp, 0o700))
	file := filepath.Join(dir, "registryd.yaml")
	must(t, os.WriteFile(file, []byte("root: {fs: data}\nnginx: {"+settings+"private: {scopes: ['@acme'], tokens: ["+secret+"]}}\n"), 0o600))
	reader, writer, err := os.Pipe()
	must(t, err)
	defer writer.Close()
	t.Cleanup(func() { reader.Close() })
	size, err := unix.FcntlInt(writer.Fd(), unix.F_GETPIPE_SZ, 0)
	must(t, err)
	_, err = writer.Write(make([]byte, size))
	must(t, err)
	cmd = exec.Command("registry-nginx", "check", "-c", file) // put into PATH by TestMain
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "TMPDIR="+temp)
	cmd.Stdout = writer
	must(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd, reader, temp
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const secret = "token-that-nobody-else-may-read"

// TestCheck_Ends_N2: however it is made to end, neither nginx nor a file stays.
func TestCheck_Ends_N2(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*exec.Cmd, *os.File) error{
		"interrupted":      func(c *exec.Cmd, _ *os.File) error { return c.Process.Signal(os.Interrupt) },
		"told to stop":     func(c *exec.Cmd, _ *os.File) error { return c.Process.Signal(syscall.SIGTERM) },
		"terminal gone":    func(c *exec.Cmd, _ *os.File) error { return c.Process.Signal(syscall.SIGHUP) },
		"nobody reads on":  func(_ *exec.Cmd, out *os.File) error { return out.Close() },
		"left to its work": func(*exec.Cmd, *os.File) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd, out, temp := startCheck(t)
			pid := masterOf(t, temp)
			noSecrets(t, temp)
			must(t, end(cmd, out))
			_, _ = io.Copy(io.Discard, out)
			err := cmd.Wait()
			if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
				t.Errorf("it ended with %v", err)
			}
			left, err := os.ReadDir(temp)
			if err != nil || len(left) > 0 {
				t.Errorf("files stay: %v, %v", left, err)
			}
			if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("nginx lives on: %v", err)
				syscall.Kill(pid, syscall.SIGTERM)
			}
		})
	}
}

// TestCheck_ClosedTemporaryFiles_N2: where nginx's worker cannot enter, that is
// said, and no statement is blamed.
func TestCheck_ClosedTemporaryFiles_N2(t *testing.T) {
	t.Parallel()
	const other = "daemon" // a user and a group of every system
	testenv.User(t, other)
	testenv.Root(t) // is nginx's master for another user
	cmd, out, _ := startCheckAs(t, "user: "+other+", ")
	text, err := io.ReadAll(out)
	must(t, err)
	if err := cmd.Wait(); err == nil || strings.Contains(string(text), "FAIL") || strings.Contains(string(text), "ok ") {
		t.Errorf("it ended with %v and said %s", err, text)
	}
}

// TestUserWithoutGroupOfHisName_N12: nginx looks for a group that is named like
// the user unless it is told another one.
func TestUserWithoutGroupOfHisName_N12(t *testing.T) {
	t.Parallel()
	testenv.Nginx(t)
	const other = "nobody" // whose group is another one on some systems
	testenv.User(t, other)
	testenv.Root(t) // is nginx's master for another user
	dir := t.TempDir()
	file := filepath.Join(dir, "registryd.yaml")
	must(t, os.WriteFile(file, []byte("root: {fs: data}\nnginx: {user: "+other+", cache: {path: "+dir+"/cache}}\n"), 0o600))
	if out, err := exec.Command("registry-nginx", "-c", file, "-o", filepath.Join(dir, "out"), "--test").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// masterOf waits for the nginx that runs below dir, and returns its process id.
func masterOf(t *testing.T, dir string) int {
	t.Helper()
	for until := time.Now().Add(patience); time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
		files, err := filepath.Glob(dir + "/*/conf/nginx.pid")
		must(t, err)
		if len(files) != 1 {
			continue
		}
		text, err := os.ReadFile(files[0])
		must(t, err)
		if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			return pid
		}
	}
	t.Fatal("nginx was not started")
	return 0
}

// noSecrets looks for tokens in files that others may read.
func noSecrets(t *testing.T, dir string) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(dir, func(file string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil // nginx removes some of its own meanwhile
		}
		text, err := os.ReadFile(file)
		info, ierr := e.Info()
		if err != nil || ierr != nil || !strings.Contains(string(text), secret) {
			return nil
		}
		seen++
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s with a token has mode %v", filepath.Base(file), info.Mode())
		}
		return nil
	})
	if err != nil || seen == 0 {
		t.Errorf("%d files with the token, %v", seen, err)
	}
}
