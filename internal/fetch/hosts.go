package fetch

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/registryd/registryd/internal/outcome"
)

// maxHeld bounds how many hosts are remembered for a delay they asked for, or
// for their failures.
const maxHeld = 1024

// hosts hands out the places among the requests to each host, and remembers
// which hosts asked to be left alone or failed. A host is forgotten as soon as
// nobody uses it, no delay runs and its last answer was none of these, because
// redirects can name any number of them.
type hosts struct {
	limit   int64
	waiting atomic.Int64 // requests that wait for a place

	mu sync.Mutex
	m  map[string]*host
}

type host struct {
	places  *semaphore.Weighted
	users   int       // holders and waiters
	until   time.Time // it asked for no request before
	breaker breaker
}

func newHosts(limit int) *hosts {
	return &hosts{limit: int64(limit), m: make(map[string]*host)}
}

// place is one among the requests to a host.
type place struct {
	host    *host
	probe   bool // whether it shows if the host is back; the hosts' mutex guards it
	release func()
}

// acquire waits for a place at the host, no longer than wait. Errors:
// outcome.Busy while the host is held or its breaker open, or when no place
// came free; that of ctx.
func (h *hosts) acquire(ctx context.Context, key string, wait time.Duration) (*place, error) {
	e, err := h.join(key)
	if err != nil {
		return nil, err
	}
	if err := h.wait(ctx, key, e, wait); err != nil {
		h.quit(key, e)
		return nil, err
	}
	p := &place{host: e}
	p.release = sync.OnceFunc(func() {
		h.mu.Lock()
		p.end()
		h.mu.Unlock()
		e.places.Release(1)
		h.quit(key, e)
	})
	if err := h.admit(key, p); err != nil { // the host failed while we waited
		p.release()
		return nil, err
	}
	return p, nil
}

// wait takes one of the host's places.
func (h *hosts) wait(ctx context.Context, key string, e *host, wait time.Duration) error {
	if e.places.TryAcquire(1) {
		return nil
	}
	h.waiting.Add(1)
	defer h.waiting.Add(-1)
	bounded, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	if err := e.places.Acquire(bounded, 1); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return outcome.New(outcome.Busy, "%s: %d requests in flight, none ended within %v", key, h.limit, wait)
	}
	return nil
}

// join counts the caller among the host's users, unless the host is held.
func (h *hosts) join(key string) (*host, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.entry(key)
	if held := time.Until(e.until); held > 0 {
		return nil, outcome.After(held, outcome.New(outcome.Busy, "%s asked to be left alone for %v", key, held.Round(time.Second)))
	}
	e.users++
	return e, nil
}

// admit asks the breaker.
func (h *hosts) admit(key string, p *place) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	wait, probe := p.host.breaker.admit()
	p.probe = probe
	if wait > 0 {
		return open(key, &p.host.breaker, wait)
	}
	return nil
}

func (h *hosts) quit(key string, e *host) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e.users--
	if e.idle() {
		delete(h.m, key)
	} else if len(h.m) >= maxHeld {
		h.forget()
	}
}

// hold keeps requests from the host for a while.
func (h *hosts) hold(key string, d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.m) >= maxHeld {
		h.forget()
	}
	h.entry(key).until = time.Now().Add(d)
}

// forget drops hosts that nobody uses: those whose delay is over, or else one
// of the others.
func (h *hosts) forget() {
	spare := ""
	for key, e := range h.m {
		if e.idle() {
			delete(h.m, key)
		} else if e.users == 0 {
			spare = key
		}
	}
	if len(h.m) >= maxHeld && spare != "" {
		delete(h.m, spare)
	}
}

func (h *hosts) entry(key string) *host {
	e := h.m[key]
	if e == nil {
		e = &host{places: semaphore.NewWeighted(h.limit)}
		h.m[key] = e
	}
	return e
}

func (e *host) idle() bool {
	return e.users == 0 && e.breaker.failures == 0 && time.Until(e.until) <= 0
}
