package flight_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/registryd/registryd/internal/flight"
	"github.com/registryd/registryd/internal/outcome"
)

// result is what one caller of Do got.
type result struct {
	v      int
	shared bool
	err    error
}

// start calls Do in a goroutine of its own.
func start(ctx context.Context, g *flight.Group[string, int], key string, fn func(context.Context) (int, error)) <-chan result {
	ch := make(chan result, 1)
	go func() {
		v, shared, err := g.Do(ctx, key, fn)
		ch <- result{v, shared, err}
	}()
	return ch
}

// slowly returns work that counts its executions, takes a second, and ends
// early when its context does.
func slowly(runs *atomic.Int64) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		n := runs.Add(1)
		select {
		case <-time.After(time.Second):
			return int(n), nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

func TestDo_SharesOneExecution(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := flight.New[string, int](t.Context())
		var runs atomic.Int64
		var callers []<-chan result
		for range 1000 {
			callers = append(callers, start(t.Context(), g, "a", slowly(&runs)))
		}
		started := 0
		for _, ch := range callers {
			r := <-ch
			if r.v != 1 || r.err != nil {
				t.Fatalf("got %+v, want the value of the first execution", r)
			}
			if !r.shared {
				started++
			}
		}
		if runs.Load() != 1 || started != 1 {
			t.Errorf("%d executions, %d callers who started one; want 1 and 1", runs.Load(), started)
		}
		g.Wait()
		if got, want := g.Counts(), (flight.Counts{Started: 1, Joined: 999}); got != want {
			t.Errorf("counted %+v, want %+v", got, want)
		}
	})
}

func TestDo_KeysAreIndependent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := flight.New[string, int](t.Context())
		var runs atomic.Int64
		a := start(t.Context(), g, "a", slowly(&runs))
		b := start(t.Context(), g, "b", slowly(&runs))
		if ra, rb := <-a, <-b; ra.shared || rb.shared || runs.Load() != 2 {
			t.Errorf("got %+v and %+v after %d executions, want two of their own", ra, rb, runs.Load())
		}
	})
}

func TestDo_ResultsAreNotKept(t *testing.T) {
	t.Parallel()
	g := flight.New[string, int](t.Context())
	failed := errors.New("failed")
	for want := range 3 {
		v, shared, err := g.Do(t.Context(), "a", func(context.Context) (int, error) { return want, failed })
		if v != want || shared || err != failed {
			t.Errorf("call %d: got %d, %v, %v", want, v, shared, err)
		}
	}
}

func TestDo_WaiterLeavesAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := flight.New[string, int](t.Context())
		var runs atomic.Int64
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		begin := time.Now()
		first := start(short, g, "a", slowly(&runs))
		synctest.Wait()
		second := start(t.Context(), g, "a", slowly(&runs))

		if r := <-first; !errors.Is(r.err, context.DeadlineExceeded) || time.Since(begin) != 100*time.Millisecond {
			t.Errorf("the impatient one got %+v after %v", r, time.Since(begin))
		}
		if r := <-second; r.v != 1 || r.err != nil || !r.shared {
			t.Errorf("the patient one got %+v, want the value of the one execution", r)
		}
	})
}

func TestDo_LastWaiterCancels(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := flight.New[string, int](t.Context())
		ended := make(chan error, 1)
		work := func(ctx context.Context) (int, error) {
			<-ctx.Done()
			ended <- ctx.Err()
			return 0, ctx.Err()
		}
		ctx, cancel := context.WithCancel(t.Context())
		a, b := start(ctx, g, "a", work), start(ctx, g, "a", work)
		synctest.Wait()
		cancel()
		if ra, rb := <-a, <-b; ra.err != context.Canceled || rb.err != context.Canceled {
			t.Errorf("got %v and %v, want context.Canceled", ra.err, rb.err)
		}
		if err := <-ended; err != context.Canceled {
			t.Errorf("the work saw %v", err)
		}
		g.Wait()
	})
}

func TestDo_NeverJoinsCancelledWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := flight.New[string, int](t.Context())
		// The first work does not notice that it is cancelled for a minute.
		stubborn := func(ctx context.Context) (int, error) {
			time.Sleep(time.Minute)
			return 0, ctx.Err()
		}
		ctx, cancel := context.WithCancel(t.Context())
		first := start(ctx, g, "a", stubborn)
		synctest.Wait()
		cancel()
		<-first

		var runs atomic.Int64
		second := start(t.Context(), g, "a", slowly(&runs))
		synctest.Wait()
		third := start(t.Context(), g, "a", slowly(&runs))
		if r := <-second; r.v != 1 || r.shared || r.err != nil {
			t.Errorf("the caller after it got %+v, want an execution of its own", r)
		}
		if r := <-third; r.v != 1 || !r.shared {
			t.Errorf("the next one got %+v, want to share that", r)
		}
		// The end of the stubborn work must not disturb a later call.
		fourth := start(t.Context(), g, "a", func(context.Context) (int, error) {
			time.Sleep(2 * time.Minute)
			return 4, nil
		})
		time.Sleep(90 * time.Second)
		fifth := start(t.Context(), g, "a", slowly(&runs))
		if r4, r5 := <-fourth, <-fifth; r4.v != 4 || r5.v != 4 || !r5.shared {
			t.Errorf("got %+v and %+v, want both 4", r4, r5)
		}
	})
}

func TestDo_EndedContextStartsNothing(t *testing.T) {
	t.Parallel()
	g := flight.New[string, int](t.Context())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := g.Do(ctx, "a", func(context.Context) (int, error) {
		t.Error("the work ran")
		return 0, nil
	})
	if err != context.Canceled {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

type contextKey struct{}

func TestDo_WorkSeesNoCallersContext(t *testing.T) {
	t.Parallel()
	base := context.WithValue(t.Context(), contextKey{}, "base")
	g := flight.New[string, int](base)
	ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), contextKey{}, "caller"), time.Hour)
	defer cancel()
	g.Do(ctx, "a", func(ctx context.Context) (int, error) {
		if got := ctx.Value(contextKey{}); got != "base" {
			t.Errorf("the work sees the value of %v", got)
		}
		if _, ok := ctx.Deadline(); ok {
			t.Error("the work sees its caller's deadline")
		}
		return 0, nil
	})
}

func TestDo_BaseEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		base, end := context.WithCancelCause(t.Context())
		g := flight.New[string, int](base)
		var runs atomic.Int64
		running := start(t.Context(), g, "a", slowly(&runs))
		synctest.Wait()
		draining := errors.New("draining")
		end(draining)
		if r := <-running; r.err != context.Canceled {
			t.Errorf("a running call got %v", r.err)
		}
		g.Wait()
		r := <-start(t.Context(), g, "a", slowly(&runs))
		if !errors.Is(r.err, outcome.Busy) || !errors.Is(r.err, draining) || runs.Load() != 1 {
			t.Errorf("a late call got %v after %d executions, want outcome.Busy and the cause", r.err, runs.Load())
		}
	})
}

func TestDo_PanicReachesEveryWaiter(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		work func(context.Context) (int, error)
		want string
	}{
		"panic":  {func(context.Context) (int, error) { panic("boom") }, "panic in shared work: boom"},
		"error":  {func(context.Context) (int, error) { panic(outcome.NotFound) }, "panic in shared work: not found"},
		"nil":    {func(context.Context) (int, error) { panic(nil) }, "panic called with nil"},
		"goexit": {func(context.Context) (int, error) { runtime.Goexit(); return 0, nil }, "without a result"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := flight.New[string, int](t.Context())
				work := func(ctx context.Context) (int, error) {
					time.Sleep(time.Second)
					return tt.work(ctx)
				}
				for _, ch := range []<-chan result{
					start(t.Context(), g, "a", work), start(t.Context(), g, "a", work), start(t.Context(), g, "a", work),
				} {
					r := <-ch
					p, ok := errors.AsType[*flight.PanicError](r.err)
					if !ok || !strings.Contains(p.Error(), tt.want) {
						t.Fatalf("got %v, want a PanicError with %q", r.err, tt.want)
					}
					if !strings.Contains(string(p.Stack), "flight_test.go") && name != "goexit" {
						t.Errorf("the stack does not lead to the panic:\n%s", p.Stack)
					}
					if outcome.Known(r.err) {
						t.Errorf("%v passes for an outcome of the request", r.err)
					}
				}
				g.Wait()
				if v, _, err := g.Do(t.Context(), "a", func(context.Context) (int, error) { return 7, nil }); v != 7 || err != nil {
					t.Errorf("the next call got %d, %v", v, err)
				}
			})
		})
	}
}

func TestWait_CountsAbandonedWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := flight.New[string, int](t.Context())
		g.Wait() // nothing ever ran
		ctx, cancel := context.WithCancel(t.Context())
		begin := time.Now()
		left := start(ctx, g, "a", func(context.Context) (int, error) {
			time.Sleep(time.Minute)
			return 0, nil
		})
		synctest.Wait()
		cancel()
		<-left
		if got, want := g.Counts(), (flight.Counts{Started: 1, Running: 1}); got != want {
			t.Errorf("counted %+v, want %+v", got, want)
		}
		g.Wait()
		if d := time.Since(begin); d != time.Minute {
			t.Errorf("Wait returned after %v, want a minute", d)
		}
	})
}

// TestDo_Hammer mixes keys, short-lived callers and panics, for the race
// detector, and checks that nothing is left running or held.
func TestDo_Hammer(t *testing.T) {
	t.Parallel()
	g := flight.New[string, int](t.Context())
	var active [4]atomic.Int64
	var wg sync.WaitGroup
	for i := range 400 {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if i%3 == 0 {
				go func() { runtime.Gosched(); cancel() }()
			}
			k := i % len(active)
			_, _, err := g.Do(ctx, fmt.Sprint(k), func(ctx context.Context) (int, error) {
				active[k].Add(1)
				defer active[k].Add(-1)
				runtime.Gosched()
				if i%17 == 0 {
					panic(i)
				}
				return i, nil
			})
			if _, panicked := errors.AsType[*flight.PanicError](err); err != nil && !panicked && err != context.Canceled {
				t.Errorf("got %v", err)
			}
		})
	}
	wg.Wait()
	g.Wait()
	for k := range active {
		if n := active[k].Load(); n != 0 {
			t.Errorf("%d executions of key %d are running after Wait", n, k)
		}
	}
}

func BenchmarkDo(b *testing.B) {
	work := func(context.Context) (int, error) { return 1, nil }
	b.Run("alone", func(b *testing.B) {
		g := flight.New[string, int](b.Context())
		b.ReportAllocs()
		for b.Loop() {
			g.Do(b.Context(), "a", work)
		}
	})
	b.Run("herd", func(b *testing.B) {
		g := flight.New[string, int](b.Context())
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				g.Do(b.Context(), "a", work)
			}
		})
	})
}
