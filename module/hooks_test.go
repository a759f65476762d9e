package module_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/module"
	"github.com/registryd/registryd/operation"
)

// made is a module of functions.
type made struct {
	attach func(context.Context, module.Context) error
	detach func()
	list   func() []module.Operation
	offers map[string]module.Function
}

func (m *made) Operations() []module.Operation {
	if m.list == nil {
		return nil
	}
	return m.list()
}

func (m *made) Offers() (map[string]module.Function, map[string]json.RawMessage) {
	return m.offers, nil
}

func (m *made) Attach(ctx context.Context, c module.Context) error {
	if m.attach == nil {
		return nil
	}
	return m.attach(ctx, c)
}

func (m *made) Detach() {
	if m.detach != nil {
		m.detach()
	}
}

// W-F3, W-F6: a module is switched off and on while it runs, by anybody who has the API, other modules among them.
func TestSwitch_WF3_WF6(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a", "pool")
	w.put("a", func() module.Module { return &fake{path: "/a", say: "here", key: "hello", notes: &notes{}} })
	w.put("pool", func() module.Module {
		m := &made{}
		m.attach = func(_ context.Context, c module.Context) error {
			m.list = func() []module.Operation {
				return []module.Operation{{
					Descriptor: operation.Descriptor{Path: "/toggle/{name}", Params: []operation.Param{{Name: "name", In: operation.InPath}}},
					Implementation: operation.Implementation{Handle: func(_ context.Context, call *operation.Call) (operation.Answer, error) {
						name := call.Text("name")
						was := c.API.Enabled(name)
						return operation.Answer{Value: map[string]any{"was": was, "all": c.API.Modules()}}, c.API.SetEnabled(name, !was)
					}},
				}}
			}
			return nil
		}
		return m
	})
	w.reload(all)
	w.expect("/m/a", 200, "here")
	w.expect("/m/toggle/a", 200, `{"all":["a","pool"],"was":true}`)
	for range 2 {
		w.expect("/m/a", 404, "not-found")
		w.expect("/m/", 200, "a (off)")
		if _, err := w.api.Call(t.Context(), "hello"); err != nil {
			t.Errorf("what it offers is gone: %v", err)
		}
		w.reload(all)
	}
	w.expect("/m/toggle/a", 200, `"was":false`)
	w.expect("/m/a", 200, "here")
	w.expect("/m/toggle/none", 404, "")
}

// G21: what was attached is detached, also where what it declares makes it panic.
func TestPanicAfterAttach_G21(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	attached, detached := 0, 0
	w.put("a", func() module.Module {
		return &made{
			attach: func(context.Context, module.Context) error { attached++; return nil },
			detach: func() { detached++; panic("again") },
			list:   func() []module.Operation { panic("no") },
		}
	})
	if c := w.reload(all); c.Failed["a"] == nil {
		t.Error("it is loaded")
	}
	if attached != 1 || detached != 1 {
		t.Errorf("attached %d, detached %d times", attached, detached)
	}
}

// over is a context that has ended.
func over() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// G28: to revoke ends an attach that is under way, and what was prepared before is given up.
func TestRevokeInterrupts_G28(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	var n notes
	w.put("a", func() module.Module { return &fake{path: "/a", notes: &n} })
	prepared, err := w.set.Prepare(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	waits := make(chan struct{})
	w.put("a", func() module.Module {
		return &made{attach: func(ctx context.Context, _ module.Context) error {
			close(waits)
			<-ctx.Done()
			return ctx.Err()
		}}
	})
	ended := make(chan error)
	go func() {
		_, err := w.set.Prepare(context.Background(), all)
		ended <- err
	}()
	<-waits
	if err := w.set.Revoke(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, outcome.Busy) {
		t.Errorf("the reload under way: %v", err)
	}
	prepared.Commit()
	if n.attached.Load() != 1 || n.detached.Load() != 1 {
		t.Errorf("what was prepared: attached %d, detached %d times", n.attached.Load(), n.detached.Load())
	}
	idle := newWorld(t, "a")
	for range 20 {
		if err := idle.set.Revoke(over()); err != nil {
			t.Errorf("there was nothing to wait for: %v", err)
		}
	}
	// An attach that does not listen cannot hold up who has no more time.
	stuck := newWorld(t, "a")
	free, inside := make(chan struct{}), make(chan struct{})
	stuck.put("a", func() module.Module {
		return &made{attach: func(context.Context, module.Context) error { close(inside); <-free; return nil }}
	})
	go func() {
		_, err := stuck.set.Prepare(context.Background(), all)
		ended <- err
	}()
	<-inside
	if err := stuck.set.Revoke(over()); !errors.Is(err, context.Canceled) {
		t.Errorf("revoked: %v", err)
	}
	close(free)
	if err := <-ended; !errors.Is(err, outcome.Busy) {
		t.Errorf("the stuck reload: %v", err)
	}
}

// G28: a table that is put in force while the API is revoked does not stay.
func TestRevokedWhileSwapping_G28(t *testing.T) {
	t.Parallel()
	table, err := module.NewTable([]*module.Unit{{Name: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20_000 {
		api, start := module.NewAPI(), make(chan struct{})
		var both sync.WaitGroup
		both.Go(func() { <-start; api.Swap(table) })
		both.Go(func() { <-start; api.Revoke() })
		close(start)
		if both.Wait(); len(api.Modules()) > 0 {
			t.Fatalf("after %d attempts something is offered", i)
		}
	}
}

// G23: a call that began on old code ends there, and reaches new code through the API.
func TestOldReachesNew_G23(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "a")
	entered, goOn := make(chan struct{}), make(chan struct{})
	version := func(text string) func() module.Module {
		return func() module.Module {
			m := &made{offers: map[string]module.Function{"version": func(context.Context, ...json.RawMessage) (json.RawMessage, error) { return json.Marshal(text) }}}
			m.attach = func(_ context.Context, c module.Context) error {
				stub := func(ctx context.Context) (json.RawMessage, error) { return c.API.Call(ctx, "version") }
				m.list = func() []module.Operation {
					return []module.Operation{{Descriptor: operation.Descriptor{Path: "/slow"}, Implementation: operation.Implementation{
						Handle: func(ctx context.Context, _ *operation.Call) (operation.Answer, error) {
							entered <- struct{}{}
							<-goOn
							v, err := stub(ctx)
							return operation.Answer{Value: text + " sees " + string(v)}, err
						},
					}}}
				}
				return nil
			}
			return m
		}
	}
	w.put("a", version("old"))
	w.reload(all)
	rec := httptest.NewRecorder()
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.srv.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/m/slow", nil))
	}()
	<-entered
	w.put("a", version("new"))
	w.reload(all)
	close(goOn)
	if <-done; rec.Body.String() != `old sees "new"` {
		t.Error(rec.Body)
	}
}
