package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/registryd/registryd/internal/daemon"
)

// socketDir is short: the system takes 107 bytes for the path of a socket.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "rd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// listening changes the addresses of a fixture.
func (f *fixture) listening(addresses string) {
	f.t.Helper()
	f.raw(fmt.Sprintf("root: {fs: data}\nlisten: %s\nlog: {format: text}\nproviders: [{type: npm, registry: %q}]\n", addresses, f.upstream.URL()))
}

// overSocket is a client that connects to a socket whatever the URL says.
func overSocket(t *testing.T, path string) *http.Client {
	t.Helper()
	c := client(t)
	c.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func TestRun_CannotListen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		address func(t *testing.T, dir string) string
		want    string // %s is the address
	}{
		"port in use": {
			func(t *testing.T, _ string) string { return occupy(t, "tcp", "127.0.0.1:0").Addr().String() },
			"cannot listen on %s: the address is in use; stop what uses it or change listen",
		},
		"address of another machine": {
			func(*testing.T, string) string { return "192.0.2.1:9900" },
			"cannot listen on %s: cannot assign requested address",
		},
		"socket in use": {
			func(t *testing.T, dir string) string {
				return "unix:" + occupy(t, "unix", filepath.Join(dir, "s")).Addr().String()
			},
			"cannot listen on %s: the address is in use; stop what uses it or change listen",
		},
		"socket of another kind": {
			func(t *testing.T, dir string) string {
				l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unixgram"})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { l.Close() })
				return "unix:" + l.LocalAddr().String()
			},
			"cannot listen on %s: the address is in use; stop what uses it or change listen",
		},
		"file in the way": {
			func(t *testing.T, dir string) string {
				write(t, filepath.Join(dir, "s"), "precious")
				return "unix:" + filepath.Join(dir, "s")
			},
			"cannot listen on %s: something else is in the way; remove it or change listen",
		},
		"no directory for the socket": {
			func(_ *testing.T, dir string) string { return "unix:" + filepath.Join(dir, "absent", "s") },
			"cannot listen on %s: no such file or directory",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, dir := newFixture(t), socketDir(t)
			address := c.address(t, dir)
			f.listening("[\"127.0.0.1:0\", \"" + address + "\"]")
			err := f.server().Run(t.Context())
			if want := fmt.Sprintf(c.want, address); err == nil || err.Error() != want {
				t.Errorf("%v, want %s", err, want)
			}
			if data, err := os.ReadFile(filepath.Join(dir, "s")); err == nil && string(data) != "precious" {
				t.Errorf("the file in the way holds %q", data)
			}
		})
	}
}

func occupy(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// The first address is given back when the second cannot be had.
func TestRun_AllOrNone(t *testing.T) {
	t.Parallel()
	f, dir := newFixture(t), socketDir(t)
	first := filepath.Join(dir, "first")
	f.listening(fmt.Sprintf("[\"unix:%s\", %q]", first, occupy(t, "tcp", "127.0.0.1:0").Addr()))
	s := f.server()
	if err := s.Run(t.Context()); err == nil {
		t.Fatal("it listens")
	}
	if _, err := os.Lstat(first); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the first socket is left behind: %v", err)
	}
}

func TestRun_SeveralListeners(t *testing.T) {
	t.Parallel()
	f, dir := newFixture(t, widget("1.0.0")), socketDir(t)
	path := filepath.Join(dir, "s")
	f.listening(fmt.Sprintf("[\"127.0.0.1:0\", \"unix:%s\", \"127.0.0.1:0\"]", path))
	if _, err := daemon.New(t.Context(), f.options()); err == nil {
		t.Fatal("one address twice is accepted")
	}
	f.listening(fmt.Sprintf("[\"127.0.0.1:0\", \"unix:%s\", \"localhost:0\"]", path))
	stale(t, path)
	d := f.run()
	for name, c := range map[string]*http.Client{"port": client(t), "socket": overSocket(t, path)} {
		if status, _ := get(t, c, d.url+widgetURL+"index.js"); status != 200 {
			t.Errorf("%s: status %d", name, status)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("socket: %v, %v; nginx's worker must be able to connect", info.Mode(), err)
	}
	d.stop()
	if err := d.wait(t); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

// stale makes a socket as a daemon that was killed leaves it.
func stale(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Fatal(err)
	}
}
