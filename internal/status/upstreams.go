package status

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	maxWaits = 128 // the latest of a host
	maxHosts = 64  // a document from upstream may name others without end
)

// Waits remembers how long hosts took. Safe for concurrent use; the zero value
// has seen none.
type Waits struct {
	mu    sync.Mutex
	hosts map[string]*waits
}

type waits struct {
	requests, failures uint64
	latest             [maxWaits]time.Duration // a ring: requests counts what was written
}

// Add notes one request: how long it took until its header came or it failed.
// Hosts beyond the first 64 are not told apart.
func (w *Waits) Add(host string, failed bool, took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.hosts == nil {
		w.hosts = map[string]*waits{}
	}
	if w.hosts[host] == nil && len(w.hosts) >= maxHosts {
		host = "other"
	}
	h := w.hosts[host]
	if h == nil {
		h = &waits{}
		w.hosts[host] = h
	}
	h.latest[h.requests%maxWaits] = took
	h.requests++
	if failed {
		h.failures++
	}
}

// Upstreams returns all hosts, the slowest first; never nil.
func (w *Waits) Upstreams() []Upstream {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := []Upstream{}
	for host, h := range w.hosts {
		n := int(min(h.requests, maxWaits))
		sorted := slices.Sorted(slices.Values(h.latest[:n]))
		all = append(all, Upstream{
			Host: host, Requests: h.requests, Failures: h.failures,
			Median: inMilliseconds(sorted[n/2]), Slow: inMilliseconds(sorted[n*19/20]),
		})
	}
	slices.SortFunc(all, func(a, b Upstream) int {
		return cmp.Or(cmp.Compare(b.Slow, a.Slow), strings.Compare(a.Host, b.Host))
	})
	return all
}

func inMilliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
