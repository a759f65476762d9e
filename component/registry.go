package component

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/store"
)

// View is the tree out of which files are served. Paths are relative to the
// components' part of it.
type View interface {
	// Holds reports whether a file is there with these bytes.
	Holds(path string, size int64, sum [sha256.Size]byte) bool
	// Show puts a file there, whole. Errors: outcome.Busy.
	Show(path string, data []byte) error
	// Open opens a file that is there. Errors: outcome.NotFound, outcome.Busy.
	Open(path string) (io.ReadSeekCloser, error)
	// Versions returns the directories at the place of a version, such as
	// "@acme/button/1.0.0". Errors: outcome.Busy.
	Versions() ([]string, error)
	// Hide takes a directory away, at once. Errors: outcome.Busy.
	Hide(dir string) error
}

// Config is what a Registry is made of.
type Config struct {
	// Store keeps everything; it stays the caller's.
	Store store.Store
	// Shared says that other processes write to the store too.
	Shared bool
	// View serves files.
	View View
	// Memory keeps a copy of what a shared store has, so that a start while it is
	// away knows what was known before; nil: there is none.
	Memory Memory
	// Place tells one shared store from another.
	Place  string
	Logger *slog.Logger // nil: discard
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Registry is the component registry. Safe for concurrent use. Make one with
// New, Start it, and Close it.
type Registry struct {
	config Config
	log    *slog.Logger
	index  *Index
	now    func() time.Time

	mu      sync.RWMutex
	records map[string]*record // by recordKey
	loaded  atomic.Bool
	behind  atomic.Bool // what is known is from a copy
	news    atomic.Bool // there is something that the copy does not have

	most  atomic.Int64 // hosts; 0: no bound
	gate  Gate         // nil: everything is allowed
	gated sync.RWMutex // guards gate; held while a file that it allows is put into the view

	locks  [64]sync.Mutex // of versions being published
	hosts  *hostFile
	seen   string // tag of the revision that was loaded; guarded by look
	look   sync.Mutex
	ending context.Context
	end    context.CancelFunc
	work   sync.WaitGroup
}

// New returns a registry that knows nothing yet.
func New(c Config) *Registry {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	r := &Registry{config: c, log: c.Logger, index: NewIndex(), now: c.Now, records: map[string]*record{}}
	r.ending, r.end = context.WithCancel(context.Background())
	r.hosts = newHostFile(r)
	return r
}

// Close ends what runs in the background. It is idempotent.
func (r *Registry) Close() {
	r.end()
	r.work.Wait()
	r.remember()
}

// Index returns the index, to ask.
func (r *Registry) Index() *Index { return r.index }

// Start loads what the store has. Where the store fails it goes on trying in
// the background, and everything is answered with ErrStorage until then, unless
// there is a copy of what was known before. On a shared store it looks from time
// to time for what others have written.
func (r *Registry) Start(ctx context.Context) {
	err := r.load(ctx)
	if err != nil {
		r.log.Error("the component store cannot be read, trying again", "error", err)
		r.recall()
	}
	if err != nil || r.config.Shared {
		r.work.Go(r.follow)
	}
}

// pollEvery is how long a change by another process may stay unseen.
const pollEvery = 2 * time.Second

// follow loads what is not loaded, and on a shared store what is new.
func (r *Registry) follow() {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-r.ending.Done():
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(r.ending, time.Minute)
		var err error
		if r.loaded.Load() && !r.behind.Load() {
			err = r.Refresh(ctx)
		} else if err = r.load(ctx); err == nil {
			r.log.Info("the component store can be read again")
		}
		cancel()
		if err != nil && r.ending.Err() == nil {
			r.log.Warn("cannot look for new components", "error", err)
		}
		r.remember()
		if r.loaded.Load() && !r.config.Shared {
			return
		}
	}
}

// ready reports whether the store was read. Errors: ErrStorage.
func (r *Registry) ready() error {
	if !r.loaded.Load() {
		return outcome.New(ErrStorage, "the component store was not read yet")
	}
	return nil
}

// load reads everything that is not known yet.
func (r *Registry) load(ctx context.Context) error {
	r.look.Lock()
	defer r.look.Unlock()
	tag := r.revision(ctx)
	if err := r.hosts.load(ctx); err != nil {
		return err
	}
	if err := r.loadVersions(ctx, ""); err != nil {
		return err
	}
	r.seen = tag
	r.loaded.Store(true)
	r.behind.Store(false)
	return nil
}

// revisionKey is rewritten by every publication on a shared store, so that one
// small question tells whether there is anything new.
const revisionKey = "registryd-revision"

func (r *Registry) revision(ctx context.Context) string {
	if !r.config.Shared {
		return ""
	}
	o, err := r.config.Store.Head(ctx, revisionKey)
	if err != nil {
		return "" // none yet, or one that cannot be read: look at everything
	}
	return o.Tag
}

// Refresh looks for what other processes have published. Errors: ErrStorage.
func (r *Registry) Refresh(ctx context.Context) error {
	if !r.config.Shared {
		return nil
	}
	r.look.Lock()
	defer r.look.Unlock()
	tag := r.revision(ctx)
	if tag != "" && tag == r.seen {
		return nil
	}
	if err := r.loadVersions(ctx, ""); err != nil {
		return err
	}
	r.seen = tag
	return nil
}

// loading is how many versions are read at once.
const loading = 16

// loadVersions reads the versions below prefix that are not known yet.
func (r *Registry) loadVersions(ctx context.Context, prefix string) error {
	found, err := survey(ctx, r.config.Store, prefix)
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(loading)
	for _, dir := range sortedKeys(found) {
		v := found[dir]
		if !v.manifest || r.record(v.at.name, v.at.version) != nil {
			continue
		}
		g.Go(func() error {
			data, _, err := r.config.Store.Get(ctx, dir+manifestName)
			if errors.Is(err, outcome.NotFound) {
				return nil
			}
			if err != nil {
				return storage(err)
			}
			rec, err := recordOf(v.at, data, v.files)
			if err != nil {
				r.log.Warn("a version in the component store is left out", "dir", dir, "error", err)
				return nil
			}
			r.know(rec)
			return nil
		})
	}
	return g.Wait()
}

// surveyed is what a listing tells of one version.
type surveyed struct {
	at       place
	manifest bool
	files    map[string]stored
}

func survey(ctx context.Context, s store.Store, prefix string) (map[string]*surveyed, error) {
	found := map[string]*surveyed{}
	for o, err := range s.List(ctx, prefix) {
		if err != nil {
			return nil, storage(err)
		}
		at, file, ok := placeOf(o.Key)
		if !ok {
			continue
		}
		v := found[at.dir]
		if v == nil {
			v = &surveyed{at: at, files: map[string]stored{}}
			found[at.dir] = v
		}
		if file == manifestName {
			v.manifest = true
		} else {
			v.files[file] = stored{Size: o.Size}
		}
	}
	return found, nil
}

// recordKey is one version of one component.
func recordKey(n Name, v pkgref.Version) string { return n.Key() + "@" + v.String() }

func (r *Registry) record(n Name, v pkgref.Version) *record {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.records[recordKey(n, v)]
}

// know puts a version into the catalog and then into the index, and returns
// whom it moves. Of two directories that differ in case the first counts.
func (r *Registry) know(rec *record) map[uint32]Mismatches {
	r.mu.Lock()
	key := recordKey(rec.name, rec.version)
	known := r.records[key] != nil
	if !known {
		r.records[key] = rec
		r.news.Store(true)
	}
	r.mu.Unlock()
	if known {
		return map[uint32]Mismatches{}
	}
	if !r.loaded.Load() {
		r.index.Load(rec.name, rec.version, rec.deps)
		return nil
	}
	return r.index.AddVersion(rec.name, rec.version, rec.deps)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// storage makes an error of the store one for clients, unless the client is the
// reason for it.
func storage(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	return outcome.Wrap(ErrStorage, outcome.Opaque(err), "the component store fails")
}
