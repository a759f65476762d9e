package fetch

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/registryd/registryd/internal/outcome"
)

// maxHeld bounds how many hosts are remembered for a delay they asked for.
const maxHeld = 1024

// hosts hands out the places among the requests to each host, and remembers
// which hosts asked to be left alone. A host is forgotten as soon as nobody
// uses it and no delay runs, because redirects can name any number of them.
type hosts struct {
	limit int64

	mu sync.Mutex
	m  map[string]*host
}

type host struct {
	places *semaphore.Weighted
	users  int       // holders and waiters
	until  time.Time // no request before
}

func newHosts(limit int) *hosts {
	return &hosts{limit: int64(limit), m: make(map[string]*host)}
}

// acquire waits for a place at the host, no longer than wait. Errors:
// outcome.Busy while the host is held or when no place came free; that of ctx.
func (h *hosts) acquire(ctx context.Context, key string, wait time.Duration) (release func(), err error) {
	e, held := h.join(key)
	if held > 0 {
		return nil, outcome.After(held, outcome.New(outcome.Busy, "%s asked to be left alone for %v", key, held.Round(time.Second)))
	}
	if !e.places.TryAcquire(1) {
		waiting, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		if err := e.places.Acquire(waiting, 1); err != nil {
			h.quit(key, e)
			if ctx.Err() != nil {
				return nil, err
			}
			return nil, outcome.New(outcome.Busy, "%s: %d requests in flight, none ended within %v", key, h.limit, wait)
		}
	}
	return sync.OnceFunc(func() {
		e.places.Release(1)
		h.quit(key, e)
	}), nil
}

// join counts the caller among the host's users, unless the host is held.
func (h *hosts) join(key string) (*host, time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.entry(key)
	if held := time.Until(e.until); held > 0 {
		return nil, held
	}
	e.users++
	return e, 0
}

func (h *hosts) quit(key string, e *host) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e.users--
	if e.idle() {
		delete(h.m, key)
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

func (e *host) idle() bool { return e.users == 0 && time.Until(e.until) <= 0 }
