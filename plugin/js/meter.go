package js

import (
	goruntime "runtime"
	"sync"
	"time"

	"modernc.org/quickjs"
)

// meter stops a machine that computed for too long. What counts is the time of the processor, where the system tells
// it: on a busy machine the wall clock runs on while nobody computes.
type meter struct {
	vm    *quickjs.VM
	limit time.Duration
	used  func() time.Duration // since the start

	mu    sync.Mutex
	timer *time.Timer
	over  bool
	done  bool
}

// meterOf starts to count for the goroutine that calls it, which keeps its thread until stop.
func meterOf(vm *quickjs.VM, limit time.Duration) *meter {
	goruntime.LockOSThread()
	m := &meter{vm: vm, limit: limit, used: threadTime()}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.timer = time.AfterFunc(limit, m.look)
	return m
}

// look tells the machine to stop, again and again, because one that is told too early does not hear it.
func (m *meter) look() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done {
		return
	}
	if left := m.limit - m.used(); left > 0 && !m.over {
		m.timer.Reset(max(left, time.Millisecond))
		return
	}
	m.over = true
	m.vm.Interrupt()
	m.timer.Reset(nudge)
}

// stop ends the counting and reports whether the limit was passed. The machine is not told anything after it.
func (m *meter) stop() (over bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.timer.Stop()
	m.done = true
	goruntime.UnlockOSThread()
	return m.over
}

// wallTime counts by the clock on the wall.
func wallTime() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}
