package unpack

import (
	"crypto/sha256"
	"hash"
	"io"
)

const (
	batchSize = 256 << 10 // bytes
	batches   = 3         // one is filled, one waits, one is hashed and written
)

// batch is a piece of the output: many small files, or a part of a large one.
type batch struct {
	buf  []byte // its capacity is batchSize
	ends []int  // offsets in buf at which a file ends
}

// sink hashes and writes files in the order in which they come. The first
// batch that is full starts a goroutine for both, so that they overlap with
// inflating; an archive smaller than that is handled in place. close ends the
// goroutine.
type sink struct {
	w    io.Writer
	cur  *batch
	made int // batches

	full, free chan *batch   // nil until the goroutine is started
	failed     chan struct{} // closed after err is set
	done       chan struct{} // closed when the goroutine ends

	// What follows belongs to the goroutine until done.
	hash   hash.Hash // of the file that goes on in the next batch
	within bool      // there is such a file, and hash has its beginning
	sums   [][sha256.Size]byte
	err    error
}

func newSink(w io.Writer) *sink {
	return &sink{w: w, cur: newBatch(), made: 1, failed: make(chan struct{})}
}

func newBatch() *batch { return &batch{buf: make([]byte, 0, batchSize)} }

// copy takes one whole file of the given size from r.
func (s *sink) copy(r io.Reader, size int64) error {
	for {
		b := s.cur
		n := min(size, int64(batchSize-len(b.buf)))
		got, err := io.ReadFull(r, b.buf[len(b.buf):len(b.buf)+int(n)])
		b.buf = b.buf[:len(b.buf)+got]
		if err != nil {
			return noEOF(err)
		}
		if size -= n; size == 0 {
			b.ends = append(b.ends, len(b.buf))
			return nil
		}
		if err := s.hand(); err != nil {
			return err
		}
	}
}

// hand gives the current batch away and gets an empty one.
func (s *sink) hand() error {
	if s.full == nil {
		s.full, s.free, s.done = make(chan *batch, batches), make(chan *batch, batches), make(chan struct{})
		go s.work()
	}
	s.full <- s.cur
	if s.made < batches {
		s.cur = newBatch()
		s.made++
	} else {
		s.cur = <-s.free
	}
	select {
	case <-s.failed:
		return s.err
	default:
		return nil
	}
}

// work handles batches until there are no more. After a failure it only keeps
// them moving.
func (s *sink) work() {
	defer close(s.done)
	for b := range s.full {
		if s.err == nil {
			s.process(b)
		}
		b.buf, b.ends = b.buf[:0], b.ends[:0]
		s.free <- b
	}
}

// process hashes and writes one batch.
func (s *sink) process(b *batch) {
	from := 0
	for _, end := range b.ends {
		s.finish(b.buf[from:end])
		from = end
	}
	if from < len(b.buf) {
		if !s.within {
			s.begin()
		}
		s.hash.Write(b.buf[from:])
	}
	if len(b.buf) == 0 {
		return
	}
	n, err := s.w.Write(b.buf)
	if err == nil && n < len(b.buf) {
		err = io.ErrShortWrite
	}
	if err != nil {
		s.err = &writeError{err}
		close(s.failed)
	}
}

// begin starts to hash a file that does not end in its batch.
func (s *sink) begin() {
	if s.hash == nil {
		s.hash = sha256.New()
	}
	s.hash.Reset()
	s.within = true
}

// finish adds the hash of the file that ends with p.
func (s *sink) finish(p []byte) {
	if !s.within {
		s.sums = append(s.sums, sha256.Sum256(p))
		return
	}
	s.hash.Write(p)
	s.within = false
	s.sums = append(s.sums, [sha256.Size]byte{})
	s.hash.Sum(s.sums[len(s.sums)-1][:0])
}

// close ends the goroutine and returns the hashes in the order of the files.
// What is still in hand is written only if whole is true.
func (s *sink) close(whole bool) ([][sha256.Size]byte, error) {
	if s.full != nil {
		close(s.full)
		<-s.done
	}
	if whole && s.err == nil {
		s.process(s.cur)
	}
	return s.sums, s.err
}

// writeError is what the caller's writer failed with.
type writeError struct{ err error }

func (e *writeError) Error() string { return "writing unpacked files: " + e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }
