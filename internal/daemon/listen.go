package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/registryd/registryd/config"
)

// listen opens all addresses or none. An address that was opened for the
// process already, by inherited, is taken over; what is inherited and not asked
// for is an error, since somebody would wait at it for ever.
func listen(addresses []config.Address, inherited []net.Listener) (open []net.Listener, err error) {
	inherited = slices.Clone(inherited)
	defer func() {
		if err != nil {
			for _, l := range append(open, inherited...) {
				l.Close()
			}
			open = nil
		}
	}()
	for _, a := range addresses {
		l := takeInherited(&inherited, a)
		if l == nil {
			if l, err = listenOne(a); err != nil {
				return open, err
			}
		}
		open = append(open, l)
	}
	if len(inherited) > 0 {
		a := inherited[0].Addr()
		return open, fmt.Errorf("was given a socket at %s, which listen does not name; make the two agree",
			config.Address{Network: a.Network(), Address: a.String()})
	}
	return open, nil
}

// takeInherited takes the listener for a out of list; nil without one.
func takeInherited(list *[]net.Listener, a config.Address) net.Listener {
	i := slices.IndexFunc(*list, func(l net.Listener) bool { return sameAddress(l.Addr(), a) })
	if i < 0 {
		return nil
	}
	l := (*list)[i]
	*list = slices.Delete(*list, i, i+1)
	return l
}

// sameAddress compares what is open with what a configuration says, where a
// host may have a name, and none means all addresses.
func sameAddress(open net.Addr, a config.Address) bool {
	if a.Network == "unix" {
		return open.Network() == "unix" && filepath.Clean(open.String()) == filepath.Clean(a.Address)
	}
	got, ok := open.(*net.TCPAddr)
	if !ok {
		return false
	}
	want, err := net.ResolveTCPAddr("tcp", a.Address)
	return err == nil && want.Port == got.Port && want.Zone == got.Zone &&
		(want.IP.Equal(got.IP) || everywhere(want.IP) && everywhere(got.IP))
}

func everywhere(ip net.IP) bool { return ip == nil || ip.IsUnspecified() }

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
