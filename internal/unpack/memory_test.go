package unpack_test

import (
	"bytes"
	"io"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/unpack"
	"github.com/registryd/registryd/internal/unpack/unpacktest"
)

// maxHeap is by how many bytes the heap may grow, dead objects included, while
// one archive is read. The more lives the more may be dead, and in this process
// the whole corpus lives.
const maxHeap = 96 << 20

// Reading any archive costs little memory, whatever it consists of. Not
// parallel: the heap is that of the whole process.
func TestTarball_CostsLittle_PF4(t *testing.T) {
	var most uint64
	var worst string
	for _, c := range unpacktest.Cases() {
		peak := watchHeap()
		_, err := unpack.Tarball(bytes.NewReader(c.Archive), io.Discard, limits)
		grown := peak()
		if unpack.Reason(err) != c.Reason {
			t.Errorf("%s: got %v, want a refusal for %q", c.Name, err, c.Reason)
		}
		if grown > maxHeap {
			t.Errorf("%s: the heap grew by %d MiB", c.Name, grown>>20)
		}
		if grown > most {
			most, worst = grown, c.Name
		}
	}
	t.Logf("the heap grew by %d KiB at most, for %q", most>>10, worst)
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
		runtime.Gosched()
	}
	t.Errorf("%d goroutines more than before", n-before)
}

// watchHeap samples the heap until the returned function is called, which
// returns by how many bytes it grew at most.
func watchHeap() func() uint64 {
	runtime.GC()
	before := heapBytes()
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		most := before
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			most = max(most, heapBytes())
			select {
			case <-stop:
				peak <- most
				return
			case <-tick.C:
			}
		}
	}()
	return func() uint64 {
		close(stop)
		return <-peak - before
	}
}

// heapBytes counts objects, dead ones included, without stopping the world.
func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
