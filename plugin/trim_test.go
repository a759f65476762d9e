package plugin_test

import (
	"testing"
	"testing/synctest"
	"time"
)

// What leaks in an instance leaks no further than ten thousand calls: then another one takes its place, and no call notices.
func TestPool_EndsAfterManyCalls_GN7(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.small("a", "limits: {wall: 1m, queue: 1m, instances: {min: 1, max: 1}}\n", "version: 1\n")
	h.load()
	for range 10_001 {
		if got, err := h.ask("a", "version"); err != nil || got != "1" {
			t.Fatalf("%s, %v", got, err)
		}
	}
	all := h.engine.all()
	if len(all) < 2 || all[0].calls.Load() > 10_000 {
		t.Fatalf("%d instances, the first of which answered %d calls", len(all), all[0].calls.Load())
	}
	for deadline := time.Now().Add(30 * time.Second); all[0].detached.Load() != 1 || all[0].closed.Load() != 1; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("detached %d times, closed %d times", all[0].detached.Load(), all[0].closed.Load())
		}
	}
}

// Instances above the minimum go a minute after their last call, each detached once; those that are used stay.
func TestPool_IdleTrim_GN7(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHome(t)
		h.small("a", "limits: {instances: {min: 1, max: 4}, wall: 10m}\n", "version: 1\n")
		h.load()
		wg := h.waiting("a", 4)
		close(h.engine.release)
		wg.Wait()
		if s := h.Status()[0]; s.Instances != 4 || s.Idle != 4 {
			t.Fatalf("after the rush: %+v", s)
		}
		time.Sleep(50 * time.Second)
		h.says("a", "1") // which the one used last answers
		synctest.Wait()
		if s := h.Status()[0]; s.Instances != 4 {
			t.Errorf("before the minute was over: %+v", s)
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if s := h.Status()[0]; s.Instances != 1 || s.Idle != 1 {
			t.Errorf("after it: %+v", s)
		}
		ended := 0
		for _, i := range h.engine.all() {
			if i.detached.Load() == 1 && i.closed.Load() == 1 {
				ended++
			}
		}
		if ended != 3 {
			t.Errorf("%d instances were detached and closed, want 3", ended)
		}
		h.says("a", "1")
	})
}
