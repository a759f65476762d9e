package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"github.com/registryd/registryd/config"
)

// listen opens all addresses or none.
func listen(addresses []config.Address) ([]net.Listener, error) {
	var open []net.Listener
	for _, a := range addresses {
		l, err := listenOne(a)
		if err != nil {
			for _, l := range open {
				l.Close()
			}
			return nil, err
		}
		open = append(open, l)
	}
	return open, nil
}

func listenOne(a config.Address) (net.Listener, error) {
	if a.Network == "unix" {
		if err := removeStale(a.Address); err != nil {
			return nil, fmt.Errorf("cannot listen on %s: %w", a, err)
		}
	}
	l, err := net.Listen(a.Network, a.Address)
	if errors.Is(err, syscall.EADDRINUSE) {
		err = errInUse
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", a, reason(err))
	}
	if a.Network == "unix" {
		// nginx's worker runs as another user and must be able to connect; who may
		// enter the directory decides who else can.
		if err := os.Chmod(a.Address, 0o666); err != nil {
			l.Close()
			return nil, fmt.Errorf("cannot listen on %s: %w", a, reason(err))
		}
	}
	return l, nil
}

var (
	errInUse = errors.New("the address is in use; stop what uses it or change listen")
	errInWay = errors.New("something else is in the way; remove it or change listen")
)

// reason is what the system says, without the address, which stands there
// already.
func reason(err error) error {
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e
	}
	return err
}

// removeStale removes a socket that nobody listens on any more. Only a refused
// connection tells that: a listener may as well be too busy, or not for us.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return reason(err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errInWay
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		c.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return errInUse
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return reason(err)
	}
	return nil
}
