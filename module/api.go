package module

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/operation"
)

// API is everything that modules offer. Its identity never changes; what is behind it is replaced by Swap. Nobody
// changes it otherwise. Safe for concurrent use; make one with NewAPI.
type API struct {
	table   atomic.Pointer[Table]
	revoked atomic.Bool

	switching sync.Mutex                      // of changes to all of them
	off       atomic.Pointer[map[string]bool] // modules that are switched off; nil: none was
}

// NewAPI returns an API of nothing.
func NewAPI() *API {
	a := &API{}
	a.table.Store(emptyTable())
	return a
}

func emptyTable() *Table {
	t, err := NewTable(nil)
	if err != nil {
		panic(err) // nothing collides with nothing
	}
	return t
}

// Swap puts a table in force. After Revoke it does nothing.
func (a *API) Swap(t *Table) {
	a.switching.Lock()
	defer a.switching.Unlock()
	if !a.revoked.Load() {
		a.table.Store(t)
	}
}

// Table returns what is in force.
func (a *API) Table() *Table { return a.table.Load() }

// Revoke makes the API inert: it offers nothing, and calls return nothing. It is idempotent.
func (a *API) Revoke() {
	a.switching.Lock()
	defer a.switching.Unlock()
	a.revoked.Store(true)
	a.table.Store(emptyTable())
}

// Keys lists the functions and values that are offered, sorted.
func (a *API) Keys() []string { return slices.Sorted(maps.Keys(a.table.Load().keys)) }

// Get returns a copy of a value, nil for none, and what is a function.
func (a *API) Get(key string) json.RawMessage {
	u := a.table.Load().keys[key]
	if u == nil {
		return nil
	}
	return slices.Clone(u.Values[key])
}

// Func returns a function by key that calls whatever is in force when it is called.
// Errors: outcome.NotFound for a key that no module offers; see Call.
func (a *API) Func(key string) (Function, error) {
	u := a.table.Load().keys[key]
	if u == nil || u.Functions[key] == nil {
		return nil, outcome.New(outcome.NotFound, "no module offers a function %q", key)
	}
	return func(ctx context.Context, args ...json.RawMessage) (json.RawMessage, error) {
		return a.Call(ctx, key, args...)
	}, nil
}

// Call calls a function by key. After Revoke it does nothing and returns nothing.
// Errors: outcome.NotFound for one that is gone; what the function returns.
func (a *API) Call(ctx context.Context, key string, args ...json.RawMessage) (json.RawMessage, error) {
	for {
		if a.revoked.Load() {
			return nil, nil
		}
		u := a.table.Load().keys[key]
		if u == nil || u.Functions[key] == nil {
			return nil, outcome.New(outcome.NotFound, "function %q is gone: no module offers it any more", key)
		}
		lease, ok := u.Enter()
		if !ok {
			continue // lost against a swap
		}
		defer lease.Leave()
		return u.Functions[key](operation.WithLease(ctx, lease), args...)
	}
}
