package module

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/operation"
)

// Module is one instance of a module written in Go. What it returns does not change after Attach.
//
// It may also have Attach(ctx context.Context, c Context) error, which is called once before the instance is used and
// makes it be given up where it fails, and Detach(), which is called once, after its last call.
type Module interface {
	// Operations lists what it serves.
	Operations() []Operation
}

// Operation is a declaration with what runs it.
type Operation struct {
	Descriptor     operation.Descriptor     // what is declared
	Implementation operation.Implementation // what runs it
}

// Offerer is a Module that offers something to other modules.
type Offerer interface {
	// Offers returns functions and values by key; either may be nil.
	Offers() (functions map[string]Function, values map[string]json.RawMessage)
}

// Attacher is a Module that wants to know when it is about to be used. Errors of Attach: any; the instance is given up.
type Attacher interface {
	// Attach is called once. Errors: the module's own; outcome.Unavailable where nothing fits better.
	Attach(ctx context.Context, c Context) error
}

// Detacher is a Module that wants to know when it has ended.
type Detacher interface {
	// Detach is called once, after the last call.
	Detach()
}

// Context is what a module gets when it is attached.
type Context struct {
	// Name of the module.
	Name string
	// API is what all modules offer. It stays the same over all reloads.
	API *API
	// Logger writes with the name of the module.
	Logger *slog.Logger
}

// Factory makes an instance of a module; it does nothing that Attach could do. Its context, like that of Attach, ends
// when the modules are revoked. Errors: any, in one line.
type Factory func(ctx context.Context) (Module, error)

// SetConfig of a Set.
type SetConfig struct {
	// Factories make the modules, by name. Nobody changes it.
	Factories map[string]Factory
	// API is what the modules join. Required.
	API *API
	// Options of all operations, asked for at each load. Required.
	Options func() operation.Options
	// Logger; nil: discard.
	Logger *slog.Logger
}

// Set makes units of modules written in Go, and new ones when they are reloaded. Safe for concurrent use.
type Set struct {
	config SetConfig

	mu      chan struct{} // holds one value while somebody changes something, so that to wait for it can be given up
	force   map[string]*instance
	numbers map[string]uint64
	life    context.Context // until Revoke
	revoke  context.CancelFunc

	tallies map[string]*tally // one for each factory; the map does not change
	seen    sync.Mutex        // of shown
	shown   map[string]*instance
}

// NewSet returns a set of which nothing is loaded.
func NewSet(c SetConfig) *Set {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Set{config: c, mu: make(chan struct{}, 1), force: map[string]*instance{}, numbers: map[string]uint64{}, tallies: map[string]*tally{}}
	s.life, s.revoke = context.WithCancel(context.Background())
	for name := range c.Factories {
		s.tallies[name] = &tally{}
	}
	return s
}

// instance is one generation of a module.
type instance struct {
	unit   *Unit
	module Module
	refs   atomic.Int64 // one of them belongs to the set
	tally  *tally
	since  time.Time    // when it was put in force; guarded by Set.seen
	ending atomic.Int64 // when it was replaced, in nanoseconds since 1970
	log    *slog.Logger
	done   chan struct{}
}

// Names lists the modules of the set, sorted.
func (s *Set) Names() []string { return slices.Sorted(maps.Keys(s.config.Factories)) }

// SetChange is a reload that was prepared. Exactly one of Commit and Discard ends it.
type SetChange struct {
	s      *Set
	next   map[string]*instance
	staged []*instance
	// Reloaded are the modules of which a new instance was made, Kept all others.
	Reloaded, Kept []string
	// Removed are modules that end by it.
	Removed []string
	// Failed says why a module was not loaded; what was in force of it still is.
	Failed map[string]error
}

// Prepare makes new instances of the modules that wanted says, and first ones of those that have none; what is in force
// goes on. Errors: outcome.Busy after Revoke; ctx.Err.
func (s *Set) Prepare(ctx context.Context, wanted func(name string) bool) (*SetChange, error) {
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.unlock()
	if s.life.Err() != nil {
		return nil, errRevoked()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	c := &SetChange{s: s, next: maps.Clone(s.force), Failed: map[string]error{}, Reloaded: []string{}, Kept: []string{}}
	for _, name := range s.Names() {
		if c.next[name] != nil && !wanted(name) {
			c.Kept = append(c.Kept, name)
			continue
		}
		i, err := s.load(ctx, name)
		if err != nil {
			s.tallies[name].failed(err)
			c.Failed[name] = err
			continue
		}
		c.staged = append(c.staged, i)
		if _, err := NewTable(append(c.unitsBut(name), i.unit)); err != nil {
			s.tallies[name].failed(err)
			c.Failed[name] = err
			continue // it stays staged, so that it is ended with the others
		}
		c.next[name] = i
		c.Reloaded = append(c.Reloaded, name)
	}
	if ctx.Err() != nil || s.life.Err() != nil {
		c.Discard()
		if s.life.Err() != nil {
			return nil, errRevoked()
		}
		return nil, ctx.Err()
	}
	return c, nil
}

// PrepareNone is a change after which no module is in force.
func (s *Set) PrepareNone() *SetChange {
	c := &SetChange{s: s, next: map[string]*instance{}, Failed: map[string]error{}, Reloaded: []string{}, Kept: []string{}}
	s.seen.Lock()
	defer s.seen.Unlock()
	c.Removed = slices.Sorted(maps.Keys(s.shown))
	return c
}

func errRevoked() error { return outcome.New(outcome.Busy, "the modules were revoked") }

// lock waits until nobody else changes anything. Errors: ctx.Err.
func (s *Set) lock(ctx context.Context) error {
	select {
	case s.mu <- struct{}{}: // also where ctx has ended
		return nil
	default:
	}
	select {
	case s.mu <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Set) unlock() { <-s.mu }

// Units are those that will be in force.
func (c *SetChange) Units() []*Unit { return c.unitsBut("") }

func (c *SetChange) unitsBut(name string) []*Unit {
	var list []*Unit
	for n, i := range c.next {
		if n != name {
			list = append(list, i.unit)
		}
	}
	return list
}

// Commit puts the change in force. What it replaces ends with its last call; the table that refers to it was replaced
// before. After Revoke it gives the change up.
func (c *SetChange) Commit() {
	s := c.s
	s.mu <- struct{}{}
	defer s.unlock()
	if s.life.Err() != nil {
		c.Discard()
		return
	}
	old := s.force
	s.force = c.next
	s.show(c.next)
	for name, i := range old {
		if c.next[name] != i {
			i.end()
		}
	}
	for _, i := range c.staged {
		if c.next[i.unit.Name] != i {
			i.Leave()
		}
	}
}

// Discard gives the change up.
func (c *SetChange) Discard() {
	for _, i := range c.staged {
		i.Leave()
	}
}

// Revoke detaches all modules, each after its last call, and waits for them as long as ctx lets it. What is being
// loaded is told to end. It is idempotent; nothing can be loaded any more. Errors: ctx.Err.
func (s *Set) Revoke(ctx context.Context) error {
	s.revoke()
	if err := s.lock(ctx); err != nil {
		return err
	}
	old := s.force
	s.force = map[string]*instance{}
	s.show(s.force)
	s.unlock()
	for _, i := range old {
		i.end()
	}
	for _, i := range old {
		select {
		case <-i.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// load makes and attaches an instance. What a module panics with is its own failure.
func (s *Set) load(ctx context.Context, name string) (i *instance, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("module %s panics: %v", name, p)
			if i != nil { // it is attached
				i.Leave()
				i = nil
			}
		}
	}()
	m, err := s.config.Factories[name](ctx)
	if err != nil {
		return nil, fmt.Errorf("module %s: %w", name, err)
	}
	if m == nil {
		return nil, fmt.Errorf("module %s: its factory returns none", name)
	}
	log := s.config.Logger.With("module", name)
	if a, ok := m.(Attacher); ok {
		if err := a.Attach(ctx, Context{Name: name, API: s.config.API, Logger: log}); err != nil {
			return nil, fmt.Errorf("module %s: attach: %w", name, err)
		}
	}
	i = &instance{module: m, log: log, tally: s.tallies[name], done: make(chan struct{})}
	i.refs.Store(1)
	if i.unit, err = s.unit(name, m); err != nil {
		i.Leave()
		return nil, err
	}
	i.unit.Enter = i.enter
	return i, nil
}

// unit compiles what a module declares.
func (s *Set) unit(name string, m Module) (*Unit, error) {
	s.numbers[name]++
	u := &Unit{Name: name, Engine: "go", Generation: s.numbers[name]}
	for _, o := range m.Operations() {
		op, err := operation.New(o.Descriptor, o.Implementation, s.config.Options())
		if err != nil {
			return nil, fmt.Errorf("module %s: %w", name, err)
		}
		u.Operations = append(u.Operations, op)
	}
	if o, ok := m.(Offerer); ok {
		u.Functions, u.Values = o.Offers()
	}
	return u, nil
}

// Keep is part of operation.Leased.
func (i *instance) Keep() func() {
	i.refs.Add(1)
	return sync.OnceFunc(i.Leave)
}

func (i *instance) enter() (Lease, bool) {
	for {
		n := i.refs.Load()
		if n == 0 {
			return nil, false
		}
		if i.refs.CompareAndSwap(n, n+1) {
			i.tally.calls.Add(1)
			return i, true
		}
	}
}

// end gives back the reference of the set, which had put the instance in force.
func (i *instance) end() {
	i.ending.Store(time.Now().UnixNano())
	i.Leave()
}

// Leave is part of Lease: it gives a reference back. Whoever finds that it was the last one detaches the instance.
func (i *instance) Leave() {
	if i.refs.Add(-1) > 0 {
		return
	}
	defer close(i.done)
	if began := i.ending.Load(); began > 0 {
		i.tally.drained.Add(1)
		i.tally.drain.Store(time.Now().UnixNano() - began)
	}
	d, ok := i.module.(Detacher)
	if !ok {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			i.log.Error("detach panics", "error", p)
		}
	}()
	d.Detach()
}
