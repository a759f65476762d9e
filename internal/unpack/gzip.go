package unpack

import (
	"bufio"
	"io"

	"github.com/klauspost/compress/gzip"
)

// rawBuffer is how many compressed bytes are asked for at a time.
const rawBuffer = 64 << 10

// maxEmpty is how often in a row a reader may return neither bytes nor an error.
const maxEmpty = 100

// source is the caller's reader, which remembers how it failed.
type source struct {
	r     io.Reader
	err   error // the first one that is not io.EOF
	empty int   // reads in a row without a result, on which layers above would spin
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if s.empty++; n > 0 || len(p) == 0 {
		s.empty = 0
	}
	if err == nil && s.empty > maxEmpty {
		err = io.ErrNoProgress
	}
	if err != nil && err != io.EOF && s.err == nil {
		s.err = err
	}
	return n, err
}

// gunzip reads all gzip members of a stream as one. The reader of the library
// could do that, but takes the zero bytes that some tools pad with for the
// header of another member.
type gunzip struct {
	raw   *bufio.Reader
	gz    *gzip.Reader
	left  int // members still allowed: an empty one costs time and gives no bytes
	ended bool
}

// newGunzip reads the first header.
func newGunzip(r io.Reader, members int) (*gunzip, error) {
	g := &gunzip{raw: bufio.NewReaderSize(r, rawBuffer), left: members}
	gz, err := gzip.NewReader(g.raw)
	if err != nil {
		return nil, &damage{noEOF(err)}
	}
	gz.Multistream(false)
	g.gz = gz
	return g, nil
}

// Read returns io.EOF only after the last checksum was right and the
// underlying reader has ended.
func (g *gunzip) Read(p []byte) (int, error) {
	for !g.ended {
		n, err := g.gz.Read(p)
		if n > 0 || err == nil {
			return n, nil // the library repeats its error
		}
		if err != io.EOF {
			return 0, &damage{err}
		}
		if err := g.next(); err != nil {
			return 0, err
		}
	}
	return 0, io.EOF
}

// next goes on to what follows a member: another one, padding, or the end.
func (g *gunzip) next() error {
	b, err := g.raw.Peek(1)
	switch {
	case err == io.EOF:
		g.ended = true
		return nil
	case err != nil:
		return err
	case b[0] == 0:
		return g.padding()
	}
	if g.left--; g.left <= 0 {
		return refuse(reasonEntries, "too many gzip members")
	}
	if err := g.gz.Reset(g.raw); err != nil {
		return &damage{noEOF(err)}
	}
	g.gz.Multistream(false)
	return nil
}

// padding reads zeros until the end.
func (g *gunzip) padding() error {
	for {
		_, err := g.raw.Peek(1)
		if err == io.EOF {
			g.ended = true
			return nil
		}
		if err != nil {
			return err
		}
		b, _ := g.raw.Peek(g.raw.Buffered())
		for _, c := range b {
			if c != 0 {
				return refuse(reasonGzip, "something follows the padding")
			}
		}
		g.raw.Discard(len(b))
	}
}

// damage is what the decompressor complains about.
type damage struct{ err error }

func (d *damage) Error() string { return d.err.Error() }
func (d *damage) Unwrap() error { return d.err }

// noEOF is for places where an end is too early.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// meter counts what is read through it and stops at a limit, so that nobody
// reads on for ever in search of the next member.
type meter struct {
	r     io.Reader
	n     int64 // bytes read
	limit int64 // of n
}

func (m *meter) Read(p []byte) (int, error) {
	if left := m.limit - m.n; int64(len(p)) > left {
		if left <= 0 {
			return 0, refuse(reasonMeta, "too long an extended header")
		}
		p = p[:left]
	}
	n, err := m.r.Read(p)
	m.n += int64(n)
	return n, err
}
