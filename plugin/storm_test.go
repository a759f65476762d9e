package plugin_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/crowd"
	"github.com/registryd/registryd/plugin"
)

// Fault 31, 33: reloads in a row, each fifth of them broken, under many callers: no call fails, no request sees two
// generations, and the end of the fixture finds each instance detached once, after its last call. Not parallel:
// goroutines are counted for the whole process.
func TestReload_Storm_Fault31_Fault33_GN2_GN7(t *testing.T) {
	h := newHome(t)
	h.small("a", "limits: {instances: {min: 2, max: 32}, queue: 20s}\n", "version: 0\n")
	h.load()
	before := runtime.NumGoroutine()
	var requests, mixed atomic.Int64
	stop := crowd.Start(24, func(int, int) {
		if h.request(&mixed) {
			requests.Add(1)
		}
	})
	const rounds = 40
	for i := 1; i <= rounds; i++ {
		code := fmt.Sprintf("version: %d\n", i)
		if i%5 == 0 {
			code = "nonsense\n"
		}
		h.small("a", "limits: {instances: {min: 2, max: 32}, queue: 20s}\n", code)
		if r := h.load(); len(r.Failed) != map[bool]int{true: 1}[i%5 == 0] {
			t.Errorf("round %d: %+v", i, r)
		}
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	if requests.Load() == 0 || mixed.Load() > 0 {
		t.Errorf("%d requests, %d saw two generations", requests.Load(), mixed.Load())
	}
	if s := h.Status()[0]; s.Failures != 0 || s.Forced != 0 || s.Generation != rounds-rounds/5+1 {
		t.Errorf("status %+v", s)
	}
	for range 3000 {
		if runtime.NumGoroutine() <= before {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
	h.says("a", fmt.Sprint(rounds-1))
}

// request makes three calls on one lease, and counts if they were answered by different code.
func (h *home) request(mixed *atomic.Int64) bool {
	lease, err := h.Enter("a")
	if err != nil {
		h.t.Error(err)
		return false
	}
	defer lease.Leave()
	first := ""
	for range 3 {
		r, err := lease.Call(h.t.Context(), "version")
		if err != nil {
			h.t.Error(err)
			return false
		}
		if first == "" {
			first = string(r.JSON)
		}
		if string(r.JSON) != first {
			mixed.Add(1)
		}
		r.Close()
	}
	return true
}

// Concurrent reloads run one after the other, and the last state of the files is in force in the end.
func TestReload_Concurrent_G24(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.write("a.js", "version: 1\n")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := h.Reload(t.Context(), h.at(), plugin.Reload{Force: true}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	h.says("a", "1")
}
