package cache

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"

	"github.com/registryd/registryd/internal/durable"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// Encoding is a content coding that a file of the view can have a sibling in:
// its compressed copy under its own name and a suffix, which nginx sends
// instead of it to clients that accept the coding.
type Encoding struct {
	Name   string // in Content-Encoding and Accept-Encoding
	Suffix string // of the sibling's name
}

// Encodings returns those that siblings are made in, the best first.
func Encodings() []Encoding { return []Encoding{{"br", ".br"}, {"gzip", ".gz"}} }

const (
	// brotliLevel is the highest before the time that it takes explodes.
	brotliLevel = 9
	gzipLevel   = gzip.BestCompression
	// A sibling must be worth the look-up: at most this part of its original.
	worthNum, worthDen = 19, 20
)

// Siblings tells whether f may have siblings: the package ships no compressed
// copy of it. Of an open release that is not known.
func (m *Manifest) Siblings(f File) bool {
	if m.Open {
		return false
	}
	for _, e := range Encodings() {
		if strings.HasSuffix(f.Path, e.Suffix) || m.Has(f.Path+e.Suffix) || m.IsDir(f.Path+e.Suffix) {
			return false
		}
	}
	return true
}

// Precompress makes the siblings of a file that is in the view, unless it has
// them. It returns how many bytes it wrote; a sibling that would hardly be
// smaller is not kept. It takes as long as compressing takes, and holds no lock
// meanwhile; ctx can end it. Errors: what gate returned; ErrStale when the file
// is not in the view any more; outcome.Busy where the disk is full; the
// context's own.
func (c *Cache) Precompress(ctx context.Context, m *Manifest, f File, gate Gate) (written int64, err error) {
	if !m.Siblings(f) {
		return 0, nil
	}
	limit := f.Size * worthNum / worthDen
	for _, e := range Encodings() {
		if c.hasSibling(m, f, e) {
			continue
		}
		n, err := c.precompress(ctx, m, f, e, limit, gate)
		if err != nil {
			return written, err
		}
		written += n
	}
	return written, nil
}

// hasSibling reports whether f has its sibling: the mtime is that of f.
func (c *Cache) hasSibling(m *Manifest, f File, e Encoding) bool {
	info, err := c.root.Lstat(c.viewRelease(m) + "/" + f.Path + e.Suffix)
	return err == nil && info.Mode().IsRegular() && info.ModTime().Equal(f.SHA256.ModTime())
}

func (c *Cache) precompress(ctx context.Context, m *Manifest, f File, e Encoding, limit int64, gate Gate) (int64, error) {
	staged, err := c.disk.Create()
	if err != nil {
		return 0, err
	}
	defer staged.Abort()
	n, err := c.compress(ctx, m, f, e, staged, limit)
	if errors.Is(err, errNotWorth) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	lock := c.releaseLock(m.Name, m.Version)
	lock.RLock()
	defer lock.RUnlock()
	if err := c.admit(m, f, gate); err != nil {
		return 0, err
	}
	if !c.InView(m, f) {
		return 0, ErrStale // it would outlive its original
	}
	if err := c.clearWay(m, File{Path: f.Path + e.Suffix}); err != nil {
		return 0, err
	}
	err = staged.Commit(c.viewRelease(m)+"/"+f.Path+e.Suffix, durable.Options{ModTime: f.SHA256.ModTime()})
	if nameTooLong(err) {
		return 0, nil // the longer name alone does not fit
	}
	if err == nil {
		c.grew(amountOf(n))
	}
	return n, err
}

var errNotWorth = errors.New("hardly smaller")

// compress writes the bytes of f in the view, compressed, to w. It reads them
// all and checks them: a copy of damaged bytes would outlive the damage.
func (c *Cache) compress(ctx context.Context, m *Manifest, f File, e Encoding, w io.Writer, limit int64) (int64, error) {
	src, err := c.openRegular(c.viewRelease(m) + "/" + f.Path)
	if isMissing(err) {
		return 0, ErrStale
	}
	if err != nil {
		return 0, durable.Wrap(err, "open %s of %s", f.Path, m.Ref())
	}
	defer src.Close()
	out := &bounded{w: w, left: limit}
	z, err := e.writer(out)
	if err != nil {
		return 0, err
	}
	sum, n, err := copyHash(z, untilDone{ctx, src})
	if cerr := z.Close(); err == nil {
		err = cerr
	}
	switch {
	case out.left < 0:
		return 0, errNotWorth
	case err != nil:
		return 0, durable.Wrap(err, "compress %s of %s", f.Path, m.Ref())
	case n != f.Size || sum != f.SHA256:
		return 0, ErrStale
	}
	return limit - out.left, nil
}

// writer compresses in a way that depends on the bytes alone.
func (e Encoding) writer(w io.Writer) (io.WriteCloser, error) {
	if e.Name == "br" {
		return brotli.NewWriterLevel(w, brotliLevel), nil
	}
	return gzip.NewWriterLevel(w, gzipLevel)
}

// reader returns what compressed bytes in this coding say.
func (e Encoding) reader(r io.Reader) (io.Reader, error) {
	if e.Name == "br" {
		return brotli.NewReader(r), nil
	}
	return gzip.NewReader(r)
}

// bounded fails once more than left bytes were written.
type bounded struct {
	w    io.Writer
	left int64
}

// Write is part of io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, errNotWorth
	}
	return b.w.Write(p)
}

// untilDone ends with the context.
type untilDone struct {
	ctx context.Context
	r   io.Reader
}

// Read is part of io.Reader.
func (u untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
}

// siblingOf splits the path of a sibling that we may have made into the file
// that it belongs to and its coding.
func siblingOf(m *Manifest, path string) (f File, e Encoding, ok bool) {
	for _, e := range Encodings() {
		base, found := strings.CutSuffix(path, e.Suffix)
		if f, listed := m.File(base); found && listed && m.Siblings(f) {
			return f, e, true
		}
	}
	return File{}, Encoding{}, false
}

// OpenSibling opens the compressed copy of a file of the view; release is as
// for OpenView. The caller closes it. Errors: outcome.NotFound, also where it is
// not that of these bytes; outcome.Busy.
func (c *Cache) OpenSibling(name pkgref.Name, release string, f File, e Encoding) (*os.File, error) {
	s, err := c.OpenView(name, release, f.Path+e.Suffix)
	if err != nil {
		return nil, err
	}
	info, err := s.Stat()
	if err != nil || !info.ModTime().Equal(f.SHA256.ModTime()) {
		s.Close()
		return nil, outcome.New(outcome.NotFound, "%s is no copy of %s", f.Path+e.Suffix, f.Path)
	}
	return s, nil
}
