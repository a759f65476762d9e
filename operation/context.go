package operation

import (
	"context"

	"github.com/julienschmidt/httprouter"
)

// matched is the context of a request whose operation was found. It is one value for all that the engine adds, since
// each costs every request.
type matched struct {
	context.Context
	path  httprouter.Params
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

// pathOf returns the placeholders of the path of a request, nil for none.
func pathOf(ctx context.Context) httprouter.Params {
	p, _ := ctx.Value(pathKey{}).(httprouter.Params)
	return p
}

// WithLease returns a context that has a lease, for calls outside of requests.
func WithLease(ctx context.Context, l Leased) context.Context { return &matched{ctx, nil, l} }

// LeaseOf returns what Operation.Serve or WithLease put there, nil if nothing was.
func LeaseOf(ctx context.Context) Leased {
	l, _ := ctx.Value(leaseKey{}).(Leased)
	return l
}
