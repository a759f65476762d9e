package unpack_test

import (
	"bytes"
	"io"
	"runtime"
	"runtime/metrics"
	"sync/atomic"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/unpack"
	"github.com/registryd/registryd/internal/unpack/unpacktest"
)

// maxHeap is by how many bytes the heap may grow, dead objects included. The
// more lives the more may be dead, and in this process the whole corpus lives.
const maxHeap = 96 << 20

// Reading all archives, one after the other, costs little memory, whatever they
// consist of. Not parallel: the heap is that of the whole process.
func TestTarball_CostsLittle_PF4(t *testing.T) {
	cases := unpacktest.Cases()
	grown := watchHeap(t)
	for _, c := range cases {
		_, err := unpack.Tarball(bytes.NewReader(c.Archive), io.Discard, limits)
		if unpack.Reason(err) != c.Reason {
			t.Errorf("%s: got %v, want a refusal for %q", c.Name, err, c.Reason)
		}
		if n := grown(); n > maxHeap {
			t.Fatalf("%s: the heap grew by %d MiB", c.Name, n>>20)
		}
	}
	t.Logf("the heap grew by %d KiB at most", grown()>>10)
}

// However an archive ends, nothing goes on behind it. Not parallel: goroutines
// are counted for the whole process.
func TestTarball_LeavesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, c := range unpacktest.Cases() {
		_, _ = unpack.Tarball(bytes.NewReader(c.Archive), io.Discard, limits) // another test looks at the result
	}
	n := runtime.NumGoroutine()
	for range 1000 { // the last one has done its work and may not have returned yet
		if n = runtime.NumGoroutine(); n <= before {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines more than before\n%s", n-before, stacks[:runtime.Stack(stacks, true)])
}

// watchHeap samples the heap until the test ends. The returned function says by
// how many bytes it grew at most so far.
func watchHeap(t *testing.T) func() uint64 {
	t.Helper()
	runtime.GC()
	before := heapBytes()
	var most atomic.Uint64
	most.Store(before)
	ctx := t.Context()
	go func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			most.Store(max(most.Load(), heapBytes()))
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return func() uint64 { return most.Load() - before }
}

// heapBytes counts objects, dead ones included, without stopping the world.
func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
