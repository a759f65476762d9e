package js

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"modernc.org/quickjs"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/plugin"
)

// call is one call of an instance, or its start. Only the owner of the instance touches it, but for events.
type call struct {
	i      *instance
	ctx    context.Context
	fn     string
	events chan event     // what the host's goroutines have done
	busy   sync.WaitGroup // those goroutines
	stops  map[int]context.CancelFunc
	bodies map[int][]byte

	settled, spoiled bool
	value            json.RawMessage
	err              error
}

// event is the end of something that the code began.
type event struct {
	id   int
	data string
	err  error
	body []byte // of a fetch, kept until the code reads it
}

// start prepares the machine and runs the top level of the plugin.
func (c *call) start() {
	i := c.i
	i.vm.SetMemoryLimit(uintptr(i.p.limits.Memory))
	i.vm.SetCanBlock(false)
	if err := i.vm.RegisterHostFunc("__host", i.ask); err != nil {
		c.fail(outcome.Wrap(outcome.Unavailable, err, "prepare a virtual machine"))
		return
	}
	c.turn(func() error {
		v, err := i.vm.EvalBytecodeValue(i.p.engine.prelude)
		if err == nil {
			i.dispatch = &v
		}
		return err
	})
	if c.settled {
		return
	}
	c.turn(func() error {
		v, err := i.vm.EvalBytecodeValue(i.p.code)
		if err != nil {
			return err
		}
		defer v.Free()
		return i.tell("load", v)
	})
}

// turn runs code until it waits for the host, within its share of time.
func (c *call) turn(f func() error) {
	cpu := c.i.p.limits.CPU
	set := func() {
		left := time.Hour
		if at, ok := c.ctx.Deadline(); ok {
			left = time.Until(at)
		}
		_ = c.i.vm.SetEvalTimeout(max(left, time.Nanosecond))
	}
	set()
	meter := meterOf(c.i.vm, cpu)
	err := f()
	if err == nil || !stopped(err) {
		set()
		if _, bad := c.i.vm.ExecutePendingJobs(); bad != nil && (stopped(bad) || !thrown(bad)) {
			err = bad
		}
	}
	over := meter.stop()
	switch {
	case c.ctx.Err() != nil:
		c.fail(ended(c.ctx))
	case c.late():
		c.fail(limited(outcome.TooSlow, late))
	case over:
		c.fail(limited(outcome.Unavailable, "it computed for more than "+cpu.String()+" without a pause"))
	case err != nil && stopped(err):
		c.fail(limited(outcome.Unavailable, "it did not come to an end"))
	case err != nil:
		c.fail(c.i.p.failure(err))
	}
}

// late reports whether the deadline has passed; the engine's clock may notice it before the context does.
func (c *call) late() bool {
	at, ok := c.ctx.Deadline()
	return ok && !time.Now().Before(at)
}

// stopped reports whether err is the engine's way of saying that it was told to stop.
func stopped(err error) bool {
	e, ok := errors.AsType[*quickjs.Error](err)
	return ok && e.Name == "InternalError" && e.Message == "interrupted"
}

func thrown(err error) bool {
	_, ok := errors.AsType[*quickjs.Error](err)
	return ok
}

// failure makes the error of a call from what the engine threw outside of a promise.
func (p *program) failure(err error) error {
	e, ok := errors.AsType[*quickjs.Error](err)
	if !ok {
		return outcome.Wrap(outcome.Unavailable, err, "run the code")
	}
	r := &plugin.Rejection{Name: e.Name, Message: e.Message, Stack: p.trace().stack(e.Stack)}
	if e.Name == "" && e.Message == "" {
		r.Message = e.Error()
	}
	return p.rejected(r)
}

// rejected returns a rejection, or the limit that is behind it.
func (p *program) rejected(r *plugin.Rejection) error {
	if r.Name != "InternalError" || r.Public {
		return r
	}
	where, _, _ := strings.Cut(r.Stack, "\n")
	switch r.Message {
	case "out of memory", "": // none was left for the text
		return errors.Join(limited(outcome.Unavailable, "it needs more memory than it may have "+where), plugin.ErrMemory)
	case "stack overflow":
		return limited(outcome.Unavailable, "it calls itself too deeply "+where)
	}
	return r
}

// pump waits for the host and hands its answers to the code, until the call is settled.
func (c *call) pump() {
	for !c.settled {
		if len(c.stops) == 0 {
			c.settle(nil, &plugin.Rejection{Name: "Error", Message: c.fn + " waits for a promise that can never settle"})
			return
		}
		select {
		case e := <-c.events:
			c.deliver(e)
		case <-c.ctx.Done():
			c.fail(ended(c.ctx))
		}
	}
}

func (c *call) deliver(e event) {
	stop, ok := c.stops[e.id]
	if !ok {
		return // it was cancelled
	}
	stop()
	delete(c.stops, e.id)
	ok, data := e.err == nil, e.data
	if !ok {
		data = told(e.err)
	}
	if e.body != nil {
		c.bodies[e.id] = e.body
	}
	c.turn(func() error { return c.i.tell("answer", e.id, ok, data) })
}

// settle ends the call; the first end counts.
func (c *call) settle(v json.RawMessage, err error) {
	if !c.settled {
		c.settled, c.value, c.err = true, v, err
	}
	if errors.Is(err, plugin.ErrLimit) {
		c.spoiled = true
	}
}

// fail ends the call by something that the machine is not to be trusted after, whatever the code had answered.
func (c *call) fail(err error) {
	c.value, c.err, c.settled = nil, err, true
	if r := (*plugin.Rejection)(nil); !errors.As(err, &r) {
		c.spoiled = true
	}
}

// finish gives up what the call began, and waits until the host is not used any more.
func (c *call) finish(cancel context.CancelFunc) {
	cancel()
	c.busy.Wait()
	clear(c.bodies)
	if c.spoiled || c.i.dispatch == nil {
		return
	}
	_ = c.i.vm.SetEvalTimeout(max(time.Second, c.i.p.limits.CPU))
	if err := c.i.tell("end"); err != nil {
		c.spoiled = true
	}
}

// done is told by the code how the call ended.
func (c *call) done(how, data string) {
	switch how {
	case "value":
		if int64(len(data)) > c.i.p.limits.Body {
			c.done("large", "")
			return
		}
		c.settle(json.RawMessage(data), nil)
	case "nothing":
		c.settle(nil, nil)
	case "absent":
		c.settle(nil, outcome.New(outcome.NotFound, "the code has no function %q", c.fn))
	case "large":
		c.settle(nil, limited(outcome.Unavailable, "its result is larger than it may be"))
	case "thrown":
		c.thrown(data)
	}
}

// thrown settles the call by what the runtime tells of a thrown value.
func (c *call) thrown(data string) {
	var t struct {
		ID      int    `json:"id"`
		Name    string `json:"name"`
		Message string `json:"message"`
		Stack   string `json:"stack"`
		Data    string `json:"data"`
		Public  bool   `json:"public"`
		Nil     bool   `json:"nil"`
	}
	if err := json.Unmarshal([]byte(data), &t); err != nil {
		c.fail(outcome.Wrap(outcome.Unavailable, err, "read what was thrown"))
		return
	}
	if t.Nil {
		c.spoiled = true
		t.Message = "null was thrown, as it also is where no memory is left for an error"
	}
	p := c.i.p
	r := &plugin.Rejection{ID: t.ID, Name: t.Name, Message: t.Message, Public: t.Public, Stack: p.trace().stack(t.Stack)}
	if t.Data != "" {
		r.Data = json.RawMessage(t.Data)
	}
	c.settle(nil, p.rejected(r))
}
