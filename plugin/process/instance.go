package process

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/plugin"
)

// instance is the right to make one call at a time.
type instance struct {
	program  *program
	attached bool
	spoilt   atomic.Bool
	suspects sync.WaitGroup
}

// Describe is part of plugin.Instance. Errors: as there.
func (i *instance) Describe(ctx context.Context) (plugin.Description, error) {
	c, err := i.program.ensure(ctx)
	if err != nil {
		return plugin.Description{}, err
	}
	d, err := c.describe(ctx)
	return d, i.judge(ctx, c, err)
}

// Call is part of plugin.Instance. Errors: as there.
func (i *instance) Call(ctx context.Context, fn string, args ...json.RawMessage) (json.RawMessage, error) {
	switch {
	case ctx.Err() != nil:
		i.spoilt.Store(true)
		return nil, ended(ctx)
	case fn == plugin.HookAttach && len(args) == 1:
		err := i.program.attach(ctx, args[0])
		i.attached = err == nil
		return nil, err
	case fn == plugin.HookDetach:
		return nil, i.detach(ctx)
	}
	c, err := i.program.ensure(ctx)
	if err != nil {
		i.spoilt.Store(i.spoilt.Load() || ctx.Err() != nil)
		return nil, err
	}
	data, err := c.call(ctx, fn, args, i.program.src.Manifest.Limits.Body)
	return data, i.judge(ctx, c, err)
}

func (i *instance) detach(ctx context.Context) error {
	if !i.attached {
		return nil
	}
	i.attached = false
	return i.program.detach(ctx)
}

// judge keeps what a call says of its instance and its process.
func (i *instance) judge(ctx context.Context, c *child, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	i.spoilt.Store(true)
	i.suspects.Go(func() { i.program.suspect(c) })
	return ended(ctx)
}

// ended says why a call ended before its time.
func ended(ctx context.Context) error {
	if ctx.Err() == context.DeadlineExceeded { //nolint:errorlint // what a context returns is never wrapped
		return outcome.Wrap(outcome.TooSlow, plugin.ErrLimit, "the call took too long")
	}
	return ctx.Err()
}

// Reusable is part of plugin.Instance.
func (i *instance) Reusable() bool { return !i.spoilt.Load() }

// Close is part of plugin.Instance. An instance that was given up without being detached gives its share back.
func (i *instance) Close() error {
	i.suspects.Wait()
	if i.attached {
		i.attached = false
		i.program.release()
	}
	return nil
}

// release is detach for an instance that cannot be called any more.
func (p *program) release() {
	p.turn <- struct{}{}
	defer p.unlock()
	p.attached--
}
