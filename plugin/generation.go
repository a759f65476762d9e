package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/registryd/registryd/internal/outcome"
)

// generation is one loaded version of a plugin. It ends when nobody refers to it any more: the snapshot that it is in
// holds one reference, each Lease another one.
type generation struct {
	unit     unit // where it was loaded from
	manifest Manifest
	offers   Description
	number   uint64 // counts the generations of one name, from 1; 0: it is not in force yet
	hash     string // of all its files
	born     time.Time

	program Program
	daemon  *daemon
	pool    *pool
	stats   *stats

	refs     atomic.Int64
	inFlight atomic.Int64
	forced   atomic.Bool
	done     chan struct{} // closed when everything is given up
	// life ends when calls in flight are cut off.
	life context.Context
	cut  context.CancelFunc
}

// stats are counted over all generations of a name.
type stats struct {
	calls, failures, limits   atomic.Int64
	drained, forced           atomic.Int64
	detachedAfter, generation atomic.Int64 // drain time of the last in ms; number of the last

	mu      sync.Mutex
	failure string
	at      time.Time
}

// fail keeps the last error.
func (s *stats) fail(text string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failure, s.at = text, now
}

func (s *stats) lastFailure() (string, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure, s.at
}

// enter takes a reference; false when the last one was given up already.
func (g *generation) enter() bool {
	for {
		n := g.refs.Load()
		if n == 0 {
			return false
		}
		if g.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// leave gives a reference back. Exactly one caller finds that it was the last one.
func (g *generation) leave() {
	if g.refs.Add(-1) == 0 {
		go g.finish()
	}
}

// discard gives back the one reference of a generation that was never in force.
func (g *generation) discard() {
	if g.refs.Add(-1) == 0 {
		g.finish()
	}
}

// finish ends everything.
func (g *generation) finish() {
	start := time.Now()
	g.pool.close()
	if err := g.program.Close(); err != nil {
		g.daemon.log.Warn("closing a plugin failed", "error", err)
	}
	g.daemon.close()
	g.cut()
	if g.number > 0 {
		g.stats.drained.Add(1)
		g.daemon.log.Info("generation ended", "generation", g.number, "forced", g.forced.Load(), "dur_ms", time.Since(start).Milliseconds())
	}
	close(g.done)
}

// retire gives the reference of the snapshot back, and cuts off what is still in flight when limit has passed.
func (g *generation) retire(limit time.Duration) {
	start := time.Now()
	timer := time.AfterFunc(limit, func() {
		g.forced.Store(true)
		g.stats.forced.Add(1)
		g.daemon.log.Warn("calls of an old generation are cut off", "generation", g.number, "in_flight", g.inFlight.Load())
		g.cut()
	})
	go func() {
		<-g.done
		timer.Stop()
		g.stats.detachedAfter.Store(time.Since(start).Milliseconds())
	}()
	g.leave()
}

// Lease is a reference to one generation: all calls of one request go through one Lease, so that none sees two
// generations. Safe for concurrent use.
type Lease struct {
	g    *generation
	once sync.Once
}

// Leave gives the lease back. It is idempotent; no call may be made after it.
func (l *Lease) Leave() { l.once.Do(l.g.leave) }

// Keep takes one more lease of the same generation, and returns how it is given back. It is called before Leave.
func (l *Lease) Keep() (leave func()) {
	l.g.refs.Add(1)
	return sync.OnceFunc(l.g.leave)
}

// Name is that of the plugin.
func (l *Lease) Name() string { return l.g.manifest.Name }

// Manifest is that of the generation. The caller changes nothing of it.
func (l *Lease) Manifest() *Manifest { return &l.g.manifest }

// Offers tells what the code of the generation offers. The caller changes nothing of it.
func (l *Lease) Offers() Description { return l.g.offers }

// Generation is the number of the generation, from 1.
func (l *Lease) Generation() uint64 { return l.g.number }

// Result is what a call returned.
type Result struct {
	// JSON is what the code returned; nil: nothing.
	JSON json.RawMessage

	state *callState
}

// Stream hands over the stream of a handle that Host.Open gave to the code in this call; nil if it gave none such.
// The caller closes it.
func (r *Result) Stream(handle string) *Stream { return r.state.take(handle) }

// Close closes the streams that nobody took.
func (r *Result) Close() { r.state.end() }

// Call calls a function of the code in an instance of its own, within Limits.Wall. The caller closes the result.
// Errors: those of Instance.Call, secrets taken out; outcome.Busy when no instance came free within Limits.Queue, or
// while the plugin rests after it reached its memory limit; outcome.Unavailable when an instance does not start, or
// when the generation was cut off.
func (l *Lease) Call(ctx context.Context, fn string, args ...json.RawMessage) (*Result, error) {
	g := l.g
	g.inFlight.Add(1)
	defer g.inFlight.Add(-1)
	g.stats.calls.Add(1)
	outer := ctx
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(g.life, cancel)()
	r, err := g.call(ctx, outer, fn, args)
	err = g.daemon.cleaned(err)
	if err != nil && outer.Err() == nil {
		err = g.failed(fn, err)
	}
	return r, err
}

func (g *generation) call(ctx, outer context.Context, fn string, args []json.RawMessage) (*Result, error) {
	m, err := g.pool.get(ctx)
	if err != nil {
		if _, ok := errors.AsType[*Rejection](err); ok {
			err = outcome.New(outcome.Unavailable, "an instance does not start: %s", located(err))
		}
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, g.manifest.Limits.Wall)
	defer cancel()
	ctx, state := withCall(ctx, outer)
	data, err := m.Call(ctx, fn, args...)
	g.pool.put(m, err)
	if err != nil {
		state.end()
		return nil, err
	}
	return &Result{JSON: data, state: state}, nil
}

// failed notes an error for whoever looks after the daemon.
func (g *generation) failed(fn string, err error) error {
	if g.life.Err() != nil && errors.Is(err, context.Canceled) {
		err = outcome.New(outcome.Unavailable, "cut off, because another generation took its place")
	}
	if r, ok := errors.AsType[*Rejection](err); ok {
		if r.Public || r.ID != 0 {
			return err // what the author meant to say
		}
	}
	if errors.Is(err, ErrLimit) {
		g.stats.limits.Add(1)
	}
	g.stats.failures.Add(1)
	g.stats.fail(g.daemon.clean(fn+": "+located(err)), time.Now())
	return err
}

// Open sends a request for whoever has the lease, within what the manifest allows; its body lives by ctx. The caller
// closes it. Errors: a *Rejection for a URL that the manifest does not allow; outcome.NotFound for 404 and 410;
// outcome.TooSlow, outcome.Busy, outcome.Unavailable; ctx.Err.
func (l *Lease) Open(ctx context.Context, r *Request) (*Stream, error) {
	return l.g.daemon.openFor(ctx, r)
}
