package module

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Status is how one module written in Go does.
type Status struct {
	Name       string        // of the module
	Generation uint64        // from 1; 0: it is not loaded
	Loaded     time.Time     // when the generation was put in force; zero: it is not loaded
	InFlight   int64         // requests and tasks that are bound to the generation
	Calls      int64         // of all generations
	Drained    int64         // generations that ended
	Drain      time.Duration // how long the last one took to end
	LastError  string        // of the last load that failed; "": none has
	ErrorAt    time.Time     // when that was; zero: never
}

// tally counts over all generations of one module.
type tally struct {
	calls, drained, drain atomic.Int64

	mu    sync.Mutex
	err   string
	errAt time.Time
}

func (t *tally) failed(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err, t.errAt = err.Error(), time.Now()
}

// Status tells how all modules of the set do, by name. It waits for no load.
func (s *Set) Status() []Status {
	s.seen.Lock()
	force := maps.Clone(s.shown)
	s.seen.Unlock()
	var list []Status
	for _, name := range slices.Sorted(maps.Keys(s.tallies)) {
		t := s.tallies[name]
		one := Status{Name: name, Calls: t.calls.Load(), Drained: t.drained.Load(), Drain: time.Duration(t.drain.Load())}
		t.mu.Lock()
		one.LastError, one.ErrorAt = t.err, t.errAt
		t.mu.Unlock()
		if i := force[name]; i != nil {
			one.Generation, one.Loaded, one.InFlight = i.unit.Generation, i.since, max(0, i.refs.Load()-1)
		}
		list = append(list, one)
	}
	return list
}

// show publishes what is in force for Status.
func (s *Set) show(force map[string]*instance) {
	s.seen.Lock()
	defer s.seen.Unlock()
	for name, i := range force {
		if s.shown[name] != i {
			i.since = time.Now()
		}
	}
	s.shown = force
}
