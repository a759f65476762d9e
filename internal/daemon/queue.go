package daemon

import (
	"context"
	"sync"

	"github.com/registryd/registryd/plugin"
)

// reloadQueue lets everybody who asks for the same reload while it waits for its turn share one: a storm of triggers
// costs at most two, and none of them is lost.
type reloadQueue struct {
	mu      sync.Mutex
	waiting map[plugin.Reload]*turn
}

// turn is one reload that has not begun.
type turn struct {
	done   chan struct{}
	report *Report
	err    error
}

// do runs fn once it has the lock, or waits for a turn of the same kind that has not begun. Errors: those of fn; that
// of ctx, while fn goes on.
func (q *reloadQueue) do(ctx context.Context, kind plugin.Reload, lock sync.Locker, fn func() (*Report, error)) (*Report, error) {
	t := q.join(kind, lock, fn)
	select {
	case <-t.done:
		return t.report, t.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (q *reloadQueue) join(kind plugin.Reload, lock sync.Locker, fn func() (*Report, error)) *turn {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t := q.waiting[kind]; t != nil {
		return t
	}
	if q.waiting == nil {
		q.waiting = map[plugin.Reload]*turn{}
	}
	t := &turn{done: make(chan struct{})}
	q.waiting[kind] = t
	go func() {
		defer close(t.done)
		lock.Lock()
		defer lock.Unlock()
		q.mu.Lock()
		delete(q.waiting, kind)
		q.mu.Unlock()
		t.report, t.err = fn()
	}()
	return t
}
