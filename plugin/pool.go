package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/registryd/registryd/internal/outcome"
)

const (
	// maxCalls is how many calls an instance answers at most: what leaks in it then leaks no further.
	maxCalls = 10_000
	// idleTime is how long an instance above the minimum is kept without a call.
	idleTime = time.Minute
	// detachTime bounds a detach hook.
	detachTime = 2 * time.Second
	// Hits of the memory limit within breakerTime open the breaker for as long.
	breakerHits = 3
	breakerTime = time.Minute
)

// pool holds the instances of one generation. Safe for concurrent use.
type pool struct {
	program Program
	limits  Limits
	attach  json.RawMessage // the context that attach gets
	log     *slog.Logger
	now     func() time.Time
	cleaned func(error) error // takes secrets out

	life context.Context // of what starts in the background
	cut  context.CancelFunc

	places chan struct{} // one is taken by each instance in use

	mu     sync.Mutex
	idle   []*member // the one used last at the end
	total  int       // idle, in use, and starting
	closed bool
	trim   *time.Timer
	hits   []time.Time // of the memory limit, the latest
	open   time.Time   // until when the breaker is open

	background sync.WaitGroup
}

// member is one instance of a pool. Who took it from the pool owns it until he gives it back.
type member struct {
	Instance
	calls int
	since time.Time // idle
}

func newPool(p Program, m *Manifest, attach json.RawMessage, d *daemon, now func() time.Time) *pool {
	life, cut := context.WithCancel(context.Background())
	return &pool{
		program: p, limits: m.Limits, attach: attach, log: d.log, now: now, cleaned: d.cleaned,
		life: life, cut: cut, places: make(chan struct{}, m.Limits.MaxInstances),
	}
}

// warm starts instances until there are n. Errors: those of Program.Start and of attach.
func (p *pool) warm(ctx context.Context, n int) error {
	for range n {
		m, err := p.start(ctx)
		if err != nil {
			return err
		}
		p.rest(m)
	}
	return nil
}

// start makes an instance and attaches it.
func (p *pool) start(ctx context.Context) (*member, error) {
	p.mu.Lock()
	p.total++
	p.mu.Unlock()
	i, err := p.attached(ctx)
	if err != nil {
		p.mu.Lock()
		p.total--
		p.mu.Unlock()
		return nil, err
	}
	return &member{Instance: i}, nil
}

func (p *pool) attached(ctx context.Context) (Instance, error) {
	ctx, cancel := context.WithTimeout(ctx, p.limits.Wall)
	defer cancel()
	i, err := p.program.Start(ctx)
	if err != nil {
		return nil, err
	}
	call, state := withCall(ctx, ctx)
	defer state.end()
	if _, err = i.Call(call, HookAttach, p.attach); err == nil && !i.Reusable() {
		err = outcome.New(outcome.Unavailable, "attach leaves the instance of no use")
	}
	if err != nil {
		p.shut(i)
		return nil, err
	}
	return i, nil
}

func (p *pool) shut(i Instance) {
	if err := i.Close(); err != nil {
		p.log.Warn("closing an instance failed", "error", p.cleaned(err))
	}
}

// get takes an instance, the one used last or a new one. Errors: outcome.Busy when none came free in time or the
// breaker is open; ctx.Err; those of Program.Start and of attach.
func (p *pool) get(ctx context.Context) (*member, error) {
	if err := p.breaker(); err != nil {
		return nil, err
	}
	if err := p.place(ctx); err != nil {
		return nil, err
	}
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		m := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return m, nil
	}
	p.mu.Unlock()
	m, err := p.start(ctx)
	if err != nil {
		<-p.places
	}
	return m, err
}

// place waits for its turn.
func (p *pool) place(ctx context.Context) error {
	select {
	case p.places <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(p.limits.Queue)
	defer timer.Stop()
	select {
	case p.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return outcome.After(time.Second, outcome.New(outcome.Busy, "all %d instances were busy for %s", p.limits.MaxInstances, p.limits.Queue))
	}
}

// put gives an instance back after a call that ended with err.
func (p *pool) put(m *member, err error) {
	m.calls++
	if errors.Is(err, ErrMemory) {
		p.hit()
	}
	if !m.Reusable() {
		p.drop(m, false)
	} else if m.calls >= maxCalls {
		p.drop(m, true)
	} else {
		p.rest(m)
	}
	<-p.places
}

// rest lays an instance aside until the next call.
func (p *pool) rest(m *member) {
	m.since = p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, m)
	if p.trim == nil && !p.closed && len(p.idle) > p.limits.MinInstances {
		p.trim = time.AfterFunc(idleTime, p.trimIdle)
	}
}

// trimIdle drops what was idle for long, down to the minimum.
func (p *pool) trimIdle() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return // close ends them all
	}
	var old []*member
	for p.total > p.limits.MinInstances && len(p.idle) > 0 && p.now().Sub(p.idle[0].since) >= idleTime {
		old = append(old, p.idle[0])
		p.idle = p.idle[1:]
		p.total--
	}
	p.trim = nil
	if len(p.idle) > p.limits.MinInstances {
		p.trim = time.AfterFunc(idleTime, p.trimIdle)
	}
	p.background.Add(1)
	p.mu.Unlock()
	defer p.background.Done()
	for _, m := range old {
		p.end(m, true)
	}
}

// drop ends an instance in the background, and starts another one where they become too few.
func (p *pool) drop(m *member, detach bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total--
	refill := p.total < p.limits.MinInstances && !p.closed
	p.background.Go(func() {
		p.end(m, detach)
		if refill {
			p.refill()
		}
	})
}

// refill keeps the minimum ready, so that a call after a limit was hit need not wait.
func (p *pool) refill() {
	if p.breaker() != nil {
		return
	}
	m, err := p.start(p.life)
	if err != nil {
		if p.life.Err() == nil {
			p.log.Warn("an instance does not start any more", "error", located(p.cleaned(err)))
		}
		return
	}
	p.rest(m)
}

// end detaches an instance, if it can still be called, and closes it.
func (p *pool) end(m *member, detach bool) {
	if detach {
		ctx, cancel := context.WithTimeout(context.Background(), detachTime)
		defer cancel()
		call, state := withCall(ctx, ctx)
		defer state.end()
		if _, err := m.Call(call, HookDetach); err != nil {
			p.log.Warn("detach failed", "error", p.cleaned(err))
		}
	}
	p.shut(m.Instance)
}

// close ends all instances. Nobody has one, and nobody gets one any more.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	if p.trim != nil {
		p.trim.Stop()
	}
	p.mu.Unlock()
	p.cut()
	p.background.Wait() // a refill may still bring one
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, m := range idle {
		p.end(m, true)
	}
	p.background.Wait()
}

// hit notes that the memory limit was reached.
func (p *pool) hit() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	p.hits = append(p.hits, now)
	if len(p.hits) > breakerHits {
		p.hits = p.hits[1:]
	}
	if len(p.hits) == breakerHits && now.Sub(p.hits[0]) < breakerTime {
		p.open = now.Add(breakerTime)
		p.hits = nil
		p.log.Error("plugin reached its memory limit too often and rests", "for", breakerTime.String())
	}
}

// breaker refuses calls while the breaker is open.
func (p *pool) breaker() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	left := p.open.Sub(p.now())
	if left <= 0 {
		return nil
	}
	return outcome.After(left, outcome.New(outcome.Busy, "rests after it reached its memory limit %d times", breakerHits))
}

// instances returns how many there are, and how many of them are idle.
func (p *pool) instances() (total, idle int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.total, len(p.idle)
}
