// Package freeport gives tests addresses for servers that other programs open.
//
// A port that the system chose and that was closed again may be somebody else's
// a moment later: the system hands the same ports to every listener and client.
// So these come from below that range, and are locked for as long as the test
// runs, against other tests and other processes that ask here.
package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Address returns host and port on loopback where nobody listens. It is the
// caller's until the test ends.
func Address(t testing.TB) string {
	t.Helper()
	address, release, err := Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return address
}

// Reserve is Address for those without a testing.TB: the address is the caller's
// until release is called. Errors: plain ones, where no port is free.
func Reserve() (address string, release func(), err error) {
	const lowest = 15000
	n := highest() - lowest
	first := rand.IntN(n)
	for i := range n {
		if address, lock, ok := reserve(lowest + (first+i)%n); ok {
			return address, func() { lock.Close() }, nil
		}
	}
	return "", nil, errors.New("no port is free")
}

// highest is where the ports begin that the system hands out.
func highest() int {
	low := 32768
	if data, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		_, _ = fmt.Sscan(string(data), &low)
	}
	return max(low, 20000) // else there is no such place, and luck must do
}

// reserve locks a port, unless somebody has it or listens on it.
func reserve(port int) (address string, lock *os.File, ok bool) {
	dir := filepath.Join(os.TempDir(), "registryd-test-ports")
	_ = os.MkdirAll(dir, 0o777) // else opening fails
	lock, err := os.OpenFile(filepath.Join(dir, fmt.Sprint(port)), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return "", nil, false // somebody else's
	}
	address = fmt.Sprintf("127.0.0.1:%d", port)
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address, lock, true
		}
	}
	lock.Close()
	return "", nil, false
}
