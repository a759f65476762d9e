package js

import (
	"context"
	"encoding/json"
	"errors"
	"runtime/debug"
	"time"

	"modernc.org/quickjs"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/plugin"
)

const (
	grace = time.Second          // how long a machine that was told to stop may take before it is left behind
	nudge = 5 * time.Millisecond // between two requests to stop, because one that comes too early is lost
)

// instance is a plugin.Instance: one machine and the goroutine that owns it.
type instance struct {
	p    *program
	work chan func() // to the owner; closed by Close
	gone chan struct{}

	dead  bool // it may not answer another call
	stuck bool // it did not stop when told

	// What follows belongs to the owner.
	vm       *quickjs.VM
	dispatch *quickjs.Value // nil until the prelude has run
	call     *call
}

// Start is part of plugin.Program.
func (p *program) Start(ctx context.Context) (plugin.Instance, error) {
	if err := ctx.Err(); err != nil {
		return nil, ended(ctx)
	}
	vm, err := quickjs.NewVM()
	if err != nil {
		return nil, outcome.Wrap(outcome.Unavailable, err, "make a virtual machine")
	}
	p.engine.live.Add(1)
	i := &instance{p: p, vm: vm, work: make(chan func()), gone: make(chan struct{})}
	go i.own()
	if _, err := i.run(ctx, func(c *call) { c.start() }); err != nil {
		i.Close()
		return nil, err
	}
	return i, nil
}

// own is the one goroutine that touches the machine.
func (i *instance) own() {
	defer close(i.gone)
	defer i.p.engine.live.Add(-1)
	for f := range i.work {
		f()
	}
	if i.dispatch != nil {
		i.dispatch.Free()
	}
	i.vm.Close()
}

// run lets the owner do one call, and waits for its end, or that it does not come.
func (i *instance) run(ctx context.Context, f func(*call)) (json.RawMessage, error) {
	if err := ctx.Err(); err != nil {
		i.dead = true
		return nil, ended(ctx)
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	c := &call{i: i, ctx: inner, events: make(chan event), stops: map[int]context.CancelFunc{}, bodies: map[int][]byte{}}
	finished := make(chan struct{})
	i.work <- func() {
		defer close(finished)
		i.call = c
		defer func() { i.call = nil }()
		c.guard(f)
		c.finish(cancel)
	}
	if !i.await(ctx, finished) {
		i.dead, i.stuck = true, true
		return nil, ended(ctx)
	}
	if ctx.Err() != nil {
		i.dead = true
		if c.err == nil || errors.Is(c.err, context.Canceled) || errors.Is(c.err, plugin.ErrLimit) {
			return nil, ended(ctx)
		}
	}
	i.dead = i.dead || c.spoiled
	return c.value, c.err
}

// await waits for the end of a call. When ctx is done it stops the machine, and gives up after a while.
func (i *instance) await(ctx context.Context, finished <-chan struct{}) bool {
	select {
	case <-finished:
		return true
	case <-ctx.Done():
	}
	tick := time.NewTicker(nudge)
	defer tick.Stop()
	limit := time.NewTimer(grace)
	defer limit.Stop()
	for {
		i.vm.Interrupt()
		select {
		case <-finished:
			return true
		case <-tick.C:
		case <-limit.C:
			return false
		}
	}
}

// late is the text of the error of a call whose deadline passed.
const late = "the time of the call is over"

// ended says why a call whose context is done has failed.
func ended(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return limited(outcome.TooSlow, late)
	}
	return ctx.Err()
}

// limited is the error of a call that a limit stopped.
func limited(kind error, what string) error {
	return errors.Join(outcome.New(kind, "%s", what), plugin.ErrLimit)
}

// Describe is part of plugin.Instance.
func (i *instance) Describe(ctx context.Context) (plugin.Description, error) {
	v, err := i.run(ctx, func(c *call) {
		c.turn(func() error { return i.tell("describe", int(i.p.limits.Body)) })
	})
	var d struct {
		Hooks   []string        `json:"hooks"`
		Exports json.RawMessage `json:"exports"`
	}
	if err == nil {
		err = json.Unmarshal(v, &d)
	}
	return plugin.Description{Hooks: d.Hooks, Exports: d.Exports}, err
}

// Call is part of plugin.Instance.
func (i *instance) Call(ctx context.Context, fn string, args ...json.RawMessage) (json.RawMessage, error) {
	if args == nil {
		args = []json.RawMessage{}
	}
	list, err := json.Marshal(args)
	if err != nil {
		return nil, outcome.Wrap(outcome.Invalid, err, "arguments of %s", fn)
	}
	return i.run(ctx, func(c *call) {
		c.fn = fn
		c.turn(func() error { return i.tell("call", fn, string(list), int(i.p.limits.Body)) })
		c.pump()
	})
}

// Reusable is part of plugin.Instance.
func (i *instance) Reusable() bool { return !i.dead }

// Close is part of plugin.Instance. A machine that did not stop is freed when it does.
func (i *instance) Close() error {
	close(i.work)
	if !i.stuck {
		<-i.gone
	}
	return nil
}

// tell calls the runtime of the machine.
func (i *instance) tell(what string, args ...any) error {
	v, err := i.dispatch.CallValue(quickjs.UndefinedValue, append([]any{what}, args...)...)
	if err == nil {
		v.Free()
	}
	return err
}

// guard turns a panic of the engine into an error of the call.
func (c *call) guard(f func(*call)) {
	defer func() {
		if r := recover(); r != nil {
			c.fail(outcome.New(outcome.Unavailable, "the engine failed: %v\n%s", r, debug.Stack()))
		}
	}()
	f(c)
}
