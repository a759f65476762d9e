package operation

import (
	"context"
	"net/http"
)

// matched is the context of a request whose operation was found. It is one value for all that the engine adds, since
// each costs every request.
type matched struct {
	context.Context
	path  pathValues
	lease Leased
}

type pathKey struct{}

type leaseKey struct{}

// Value is part of context.Context.
func (m *matched) Value(key any) any {
	switch key.(type) {
	case pathKey:
		return m.path
	case leaseKey:
		if m.lease != nil {
			return m.lease
		}
	}
	return m.Context.Value(key)
}

// Matched returns r as Operation.Serve wants it: path holds the placeholders, and lease is what a task keeps beyond
// its request; nil: nothing.
func Matched(r *http.Request, path interface{ ByName(name string) string }, lease Leased) *http.Request {
	return r.WithContext(&matched{r.Context(), path, lease})
}

// noPath has no placeholders.
type noPath struct{}

// ByName is part of pathValues.
func (noPath) ByName(string) string { return "" }

func pathOf(ctx context.Context) pathValues {
	if p, ok := ctx.Value(pathKey{}).(pathValues); ok && p != nil {
		return p
	}
	return noPath{}
}

// WithLease returns a context that has a lease, for calls outside of requests.
func WithLease(ctx context.Context, l Leased) context.Context { return &matched{ctx, noPath{}, l} }

// LeaseOf returns what Matched or WithLease put there, nil if nothing was.
func LeaseOf(ctx context.Context) Leased {
	l, _ := ctx.Value(leaseKey{}).(Leased)
	return l
}
