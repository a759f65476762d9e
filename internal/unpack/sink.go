package unpack

import (
	"crypto/sha256"
	"hash"
	"io"
)

// batchSize is how many bytes go to the writer at a time.
const batchSize = 256 << 10

// sink hashes and writes files in the order in which they come. Many small
// files share one write, and a large one takes several.
type sink struct {
	w       io.Writer
	buf     []byte // its capacity is batchSize
	written int64  // bytes taken, also those still in buf
	hash    hash.Hash
}

func newSink(w io.Writer) *sink {
	return &sink{w: w, buf: make([]byte, 0, batchSize), hash: sha256.New()}
}

// copy takes one whole file of the given size from r and sets its hash.
func (s *sink) copy(r io.Reader, size int64, sum *[sha256.Size]byte) error {
	s.written += size
	if len(s.buf)+int(min(size, batchSize)) > batchSize {
		if err := s.flush(); err != nil {
			return err
		}
	}
	if size <= batchSize {
		p, err := s.take(r, int(size))
		if err == nil {
			*sum = sha256.Sum256(p)
		}
		return err
	}
	s.hash.Reset()
	for size > 0 {
		n := min(size, batchSize)
		p, err := s.take(r, int(n))
		if err != nil {
			return err
		}
		s.hash.Write(p)
		if size -= n; size > 0 {
			if err := s.flush(); err != nil {
				return err
			}
		}
	}
	s.hash.Sum(sum[:0])
	return nil
}

// take reads n bytes, for which there is room in buf.
func (s *sink) take(r io.Reader, n int) ([]byte, error) {
	from := len(s.buf)
	s.buf = s.buf[:from+n]
	_, err := io.ReadFull(r, s.buf[from:])
	return s.buf[from:], noEOF(err)
}

// flush writes what is in buf.
func (s *sink) flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	n, err := s.w.Write(s.buf)
	if err == nil && n < len(s.buf) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return &writeError{err}
	}
	s.buf = s.buf[:0]
	return nil
}

// writeError is what the caller's writer failed with.
type writeError struct{ err error }

func (e *writeError) Error() string { return "writing unpacked files: " + e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }
