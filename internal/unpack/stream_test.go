package unpack_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/unpack"
)

// several is an archive that needs more than one chunk of everything.
func several() []byte {
	var entries []entry
	for c := range 26 {
		entries = append(entries, file("package/"+string(rune('a'+c)), strings.Repeat(string(rune('a'+c)), 50_000)))
	}
	return tgz(entries...)
}

var errLine = errors.New("the line is cut")

// A failure to read is upstream's or the network's, wherever it happens and
// whatever came before it: it must never be remembered as a bad archive.
func TestTarball_ReadErrorsAreNotRefusals(t *testing.T) {
	t.Parallel()
	archive := append(several(), make([]byte, 100)...)
	for cut := 0; cut <= len(archive); cut += 1 + len(archive)/25 {
		for _, cause := range []error{errLine, io.ErrUnexpectedEOF, outcome.New(outcome.TooSlow, "stalled")} {
			r := io.MultiReader(bytes.NewReader(archive[:cut]), iotest.ErrReader(cause))
			_, err := unpacked(t, r, narrow)
			if !errors.Is(err, cause) || errors.Is(err, outcome.Refused) || unpack.Reason(err) != "" {
				t.Fatalf("cut at %d by %v: got %v", cut, cause, err)
			}
		}
	}
}

// The limit on compressed bytes is the reader's, and stays what it is.
func TestTarball_RefusalOfTheReaderIsKept(t *testing.T) {
	t.Parallel()
	cause := outcome.New(outcome.Refused, "too many bytes")
	_, err := unpacked(t, io.MultiReader(bytes.NewReader(several()[:100]), iotest.ErrReader(cause)), narrow)
	if !errors.Is(err, cause) || unpack.Reason(err) != "" {
		t.Errorf("got %v", err)
	}
}

func TestTarball_StuckReader(t *testing.T) {
	t.Parallel()
	_, err := unpacked(t, stuck{}, narrow)
	if !errors.Is(err, io.ErrNoProgress) || errors.Is(err, outcome.Refused) {
		t.Errorf("got %v, want io.ErrNoProgress", err)
	}
}

// stuck gives neither bytes nor an error.
type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

// failing accepts so many bytes, then fails, or drops them in silence.
type failing struct {
	left int
	err  error
}

func (f *failing) Write(p []byte) (int, error) {
	n := min(len(p), f.left)
	f.left -= n
	if n < len(p) {
		return n, f.err
	}
	return n, nil
}

func TestTarball_WriteErrors(t *testing.T) {
	t.Parallel()
	archive := several()
	full := outcome.New(outcome.Busy, "disk full")
	for _, left := range []int{0, 1, 255 << 10, 256 << 10, 512 << 10, 1_299_999} {
		for cause, given := range map[error]error{full: full, io.ErrShortWrite: nil} {
			files, err := unpack.Tarball(bytes.NewReader(archive), &failing{left, given}, narrow)
			if !errors.Is(err, cause) || errors.Is(err, outcome.Refused) || unpack.Reason(err) != "" || files != nil {
				t.Errorf("after %d bytes: got %v, want %v", left, err, cause)
			}
		}
	}
	if _, err := unpack.Tarball(bytes.NewReader(archive), &failing{1_300_000, full}, narrow); err != nil {
		t.Errorf("all bytes accepted: %v", err)
	}
}

// However the bytes arrive, the result is the same, and the reader is read to
// its end.
func TestTarball_AnyChunks(t *testing.T) {
	t.Parallel()
	archive := append(several(), make([]byte, 70_000)...)
	want, err := unpacked(t, bytes.NewReader(archive), narrow)
	if err != nil {
		t.Fatal(err)
	}
	for name, wrap := range map[string]func(io.Reader) io.Reader{
		"one byte":      iotest.OneByteReader,
		"halves":        iotest.HalfReader,
		"data with eof": iotest.DataErrReader,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := bytes.NewReader(archive)
			got, err := unpacked(t, wrap(src), narrow)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if src.Len() != 0 {
				t.Errorf("%d bytes are unread", src.Len())
			}
		})
	}
}

func TestReason_OfOtherErrors(t *testing.T) {
	t.Parallel()
	for _, err := range []error{nil, io.EOF, outcome.New(outcome.Refused, "digest differs")} {
		if got := unpack.Reason(err); got != "" {
			t.Errorf("%v: got %q", err, got)
		}
	}
}

// bomb streams a gzipped tar without holding it: head, then n times body.
func bomb(head, body []byte, n int) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		gz, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
		_, err := gz.Write(head)
		for i := 0; i < n && err == nil; i++ {
			_, err = gz.Write(body)
		}
		w.CloseWithError(errors.Join(err, gz.Close()))
	}()
	return r
}

// Refusing a bomb costs little memory, whatever it consists of, and leaves no
// goroutine. Not parallel: both are counted for the whole process.
func TestTarball_BombsCostLittle(t *testing.T) {
	limits := unpack.Limits{Unpacked: 96 << 20, Entries: 30_000, Path: 1024, Depth: 128}
	zeros := make([]byte, 1<<20)
	long := "package/" + strings.Repeat("n", 250) + "/" + strings.Repeat("m", 250)
	tests := map[string]struct {
		head, body []byte
		n          int
	}{
		"zeros in one file":    {entry{name: "p/big", size: "00400000000"}.bytes(), zeros, 120},
		"zeros behind the end": {tarOf(file("p/a", "x")), zeros, 120},
		"empty files":          {nil, file("p/e", "").bytes(), 60_000},
		"extended headers":     {nil, pax("comment", strings.Repeat("c", 900_000)).bytes(), 130},
		"global headers":       {nil, entry{kind: 'g', name: "g", body: pax("comment", strings.Repeat("c", 900_000)).body}.bytes(), 130},
		"long names":           {nil, append(pax("path", long).bytes(), file("p/x", "").bytes()...), 35_000},
		"huge unlisted names":  {nil, append(pax("path", strings.Repeat("n", 900_000)).bytes(), file("x", "").bytes()...), 130},
		"deep folders":         {nil, append(pax("path", "p/"+strings.Repeat("d/", 120)+"f").bytes(), file("x", "").bytes()...), 35_000},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := bomb(tt.head, tt.body, tt.n)
			defer r.Close()
			goroutines := runtime.NumGoroutine()
			peak := watchHeap()
			_, err := unpack.Tarball(r, io.Discard, limits)
			grown := peak()
			if !errors.Is(err, outcome.Refused) || unpack.Reason(err) == "" {
				t.Errorf("got %v, want a refusal", err)
			}
			t.Logf("the heap grew by %d KiB", grown>>10)
			if grown > 64<<20 {
				t.Errorf("the heap grew by %d MiB", grown>>20)
			}
			if n := runtime.NumGoroutine(); n > goroutines {
				t.Errorf("%d goroutines more than before", n-goroutines)
			}
		})
	}
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
