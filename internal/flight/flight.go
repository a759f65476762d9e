// Package flight shares one execution among all concurrent callers of a key.
//
// It differs from golang.org/x/sync/singleflight in whom the work belongs to.
// There it runs in the first caller's goroutine or under nobody's context, so
// it either dies with that caller or goes on when no one wants it any more, and
// a waiter cannot leave. Here it runs under a context of its own, which ends
// when the last waiter has gone, and each waiter leaves when its own context
// ends. That needs a count of waiters that is kept under the same lock as the
// table of calls, which cannot be laid around a singleflight.Group, so the
// group is written out.
//
// Results are not remembered: a call that comes after the end of an execution
// starts a new one. What is shared is the value, so it must be something that
// several goroutines may hold: never a reader.
package flight

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/registryd/registryd/internal/outcome"
)

// Group shares executions by key. It is made by New and safe for concurrent
// use.
type Group[K comparable, V any] struct {
	// base bounds every execution. It is the group's own lifetime, not that of
	// a request, which is why it may be held.
	base context.Context

	mu      sync.Mutex
	idle    sync.Cond // on mu: running became 0
	calls   map[K]*call[V]
	running int // executions, also those that were abandoned and have not ended
	started uint64
	joined  uint64
}

// Counts tells how much work a group did.
type Counts struct {
	Started uint64 // executions
	Joined  uint64 // callers of Do who shared an execution that was running
	Running int    // executions right now, also those that nobody waits for any more
}

// Counts returns the numbers since the group was made.
func (g *Group[K, V]) Counts() Counts {
	g.mu.Lock()
	defer g.mu.Unlock()
	return Counts{Started: g.started, Joined: g.joined, Running: g.running}
}

// call is one execution. A call that the last waiter left is taken out of the
// table at once, under the lock, so nobody joins work that is being cancelled.
type call[V any] struct {
	cancel  context.CancelFunc
	waiters int           // under Group.mu
	done    chan struct{} // closed after value and err are set
	value   V
	err     error
}

// New returns a group whose executions run under base: they see its values,
// none of their callers', and are cancelled when it ends.
func New[K comparable, V any](base context.Context) *Group[K, V] {
	g := &Group[K, V]{base: base, calls: make(map[K]*call[V])}
	g.idle.L = &g.mu
	return g
}

// Do returns the result of fn, executed in a goroutine of its own, or of the
// execution of the same key that is running already; shared tells the latter.
// The context given to fn ends when every caller of this execution has left or
// the group's base ends. Errors: what fn returned; ctx.Err as soon as ctx ends,
// whatever fn does; outcome.Busy once the base has ended; *PanicError when fn
// panicked.
func (g *Group[K, V]) Do(ctx context.Context, key K, fn func(context.Context) (V, error)) (v V, shared bool, err error) {
	if err := ctx.Err(); err != nil {
		return v, false, err
	}
	c, shared, err := g.join(key, fn)
	if err != nil {
		return v, false, err
	}
	select {
	case <-c.done:
		return c.value, shared, c.err
	case <-ctx.Done():
	}
	g.leave(key, c)
	return v, shared, ctx.Err()
}

// Wait returns when no execution is running, also none that was abandoned. It
// does not keep new ones from starting: the end of the base context does.
func (g *Group[K, V]) Wait() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.running > 0 {
		g.idle.Wait()
	}
}

// join counts the caller into the running execution of key, or starts one.
func (g *Group[K, V]) join(key K, fn func(context.Context) (V, error)) (c *call[V], shared bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := context.Cause(g.base); err != nil {
		return nil, false, outcome.Wrap(outcome.Busy, err, "no more work is taken on")
	}
	if c, ok := g.calls[key]; ok {
		c.waiters++
		g.joined++
		return c, true, nil
	}
	ctx, cancel := context.WithCancel(g.base)
	c = &call[V]{cancel: cancel, waiters: 1, done: make(chan struct{})}
	g.calls[key] = c
	g.running++
	g.started++
	go g.run(ctx, key, c, fn)
	return c, false, nil
}

// leave counts the caller out, and ends the execution with the last one.
func (g *Group[K, V]) leave(key K, c *call[V]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if c.waiters--; c.waiters > 0 {
		return
	}
	c.cancel()
	g.forget(key, c)
}

// run executes fn. Everything after it is deferred, so that neither a panic
// nor runtime.Goexit in fn leaves anyone waiting.
func (g *Group[K, V]) run(ctx context.Context, key K, c *call[V], fn func(context.Context) (V, error)) {
	returned := false
	defer func() {
		if !returned {
			// recover gives nil for Goexit, which is as good as a panic here.
			c.err = &PanicError{Value: recover(), Stack: debug.Stack()}
		}
		g.end(key, c)
	}()
	c.value, c.err = fn(ctx)
	returned = true
}

// end publishes the result.
func (g *Group[K, V]) end(key K, c *call[V]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c.cancel()
	g.forget(key, c)
	close(c.done)
	if g.running--; g.running == 0 {
		g.idle.Broadcast()
	}
}

// forget takes c out of the table, unless a newer call has its place.
func (g *Group[K, V]) forget(key K, c *call[V]) {
	if g.calls[key] == c {
		delete(g.calls, key)
	}
}

// PanicError is what every waiter of an execution gets that panicked. It wraps
// nothing: an error that somebody panicked with says nothing about the request.
type PanicError struct {
	Value any    // given to panic; nil for runtime.Goexit
	Stack []byte // of the panicking goroutine, for the log
}

// Error names the value, not the stack.
func (e *PanicError) Error() string {
	if e.Value == nil {
		return "shared work ended without a result"
	}
	return fmt.Sprintf("panic in shared work: %v", e.Value)
}
