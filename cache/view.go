package cache

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"sync"
	"syscall"

	"github.com/registryd/registryd/internal/durable"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// Gate is asked while a release's lock is held, so that its answer and what
// becomes visible belong together. nil allows everything.
type Gate func() error

func (c *Cache) releaseLock(name pkgref.Name, v pkgref.Version) *sync.RWMutex {
	return &c.locks[stripe(manifestKey(name, v), len(c.locks))]
}

// Materialise puts one file of an archive release into the view, whole and
// verified, unless it is there. Errors: what gate returned; ErrStale; ErrDamaged
// when the release must be fetched again; outcome.Busy where the disk is full.
func (c *Cache) Materialise(m *Manifest, f File, gate Gate) error {
	_, err := c.Ensure(m, f, gate)
	return err
}

// Ensure is Materialise for who wants to know whether there was anything to do:
// made is false for a file that was in the view. Errors: as Materialise.
func (c *Cache) Ensure(m *Manifest, f File, gate Gate) (made bool, err error) {
	lock := c.releaseLock(m.Name, m.Version)
	lock.RLock()
	defer lock.RUnlock()
	if err := c.admit(m, f, gate); err != nil {
		return false, err
	}
	if c.InView(m, f) {
		return false, nil
	}
	staged, err := c.copyOut(m, f)
	if err != nil {
		return false, err
	}
	err = c.show(m, f, staged)
	return err == nil, err
}

// Present reports whether f is in the view and may be there. Errors: what gate
// returned; outcome.Busy.
func (c *Cache) Present(m *Manifest, f File, gate Gate) (bool, error) {
	lock := c.releaseLock(m.Name, m.Version)
	lock.RLock()
	defer lock.RUnlock()
	if !c.InView(m, f) {
		return false, nil
	}
	err := c.admit(m, f, gate)
	if errors.Is(err, ErrStale) && (gate == nil || gate() == nil) {
		return false, nil // what is held grew meanwhile
	}
	return err == nil, err
}

// ErrStale: the release was flushed or evicted since its manifest was read; who
// wants the file looks the release up anew.
var ErrStale = errors.New("release was replaced meanwhile")

// admit decides whether f of m may become visible now. The caller holds the
// release's lock. Without the look at what is held, a request that began before
// a flush could put old bytes beside the new ones.
func (c *Cache) admit(m *Manifest, f File, gate Gate) error {
	if gate != nil {
		if err := gate(); err != nil {
			return err
		}
	}
	held, err := c.Manifest(m.Name, m.Version)
	if errors.Is(err, outcome.NotFound) {
		return ErrStale
	}
	if err != nil {
		return err
	}
	if g, ok := held.File(f.Path); !ok || held.Blob != m.Blob || g.SHA256 != f.SHA256 {
		return ErrStale
	}
	c.recent.Put(manifestKey(m.Name, m.Version), struct{}{}, 1, grace)
	return nil
}

// InView reports whether the view holds f already, for all to read. Size and
// mtime tell: the mtime is a hash of the content.
func (c *Cache) InView(m *Manifest, f File) bool {
	const readable = 0o444
	info, err := c.root.Lstat(c.viewRelease(m) + "/" + f.Path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&readable == readable && info.Size() == f.Size &&
		!f.SHA256.IsZero() && info.ModTime().Equal(f.SHA256.ModTime())
}

// show gives a staged file its place. The caller holds the release's lock.
func (c *Cache) show(m *Manifest, f File, staged *durable.File) error {
	defer staged.Abort()
	if err := c.clearWay(m, f); err != nil {
		return err
	}
	name := c.viewRelease(m) + "/" + f.Path
	dirs := c.missingDirs(path.Dir(name))
	err := staged.Commit(name, durable.Options{ModTime: f.SHA256.ModTime()})
	if nameTooLong(err) {
		return outcome.Wrap(outcome.Refused, err, "%s has a name that the file system cannot hold", f.Path)
	}
	if err == nil {
		a := amountOf(f.Size)
		a.Files += dirs
		c.grew(a)
	}
	return err
}

// missingDirs counts the directories that have to be made for dir, where their
// number is limited.
func (c *Cache) missingDirs(dir string) (n int64) {
	if c.limit().Files == 0 {
		return 0
	}
	for ; dir != "." && dir != "/"; dir = path.Dir(dir) {
		if _, err := c.root.Lstat(dir); err == nil {
			break
		}
		n++
	}
	return n
}

// copyOut stages a verified copy of one file. A pack whose bytes differ is made
// again, once.
func (c *Cache) copyOut(m *Manifest, f File) (*durable.File, error) {
	pack, err := c.openPack(m)
	if err != nil {
		return nil, err
	}
	defer pack.Close()
	staged, err := c.copyFrom(pack, m, f)
	if !errors.Is(err, errMismatch) {
		return staged, err
	}
	again, err := c.remakePack(m, pack)
	if err != nil {
		return nil, err
	}
	defer again.Close()
	if staged, err = c.copyFrom(again, m, f); errors.Is(err, errMismatch) {
		return nil, fmt.Errorf("%s/%s: %w", m.Ref(), f.Path, ErrDamaged)
	}
	return staged, err
}

var errMismatch = errors.New("bytes differ from the manifest")

// copyBuffers keeps the cost of a first touch independent of the heap.
var copyBuffers = sync.Pool{New: func() any { return new([128 << 10]byte) }}

func (c *Cache) copyFrom(pack *os.File, m *Manifest, f File) (*durable.File, error) {
	staged, err := c.disk.Create()
	if err != nil {
		return nil, err
	}
	got, n, err := copyHash(staged, io.NewSectionReader(pack, f.Offset, f.Size))
	if err == nil && (n != f.Size || got != f.SHA256) {
		err = errMismatch
	}
	if err != nil {
		staged.Abort()
		return nil, durable.Wrap(err, "copy %s of %s", f.Path, m.Ref())
	}
	return staged, nil
}

func copyHash(w io.Writer, r io.Reader) (sum Digest, n int64, err error) {
	buffer := copyBuffers.Get().(*[128 << 10]byte)
	defer copyBuffers.Put(buffer)
	h := sha256.New()
	// Neither side may bring a method of its own past the hash and the buffer.
	n, err = io.CopyBuffer(struct{ io.Writer }{io.MultiWriter(w, h)}, struct{ io.Reader }{r}, buffer[:])
	h.Sum(sum[:0])
	return sum, n, err
}

// Loose is one file of a files release that was received and verified, and
// that nobody can see yet. Its owner calls Show or Detach, and defers Abort.
type Loose struct {
	File   File // with its size and digest
	c      *Cache
	staged *durable.File
}

// Receive stages the file f from r, of at most limit bytes, and checks it
// against the size and digest that f names, if any. Errors: outcome.Refused
// where they differ or the limit is passed; outcome.Busy where the disk is
// full; what r returned.
func (c *Cache) Receive(r io.Reader, f File, limit int64) (*Loose, error) {
	staged, err := c.disk.Create()
	if err != nil {
		return nil, err
	}
	limit = min(limit, math.MaxInt64-1)
	sum, n, err := copyHash(staged, io.LimitReader(r, limit+1))
	switch {
	case err != nil:
	case n > limit:
		err = outcome.New(outcome.Refused, "%s is larger than %d bytes", f.Path, limit)
	case f.Size >= 0 && n != f.Size:
		err = outcome.New(outcome.Refused, "%s has %d bytes instead of %d", f.Path, n, f.Size)
	case !f.SHA256.IsZero() && sum != f.SHA256:
		err = outcome.New(outcome.Refused, "%s has sha256 %x instead of %x", f.Path, sum, f.SHA256)
	}
	if err != nil {
		staged.Abort()
		return nil, err
	}
	f.Size, f.SHA256 = n, sum
	return &Loose{File: f, c: c, staged: staged}, nil
}

// Show puts the file into the view as Materialise does. The held manifest must
// know it already, see AddFile. Errors: as Materialise.
func (l *Loose) Show(m *Manifest, gate Gate) error {
	defer l.Abort()
	lock := l.c.releaseLock(m.Name, m.Version)
	lock.RLock()
	defer lock.RUnlock()
	if err := l.c.admit(m, l.File, gate); err != nil {
		return err
	}
	return l.c.show(m, l.File, l.staged)
}

// Detach returns the bytes as an open file that has no name any more; the
// caller closes it. Errors: outcome.Busy.
func (l *Loose) Detach() (*os.File, error) { return l.staged.Detach() }

// Abort removes what was received. It does nothing after Show or Detach.
func (l *Loose) Abort() { l.staged.Abort() }

// OpenPacked returns a verified copy of one file of an archive release as an
// open file without a name, for what must not be in the view; the caller closes
// it. Errors: as Materialise.
func (c *Cache) OpenPacked(m *Manifest, f File) (*os.File, error) {
	staged, err := c.copyOut(m, f)
	if err != nil {
		return nil, err
	}
	return staged.Detach()
}

// OpenView opens a regular file of the view; release is the text of a version,
// or main. Links are followed inside the data directory only. The caller closes
// it. Errors: outcome.NotFound, outcome.Busy.
func (c *Cache) OpenView(name pkgref.Name, release, path string) (*os.File, error) {
	ref := c.viewDir(name) + "/" + release + "/" + path
	f, err := c.openRegular(ref)
	if w := durable.Wrap(err, "open %s", ref); errors.Is(w, outcome.Busy) {
		return nil, w
	}
	if err != nil {
		return nil, outcome.New(outcome.NotFound, "%s/%s has no file %s", name, release, path)
	}
	return f, nil
}

var errIrregular = errors.New("not a regular file")

// openRegular opens what a person may have placed. Without O_NONBLOCK a fifo
// would hold us for ever.
func (c *Cache) openRegular(name string) (*os.File, error) { return openRegular(c.root, name) }

// openQuietly is openRegular for a look that is no use of the file: where it is
// ours, its access time stays.
func (c *Cache) openQuietly(name string) (*os.File, error) {
	f, err := openWith(c.root, name, syscall.O_NOATIME)
	if errors.Is(err, fs.ErrPermission) {
		return c.openRegular(name)
	}
	return f, err
}

func openRegular(root *os.Root, name string) (*os.File, error) { return openWith(root, name, 0) }

func openWith(root *os.Root, name string, flags int) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK|flags, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, errors.Join(errIrregular, err)
	}
	return f, nil
}

// Replace makes m what is held of its release and empties the view of what it
// held before, also where it fails: the view refills by first touch then.
// Errors: as PutManifest.
func (c *Cache) Replace(m *Manifest) error {
	data, err := encodeChecked(m)
	if err != nil {
		return err
	}
	lock := c.releaseLock(m.Name, m.Version)
	lock.Lock()
	defer lock.Unlock()
	// In this order a kill in between leaves no file that the manifest denies.
	if err := c.remove(c.viewRelease(m)); err != nil {
		return err
	}
	return c.store(m, data)
}

func nameTooLong(err error) bool { return errors.Is(err, syscall.ENAMETOOLONG) }

// ViewHasDir reports whether the view has a directory at path below a release
// or main.
func (c *Cache) ViewHasDir(name pkgref.Name, release, path string) bool {
	info, err := c.root.Stat(c.viewDir(name) + "/" + release + "/" + path)
	return err == nil && info.IsDir()
}
