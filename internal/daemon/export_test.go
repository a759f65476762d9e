package daemon

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

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

// MetricNames returns the full names of everything that is registered, also of
// what has no series yet.
func (s *Server) MetricNames() []string {
	ch := make(chan *prometheus.Desc)
	go func() {
		s.metrics.registry.Describe(ch)
		close(ch)
	}()
	var names []string
	for d := range ch {
		_, rest, _ := strings.Cut(d.String(), `fqName: "`)
		name, _, _ := strings.Cut(rest, `"`)
		names = append(names, name)
	}
	return names
}

// Series returns how many series there are.
func (s *Server) Series(t testing.TB) int {
	families, err := s.metrics.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "registryd_") {
			n += len(f.GetMetric())
		}
	}
	return n
}
