package server

import (
	"net"
	"net/http"

	"github.com/registryd/registryd/config"
)

// HostLabel returns the metric label of each host, asked in order.
func HostLabel(hosts []string) []string {
	m := newMetrics("")
	labels := make([]string, len(hosts))
	for i, h := range hosts {
		labels[i] = m.host(h)
	}
	return labels
}

// Lobby returns a listener of a few places over in, and the hook that belongs
// to it.
func Lobby(in net.Listener, places int, crowded func()) (net.Listener, func(net.Conn, http.ConnState)) {
	l := newLobby(places, crowded)
	return l.listener(in), l.state
}

// SameAddress is sameAddress for an address of the configuration.
func SameAddress(open net.Addr, network, address string) bool {
	return sameAddress(open, config.Address{Network: network, Address: address})
}
