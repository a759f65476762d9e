package cache

import (
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/registryd/registryd/internal/durable"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/unpack"
)

// ErrDamaged: neither pack nor blob hold the bytes that the manifest promises;
// the release must be fetched again.
var ErrDamaged = errors.New("stored bytes are missing or damaged")

// verified is what a tarball may cost that passed its limits when it came in.
var verified = unpack.Limits{Unpacked: math.MaxInt64, Entries: math.MaxInt, Path: math.MaxInt, Depth: math.MaxInt}

// openPack opens the pack of m and makes it again from the blob when it is
// gone. Errors: ErrDamaged, outcome.Busy.
func (c *Cache) openPack(m *Manifest) (*os.File, error) {
	f, err := c.root.Open(packFile(m))
	if isMissing(err) {
		return c.remakePack(m, nil)
	}
	if err != nil {
		return nil, durable.Wrap(err, "open pack of %s", m.Ref())
	}
	c.packs.used(c, f, m)
	return f, nil
}

// remakePack opens the pack of m, which is made again when it is gone or is
// still the one that was found bad. One caller does that, the others wait and
// get what it made. Errors: as openPack.
func (c *Cache) remakePack(m *Manifest, bad *os.File) (*os.File, error) {
	lock := &c.remakes[stripe(bytesFile(m), len(c.remakes))]
	lock.Lock()
	defer lock.Unlock()
	err := errVanished
	for range 3 { // the budget may drop it as soon as it is there
		var f *os.File
		f, err = c.root.Open(packFile(m))
		if err == nil && !sameFile(f, bad) {
			return f, nil
		}
		if err == nil {
			f.Close()
			c.log.Warn("pack is damaged and is made again", "pkg", m.Name, "version", m.Version.String())
			err = c.root.Remove(packFile(m))
		}
		if err != nil && !isMissing(err) {
			return nil, durable.Wrap(err, "replace pack of %s", m.Ref())
		}
		if err := c.rebuildPack(m); err != nil {
			return nil, err
		}
	}
	return nil, outcome.Wrap(outcome.Busy, err, "open pack of %s", m.Ref())
}

var errVanished = errors.New("removed by somebody else")

// sameFile reports whether both are open on one file; b may be nil.
func sameFile(a, b *os.File) bool {
	if b == nil {
		return false
	}
	ai, aerr := a.Stat()
	bi, berr := b.Stat()
	return aerr == nil && berr == nil && os.SameFile(ai, bi)
}

// rebuildPack unpacks the blob of m once more, checking it while it is read.
// Errors: ErrDamaged, after which the blob is gone; outcome.Busy.
func (c *Cache) rebuildPack(m *Manifest) error {
	blob, err := c.root.Open(blobFile(m))
	if isMissing(err) {
		return fmt.Errorf("blob of %s: %w", m.Ref(), ErrDamaged)
	}
	if err != nil {
		return durable.Wrap(err, "open blob of %s", m.Ref())
	}
	defer blob.Close()
	pack, err := c.disk.Create()
	if err != nil {
		return err
	}
	defer pack.Abort()
	sum := sha512.New()
	_, err = unpack.Tarball(io.TeeReader(blob, sum), &stickyWriter{w: pack}, verified)
	if err == nil && hex.EncodeToString(sum.Sum(nil)) == m.Blob {
		c.log.Info("pack made again from its blob", "pkg", m.Name, "version", m.Version.String())
		defer c.packs.added(c, m.Unpacked()) // once it can be seen
		defer c.grew(amountOf(m.Unpacked()))
		return pack.Commit(packFile(m), durable.Options{Mode: 0o600})
	}
	if w := (*writeError)(nil); errors.As(err, &w) {
		return w.err // the disk, not the blob
	}
	c.log.Warn("blob is damaged and is removed", "pkg", m.Name, "version", m.Version.String())
	if err := c.root.Remove(blobFile(m)); err != nil && !isMissing(err) {
		return durable.Wrap(err, "remove blob of %s", m.Ref())
	}
	return fmt.Errorf("blob of %s: %w", m.Ref(), ErrDamaged)
}

// writeError tells a failure of the disk from one of the archive.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }
func (e *writeError) Unwrap() error { return e.err }

type stickyWriter struct{ w io.Writer }

func (s *stickyWriter) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil {
		err = &writeError{err}
	}
	return n, err
}

// packBudget keeps packs/ below Config.PackBytes, dropping what was used least
// recently. The sum is an estimate that every sweep over the directory renews.
type packBudget struct {
	limit    atomic.Int64 // bytes; 0 is unlimited
	mu       sync.Mutex
	bytes    int64
	known    bool
	trimming bool
	during   int64 // bytes added while trimming, which may have missed them
}

// SetPackBytes changes Config.PackBytes. It holds from the next release on that
// is fetched.
func (c *Cache) SetPackBytes(n int64) { c.packs.limit.Store(n) }

// packTouch is how old the mtime of a pack may be before a use renews it.
const packTouch = 10 * time.Minute

// used notes that a pack is in use: its mtime is when it was used last.
func (b *packBudget) used(c *Cache, f *os.File, m *Manifest) {
	if info, err := f.Stat(); err == nil && c.now().Sub(info.ModTime()) > packTouch {
		_ = c.root.Chtimes(packFile(m), c.now(), c.now()) // only recency is lost
	}
}

// added counts a new pack and trims in the background when there are too many.
func (b *packBudget) added(c *Cache, bytes int64) {
	limit := b.limit.Load()
	if limit <= 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes += bytes
	b.during += bytes
	if b.trimming || b.known && b.bytes <= limit {
		return
	}
	b.trimming = true
	c.trash.Go(func() { b.trim(c, limit) })
}

// trim trims until nothing was added meanwhile that would be too much.
func (b *packBudget) trim(c *Cache, limit int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for again := true; again; again = b.during > 0 && b.bytes > limit {
		b.during = 0
		b.mu.Unlock()
		left := c.trimPacks(limit)
		b.mu.Lock()
		b.bytes, b.known = left+b.during, true
	}
	b.trimming = false
}

type packInfo struct {
	name string
	size int64
	used time.Time
}

// trimPacks removes the packs that were used least recently until at most nine
// tenths of limit are left, and returns how many bytes are. A pack that is
// being read stays readable.
func (c *Cache) trimPacks(limit int64) int64 {
	var packs []packInfo
	var sum int64
	for _, dir := range c.dirs(dirPacks) {
		for _, e := range c.readDir(dirPacks + "/" + dir) {
			if info, err := e.Info(); err == nil {
				packs = append(packs, packInfo{dirPacks + "/" + dir + "/" + e.Name(), info.Size(), info.ModTime()})
				sum += info.Size()
			}
		}
	}
	if sum <= limit {
		return sum
	}
	slices.SortFunc(packs, func(a, b packInfo) int { return a.used.Compare(b.used) })
	for _, p := range packs[:len(packs)-1] { // the newest is in use, however large
		if sum <= limit/10*9 {
			break
		}
		if err := c.root.Remove(p.name); err == nil {
			sum -= p.size
		}
	}
	return sum
}
