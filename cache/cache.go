package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/registryd/registryd/internal/durable"
	"github.com/registryd/registryd/internal/lru"
)

const (
	dirWWW    = "www"
	dirBlobs  = "blobs/sha512"
	dirPacks  = "packs"
	dirState  = "state"
	dirHidden = "hidden"
	dirTmp    = "tmp"

	// manifestFiles bounds the manifests in memory by the files they list, at
	// roughly 150 bytes each.
	manifestFiles = 200_000

	// recentReleases bounds what the grace is kept for; of more than that within
	// its time some may be evicted.
	recentReleases = 50_000
)

// Config of a Cache.
type Config struct {
	// Dir is the data directory. It is made when it is missing.
	Dir string
	// Pub is the URL prefix of packages, "/lib/" or "/": the view repeats it,
	// so that a URL path is a file path.
	Pub string
	// PackBytes caps packs/; 0 is unlimited. Packs are made again from blobs.
	PackBytes int64
	Logger    *slog.Logger     // nil: discard
	Now       func() time.Time // nil: time.Now
}

// Cache is the data directory. Safe for concurrent use; make one with Open.
type Cache struct {
	config Config
	log    *slog.Logger
	now    func() time.Time
	root   *os.Root
	disk   durable.Dir
	lock   *os.File
	// possession is held while lock changes hands.
	possession sync.Mutex
	mended     atomic.Int64 // see Mended
	pub        string       // "www/lib" or "www"
	// Recovered tells that the view was set aside because of a power loss.
	recovered bool

	manifests *lru.Map[string, *Manifest] // by name@version
	locks     [256]sync.RWMutex           // of releases in the view, by hash; taken before files
	files     [64]sync.Mutex              // of manifest files and their place in memory, by hash
	pins      [64]sync.Mutex              // of main, by hash
	audits    sync.Mutex                  // of the audit log
	marks     sync.Mutex                  // of absent.json files
	packs     packBudget
	remakes   [16]sync.Mutex // of packs, by hash
	clearing  sync.Mutex     // of what is in the way in the view
	budget    budget
	surveying sync.Mutex                 // one survey at a time
	uses      atomic.Pointer[Uses]       // what knows more of last use than files do; nil: nothing
	recent    *lru.Map[string, struct{}] // releases answered within the grace, by name@version
	opened    time.Time
	life      context.Context // ends with Close
	end       context.CancelFunc
	bin       bin
	trash     sync.WaitGroup // of everything in the background
}

// Open takes the data directory into possession: it locks it, checks or writes
// its format, and recovers from what an earlier process left. Errors, each one
// line for the person who starts the daemon: ErrHeld, ErrForeign, ErrFormat, or
// why the directory cannot be used.
func Open(c Config) (*Cache, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if err := c.makeDir(); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	root, err := os.OpenRoot(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	cache := &Cache{
		config: c, log: c.Logger, now: c.Now, root: root,
		disk:      durable.Dir{Root: root, Tmp: dirTmp},
		pub:       strings.TrimSuffix(dirWWW+c.Pub, "/"),
		manifests: lru.New[string, *Manifest](manifestFiles, nil),
		recent:    lru.New[string, struct{}](recentReleases, c.Now),
		opened:    time.Now(), // as files are dated, whatever Now says
	}
	cache.life, cache.end = context.WithCancel(context.Background())
	cache.packs.limit.Store(c.PackBytes)
	if err := cache.prepare(); err != nil {
		cache.release()
		return nil, err
	}
	return cache, nil
}

// makeDir makes the data directory, for the web server to enter whatever the
// umask is, and its path independent of the working directory. The mode of one
// that is there is its owner's choice.
func (c *Config) makeDir() (err error) {
	if c.Dir, err = filepath.Abs(c.Dir); err != nil {
		return err
	}
	if _, err := os.Stat(c.Dir); !isMissing(err) {
		return err
	}
	if err := os.MkdirAll(c.Dir, durable.DirMode); err != nil {
		return err
	}
	return os.Chmod(c.Dir, durable.DirMode)
}

// prepare does what Open promises, in the only order that is safe: nothing is
// written before the directory is known to be ours and held by nobody else.
func (c *Cache) prepare() error {
	if err := c.checkOurs(); err != nil {
		return err
	}
	if err := c.takeLock(); err != nil {
		return err
	}
	// First of all: without it a start that was interrupted would leave what
	// the next one takes for somebody else's directory.
	if err := c.writeFormat(); err != nil {
		return err
	}
	if err := c.makeDirs(); err != nil {
		return fmt.Errorf("data directory %s: %w", c.config.Dir, err)
	}
	c.emptyTmp()
	return c.checkBoot()
}

// makeDirs makes the top of the layout. Only the view is for others to enter:
// blobs may hold private packages.
func (c *Cache) makeDirs() error {
	for _, dir := range []string{"blobs", dirBlobs, dirPacks, dirTmp, dirHidden} {
		if err := c.root.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return c.disk.MkdirAll(c.pub)
}

// Close writes everything to the disk, notes that the stop was clean, and gives
// the directory back. What still waits to be deleted is left to the next start.
// It is idempotent. Errors: why the note could not be written.
func (c *Cache) Close() error {
	c.possession.Lock()
	defer c.possession.Unlock()
	if c.lock == nil {
		return nil
	}
	c.end()
	c.bin.close()
	c.trash.Wait()
	// After this note the view is trusted, so nothing of it may be in memory only.
	err := c.flushDisk()
	if err == nil && !c.Gone() && !c.lockedByAnother() {
		err = errors.Join(c.writeFormat(), c.writeBoot(true))
	}
	c.release()
	return err
}

func (c *Cache) flushDisk() error {
	dir, err := c.root.Open(".")
	if err != nil {
		return durable.Wrap(err, "write the data directory to the disk")
	}
	defer dir.Close()
	return durable.Wrap(unix.Syncfs(int(dir.Fd())), "write the data directory to the disk")
}

func (c *Cache) release() {
	if c.lock != nil {
		// Closing alone would leave the lock with a child that is being started.
		_ = syscall.Flock(int(c.lock.Fd()), syscall.LOCK_UN)
		c.lock.Close()
		c.lock = nil
	}
	c.root.Close()
}

// Dir returns the data directory.
func (c *Cache) Dir() string { return c.config.Dir }

// View returns the absolute directory that the URL prefix of packages maps to.
func (c *Cache) View() string { return c.config.Dir + "/" + c.pub }

// Recovered reports whether Open set the view aside because of a power loss.
func (c *Cache) Recovered() bool { return c.recovered }

// emptyTmp deletes in the background what lies in tmp now: names in it are
// never used twice, so whatever is staged meanwhile is safe.
func (c *Cache) emptyTmp() {
	entries, err := fs.ReadDir(c.root.FS(), dirTmp)
	if err != nil {
		c.log.Warn("cannot read directory", "dir", dirTmp, "error", err)
		return
	}
	for _, e := range entries {
		c.discard(dirTmp + "/" + e.Name())
	}
}

// bin holds what was moved away and waits for its deletion, one after the
// other: a sweep may throw away a hundred thousand releases at once.
type bin struct {
	mu       sync.Mutex
	trash    []string
	emptying bool // somebody is at it
	closed   bool // what is left waits for the next start
}

// discard deletes what durable.RemoveTree moved away, in the background.
func (c *Cache) discard(trash string) {
	if trash == "" {
		return
	}
	c.bin.mu.Lock()
	defer c.bin.mu.Unlock()
	c.bin.trash = append(c.bin.trash, trash)
	if !c.bin.emptying {
		c.bin.emptying = true
		c.trash.Go(c.emptyBin)
	}
}

// Deletions returns how many things that were taken out wait to be deleted.
func (c *Cache) Deletions() int {
	c.bin.mu.Lock()
	defer c.bin.mu.Unlock()
	return len(c.bin.trash)
}

func (c *Cache) emptyBin() {
	for {
		name, ok := c.bin.take()
		if !ok {
			return
		}
		if err := c.disk.Discard(name); err != nil {
			c.log.Warn("cannot delete what was removed", "error", err)
		}
	}
}

// take returns one thing to delete; with nothing in the bin, emptying ends.
func (b *bin) take() (name string, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.trash) == 0 || b.closed {
		b.emptying = false
		return "", false
	}
	last := len(b.trash) - 1
	name, b.trash = b.trash[last], b.trash[:last]
	return name, true
}

func (b *bin) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}

// remove makes a tree disappear at once and deletes it in the background.
func (c *Cache) remove(name string) error {
	trash, err := c.disk.RemoveTree(name)
	c.discard(trash)
	return err
}

// isMissing reports whether err says that a path does not exist.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
