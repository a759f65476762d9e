package daemon_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/daemon"
)

// duplicate is the socket of l as another process would inherit it.
func duplicate(t *testing.T, l net.Listener) net.Listener {
	t.Helper()
	f, err := l.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// A socket that somebody else opened is taken over where listen names it, and
// is still there when the daemon is not.
func TestRun_Inherited(t *testing.T) {
	t.Parallel()
	f, dir := newFixture(t, widget("1.0.0")), socketDir(t)
	path := filepath.Join(dir, "s")
	port, socket := occupy(t, "tcp", "127.0.0.1:0"), occupy(t, "unix", path)
	f.listening(fmt.Sprintf("[\"unix:%s\", %q, \"127.0.0.1:0\"]", path, strings.Replace(port.Addr().String(), "127.0.0.1", "localhost", 1)))
	f.inherited = []net.Listener{duplicate(t, port), duplicate(t, socket)}
	d := f.run()
	for name, c := range map[string]struct {
		network, address string
	}{"port": {"tcp", port.Addr().String()}, "socket": {"unix", path}} {
		client := client(t)
		if c.network == "unix" {
			client = overSocket(t, path)
		}
		if status, body := get(t, client, "http://"+port.Addr().String()+widgetURL+"index.js"); status != 200 {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	d.stop()
	if err := d.wait(t); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the socket of somebody else is gone: %v", err)
	}
	waiting, err := net.Dial("tcp", port.Addr().String())
	if err != nil {
		t.Fatalf("who connects while no daemon runs is refused: %v", err)
	}
	waiting.Close()
}

func TestRun_InheritedMismatch(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.listening("127.0.0.1:0")
	l := duplicate(t, occupy(t, "tcp", "127.0.0.1:0"))
	o := f.options()
	o.Inherited = []net.Listener{l}
	s, err := daemon.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := fmt.Sprintf("was given a socket at %s, which listen does not name; make the two agree", l.Addr())
	if err := s.Run(t.Context()); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestSameAddress(t *testing.T) {
	t.Parallel()
	tcp := func(ip string, port int) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: port} }
	for name, c := range map[string]struct {
		open          net.Addr
		network, addr string
		want          bool
	}{
		"equal":                  {tcp("127.0.0.1", 9900), "tcp", "127.0.0.1:9900", true},
		"a name":                 {tcp("127.0.0.1", 9900), "tcp", "localhost:9900", true},
		"another port":           {tcp("127.0.0.1", 9901), "tcp", "127.0.0.1:9900", false},
		"another host":           {tcp("127.0.0.2", 9900), "tcp", "127.0.0.1:9900", false},
		"everywhere, two ways":   {tcp("::", 9900), "tcp", ":9900", true},
		"everywhere is not here": {tcp("::", 9900), "tcp", "127.0.0.1:9900", false},
		"version 6":              {tcp("::1", 9900), "tcp", "[::1]:9900", true},
		"socket":                 {&net.UnixAddr{Name: "/run/r/s", Net: "unix"}, "unix", "/run/r/../r/s", true},
		"another socket":         {&net.UnixAddr{Name: "/run/r/s", Net: "unix"}, "unix", "/run/r/t", false},
		"a socket is not a port": {&net.UnixAddr{Name: "127.0.0.1:9900", Net: "unix"}, "tcp", "127.0.0.1:9900", false},
		"a port is not a socket": {tcp("127.0.0.1", 9900), "unix", "127.0.0.1:9900", false},
	} {
		if got := daemon.SameAddress(c.open, c.network, c.addr); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
