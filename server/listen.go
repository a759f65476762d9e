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
			return nil, err
		}
	}
	l, err := net.Listen(a.Network, a.Address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("cannot listen on %s: the address is in use; stop what uses it or change listen", a)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", a, err)
	}
	if a.Network == "unix" {
		// nginx's worker runs as another user and must be able to connect; who may
		// enter the directory decides who else can.
		if err := os.Chmod(a.Address, 0o666); err != nil {
			l.Close()
			return nil, fmt.Errorf("cannot listen on %s: %w", a, err)
		}
	}
	return l, nil
}

// removeStale removes a socket that nobody listens on any more.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot listen on unix:%s: %w", path, err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("cannot listen on unix:%s: a file is in the way", path)
	}
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return fmt.Errorf("cannot listen on unix:%s: the address is in use; stop what uses it or change listen", path)
	}
	return os.Remove(path)
}
