package unpack_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/unpack"
	"github.com/registryd/registryd/internal/unpack/unpacktest"
)

// several is an archive that needs more than one chunk of everything.
func several() []byte {
	var entries []unpacktest.Entry
	for c := range 26 {
		entries = append(entries, unpacktest.File("package/"+string(rune('a'+c)), strings.Repeat(string(rune('a'+c)), 50_000)))
	}
	return unpacktest.Tgz(entries...)
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
			_, err := unpacked(t, r, limits)
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
	_, err := unpacked(t, io.MultiReader(bytes.NewReader(several()[:100]), iotest.ErrReader(cause)), limits)
	if !errors.Is(err, cause) || unpack.Reason(err) != "" {
		t.Errorf("got %v", err)
	}
}

func TestTarball_StuckReader(t *testing.T) {
	t.Parallel()
	_, err := unpacked(t, stuck{}, limits)
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
			files, err := unpack.Tarball(bytes.NewReader(archive), &failing{left, given}, limits)
			if !errors.Is(err, cause) || errors.Is(err, outcome.Refused) || unpack.Reason(err) != "" || files != nil {
				t.Errorf("after %d bytes: got %v, want %v", left, err, cause)
			}
		}
	}
	if _, err := unpack.Tarball(bytes.NewReader(archive), &failing{1_300_000, full}, limits); err != nil {
		t.Errorf("all bytes accepted: %v", err)
	}
}

// However the bytes arrive, the result is the same, and the reader is read to
// its end.
func TestTarball_AnyChunks(t *testing.T) {
	t.Parallel()
	archive := append(several(), make([]byte, 70_000)...)
	want, err := unpacked(t, bytes.NewReader(archive), limits)
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
			got, err := unpacked(t, wrap(src), limits)
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
