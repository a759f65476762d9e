package daemon

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/registryd/registryd/internal/fetch"
)

// upstreamState is an upstream as readyz tells of it.
type upstreamState struct {
	Host      string      `json:"host"`
	State     fetch.State `json:"state"`
	Failures  int         `json:"failures,omitempty"` // in a row
	LastError string      `json:"last_error,omitempty"`
	NextProbe *time.Time  `json:"next_probe,omitempty"`
}

// upstreams are those of the generation in force.
func (s *Server) upstreams() []fetch.Upstream {
	if g := s.current(); g != nil {
		return g.client.Upstreams()
	}
	return nil
}

func upstreamStates(list []fetch.Upstream) []upstreamState {
	states := make([]upstreamState, 0, len(list))
	for _, u := range list {
		state := upstreamState{Host: u.Host, State: u.State, Failures: u.Failures, LastError: u.LastError}
		if !u.Next.IsZero() {
			next := u.Next.UTC().Round(time.Second)
			state.NextProbe = &next
		}
		states = append(states, state)
	}
	return states
}

// breakers is a prometheus.Collector that reads the state of upstreams when it
// is asked for.
type breakers struct {
	desc  *prometheus.Desc
	read  func() []fetch.Upstream
	label func(host string) string
}

func newBreakers(read func() []fetch.Upstream, label func(string) string) *breakers {
	return &breakers{prometheus.NewDesc(breakerState,
		"0: asked as usual, 1: one request shows whether it is back, 2: not asked.", []string{"host"}, nil), read, label}
}

// Describe is part of prometheus.Collector.
func (b *breakers) Describe(ch chan<- *prometheus.Desc) { ch <- b.desc }

// Collect is part of prometheus.Collector. Hosts that share a label share the
// worst state.
func (b *breakers) Collect(ch chan<- prometheus.Metric) {
	worst := map[string]float64{}
	for _, u := range b.read() {
		label := b.label(u.Host)
		worst[label] = max(worst[label], stateNumber(u.State))
	}
	for label, state := range worst {
		ch <- prometheus.MustNewConstMetric(b.desc, prometheus.GaugeValue, state, label)
	}
}

func stateNumber(s fetch.State) float64 {
	switch s {
	case fetch.StateClosed:
		return 0
	case fetch.StateHalfOpen:
		return 1
	}
	return 2
}
