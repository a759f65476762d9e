package fetch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
)

// errForbidden is in the chain of every dial that the guard refused.
var errForbidden = errors.New("address is not public")

// guard dials. Only public addresses are dialled, but for trusted host:port
// pairs and for the proxy. The check is made on the address that the name
// resolved to, at the moment of connecting to it.
type guard struct {
	trusted map[string]bool // by host:port as dialled, before resolving
	open    *net.Dialer
	closed  *net.Dialer
}

func newGuard(c Config) *guard {
	g := &guard{
		trusted: make(map[string]bool, len(c.Trusted)),
		open:    &net.Dialer{Timeout: c.ConnectTimeout},
		closed:  &net.Dialer{Timeout: c.ConnectTimeout, Control: control},
	}
	for _, addr := range c.Trusted {
		g.trusted[normalise(addr)] = true
	}
	return g
}

// dial is the DialContext of the transport. A request that goes through a
// proxy only ever dials the proxy.
func (g *guard) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if proxyOf(ctx) != nil || g.trusted[normalise(addr)] {
		return g.open.DialContext(ctx, network, addr)
	}
	return g.closed.DialContext(ctx, network, addr)
}

// control refuses to connect to an address that is not public.
func control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", errForbidden, address)
	}
	if !public(ap.Addr()) {
		return fmt.Errorf("%w: %s", errForbidden, ap.Addr())
	}
	return nil
}

// proxied checks the target of a request that a proxy will resolve: there is
// no address to check, so whatever spells an address must spell a public one.
func (g *guard) proxied(u *url.URL) error {
	if g.trusted[hostPort(u)] {
		return nil
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return fmt.Errorf("%w: %s", errForbidden, host)
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		if !public(addr) {
			return fmt.Errorf("%w: %s", errForbidden, addr)
		}
		return nil
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if numeric(last) {
		// Decimal, octal and hexadecimal forms, which some resolvers accept.
		return fmt.Errorf("%w: %s", errForbidden, host)
	}
	return nil
}

// numeric reports whether the last label of a host makes it an address rather
// than a name: no top-level domain is a number.
func numeric(label string) bool {
	if rest, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(rest, "0123456789abcdef") == ""
	}
	return isDigits(label)
}

// public reports whether an address belongs to the public internet. Addresses
// that carry an IPv4 address within them are judged by that one.
func public(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if v4, ok := embedded(addr); ok {
		addr = v4
	}
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	for _, p := range special() {
		if p.Contains(addr) {
			return false
		}
	}
	return true
}

// embedded returns the IPv4 address inside an address of NAT64 or 6to4.
func embedded(addr netip.Addr) (netip.Addr, bool) {
	b := addr.As16()
	switch {
	case !addr.Is6():
		return netip.Addr{}, false
	case prefix("64:ff9b::/96").Contains(addr):
		return netip.AddrFrom4([4]byte(b[12:])), true
	case prefix("2002::/16").Contains(addr):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// special are the ranges outside the public internet that the methods of
// netip.Addr do not know, and the addresses at which clouds answer the
// machines inside them.
func special() []netip.Prefix {
	return []netip.Prefix{
		prefix("0.0.0.0/8"),        // this network
		prefix("100.64.0.0/10"),    // carrier-grade NAT
		prefix("168.63.129.16/32"), // a cloud's service to its machines
		prefix("192.0.0.0/24"),     // protocol assignments
		prefix("192.0.2.0/24"),     // documentation
		prefix("192.88.99.0/24"),   // 6to4 relays
		prefix("198.18.0.0/15"),    // benchmarks
		prefix("198.51.100.0/24"),  // documentation
		prefix("203.0.113.0/24"),   // documentation
		prefix("240.0.0.0/4"),      // reserved, and broadcast
		prefix("::/96"),            // IPv4-compatible
		prefix("64:ff9b:1::/48"),   // local NAT64
		prefix("100::/64"),         // discard
		prefix("2001::/23"),        // protocol assignments, Teredo
		prefix("2001:db8::/32"),    // documentation
		prefix("3fff::/20"),        // documentation
		prefix("5f00::/16"),        // segment routing
		prefix("fec0::/10"),        // site-local
	}
}
