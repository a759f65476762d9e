package daemon

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
)

// gate counts the requests that are under way and, once it is shut, lets no
// more of them in. It costs two atomic additions a request.
type gate struct {
	under   atomic.Int64
	leaving atomic.Bool   // the daemon stops: send requests elsewhere
	shut    atomic.Bool   // nobody is let in any more
	idle    chan struct{} // of capacity 1: the last one has left a shut gate
}

func newGate() *gate { return &gate{idle: make(chan struct{}, 1)} }

// retryDrained is what a client that meets a shut gate should wait: by then
// another daemon is there, or none.
const retryDrained = time.Second

// guard returns h behind the gate.
func (g *gate) guard(h httpx.HandlerFunc) httpx.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		g.under.Add(1)
		defer g.leave()
		if g.shut.Load() {
			return outcome.After(retryDrained, outcome.New(outcome.Busy, "the daemon is stopping"))
		}
		return h(w, r)
	}
}

func (g *gate) leave() {
	if g.under.Add(-1) > 0 || !g.shut.Load() {
		return
	}
	select {
	case g.idle <- struct{}{}:
	default: // it was said already
	}
}

// drain shuts the gate and waits until everybody has left. Errors: that of ctx.
func (g *gate) drain(ctx context.Context) error {
	g.leaving.Store(true)
	g.shut.Store(true)
	for g.under.Load() > 0 {
		select {
		case <-g.idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
