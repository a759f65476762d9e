// Package registry answers what is at a package path. It is the one place
// where providers and the cache meet: providers say what exists, the rules say
// what may be served, the cache holds it.
//
// A request for an exact version needs its manifest: held, or fetched in one
// flight that all concurrent requests of the release share. Only then is the
// one file that was asked for put into the view. Ranges and tags are answered
// from version lists and lead to an exact version. The rules are asked before
// anything else on every route, and once more at the moment a file becomes
// visible.
package registry

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/flight"
	"github.com/registryd/registryd/internal/lru"
	"github.com/registryd/registryd/internal/unpack"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

const (
	// memoryVersions bounds the version lists in memory by the versions they
	// hold, at roughly 500 bytes each.
	memoryVersions = 60_000
	// memoryMarks bounds what is remembered as absent or refused.
	memoryMarks = 20_000
	// memoryEntries bounds the package.json files of which the entries are known.
	memoryEntries = 2_000
)

// Generation is everything that a reload replaces. It is immutable.
type Generation struct {
	Chain *provider.Chain // who is asked
	Rules *Rules          // what may be served; not nil
	// Newest lets a range see the versions of all providers, not those of the
	// first that has a satisfying one.
	Newest bool

	CacheTime            time.Duration // how long a version list is fresh
	NegativeCacheTime    time.Duration // how long absence is remembered
	StaleWhileRevalidate time.Duration // how long an expired list is served while it is refreshed
	StaleIfError         time.Duration // how long it is served when upstream fails

	Archive  unpack.Limits // of what a tarball unpacks to
	MaxBytes int64         // of a tarball, or of one file of a files release
	// Precompress says of which files compressed siblings are made.
	Precompress Precompress
	// FlightTime bounds one shared fetch, whatever its waiters do; 0: 10 min.
	FlightTime time.Duration
}

func (g *Generation) flightTime() time.Duration {
	if g.FlightTime == 0 {
		return 10 * time.Minute
	}
	return g.FlightTime
}

// Event is something that metrics count.
type Event struct {
	Kind     EventKind // what happened
	Provider string    // whom it was about
	Err      error     // nil: it went well
	Bytes    int64     // that were moved; 0 where none were or nobody counted
	// Items are the files of a release that was fetched, or the releases that a
	// sweep took out of the view.
	Items int
	// Unpacked is how large the files of a tarball are together, in bytes.
	Unpacked int64
	Duration time.Duration // of the whole; 0 for an alarm
}

// EventKind says what an Event speaks of.
type EventKind string

// The kinds of Event.
const (
	EventRelease        EventKind = "release"         // a release was fetched
	EventFile           EventKind = "file"            // a file of a files release was fetched
	EventList           EventKind = "list"            // a version list was fetched
	EventMaterialise    EventKind = "materialise"     // a file was put into the view
	EventPrecompress    EventKind = "precompress"     // a file had its turn to get compressed siblings
	EventSweep          EventKind = "sweep"           // the view was made to obey the rules
	EventProviderChange EventKind = "provider-change" // a name is served by another provider than before
	EventContentChange  EventKind = "content-change"  // a version has other content than before
)

// Config of a Registry.
type Config struct {
	Cache  *cache.Cache // the data directory; its owner closes it after the Registry
	Logger *slog.Logger // nil: discard
	// Observe is called from many goroutines at once; nil: nobody counts.
	Observe func(Event)
	// Now is the clock that lists and marks age by; nil: time.Now.
	Now func() time.Time
}

// Registry answers requests. Safe for concurrent use; make one with New.
type Registry struct {
	cache   *cache.Cache
	log     *slog.Logger
	observe func(Event)
	now     func() time.Time
	gen     atomic.Pointer[Generation]

	stop       context.CancelFunc
	background sync.WaitGroup
	base       context.Context // the registry's own lifetime

	releases *flight.Group[string, *cache.Manifest] // by name@version
	files    *flight.Group[string, struct{}]        // by name@version/path
	refresh  *flight.Group[listFlight, *heldList]
	mains    *flight.Group[pkgref.Name, pkgref.Version]

	lookups lookups

	lists *lru.Map[listKey, *heldList]
	marks *lru.Map[string, error] // by name@version: why it cannot be had
	// assumed holds releases of which nothing tells yet that they exist, by
	// name@version.
	assumed *lru.Map[string, *cache.Manifest]

	compressor compressor
	owners     atomic.Value // string: Generation.owners that the cache obeys, or unswept

	settling settling
	watched  watch
	entries  *lru.Map[string, []string] // what package.json files name as their entry
}

// unswept is no Generation.owners.
const unswept = "?"

// New returns a registry that serves g.
func New(c Config, g *Generation) *Registry {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Observe == nil {
		c.Observe = func(Event) {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	base, stop := context.WithCancel(context.Background())
	r := &Registry{
		cache: c.Cache, log: c.Logger, observe: c.Observe, now: c.Now,
		base: base, stop: stop,
		releases: flight.New[string, *cache.Manifest](base),
		files:    flight.New[string, struct{}](base),
		refresh:  flight.New[listFlight, *heldList](base),
		mains:    flight.New[pkgref.Name, pkgref.Version](base),
		lists:    lru.New[listKey, *heldList](memoryVersions, c.Now),
		marks:    lru.New[string, error](memoryMarks, c.Now),
		entries:  lru.New[string, []string](memoryEntries, c.Now),
		assumed:  lru.New[string, *cache.Manifest](memoryMarks, c.Now),
	}
	r.compressor = newCompressor(c.Now)
	r.gen.Store(g)
	r.owners.Store(unswept)
	r.background.Go(func() { r.compress(base) })
	return r
}

// Generation returns what is in force.
func (r *Registry) Generation() *Generation { return r.gen.Load() }

// Swap puts g in force, takes out of the view what its rules deny, and evicts
// what came from others than the owners that g gives names, so that when it
// returns none of it can be served from disk any more. It returns what was
// taken out. Errors: outcome.Busy where the disk fails; g is in
// force even then.
func (r *Registry) Swap(g *Generation) (removed []string, err error) {
	// From here until the sweep is complete the view obeys no rules in
	// particular. A process that ends in between must not leave a fingerprint
	// that lets the next one skip its own sweep.
	unmarked := r.cache.ClearPolicyFingerprint()
	r.gen.Store(g)
	if r.base.Err() == nil {
		r.background.Go(r.watchHeld) // a provider may be new, and what it holds be old
	}
	r.marks.DeleteFunc(func(string) bool { return true })
	r.assumed.DeleteFunc(func(string) bool { return true })
	removed, err = r.sweep(g)
	return removed, errors.Join(unmarked, err)
}

// Start makes the view obey the rules, unless it already does: a fingerprint
// tells whether the last process had the same. Errors: as Swap.
func (r *Registry) Start() (removed []string, err error) {
	g := r.gen.Load()
	if r.cache.PolicyFingerprint() == g.obeys() {
		r.owners.Store(g.owners())
		return nil, nil
	}
	if err := r.cache.ClearPolicyFingerprint(); err != nil {
		return nil, err
	}
	return r.sweep(g)
}

func (r *Registry) sweep(g *Generation) ([]string, error) {
	start := time.Now()
	removed, err := r.sweepNow(g)
	r.observe(Event{Kind: EventSweep, Err: err, Items: len(removed), Duration: time.Since(start)})
	return removed, err
}

func (r *Registry) sweepNow(g *Generation) ([]string, error) {
	removed, err := r.cache.Sweep(func(name pkgref.Name, v pkgref.Version) bool {
		return g.Rules.Check(name, v) != nil
	})
	if r.owners.Load() != g.owners() {
		foreign, ferr := r.evictForeign(g)
		removed = append(removed, foreign...)
		err = errors.Join(err, ferr)
	}
	if err != nil {
		r.owners.Store(unswept)
		return removed, err
	}
	r.owners.Store(g.owners())
	return removed, r.cache.SetPolicyFingerprint(g.obeys())
}

// Close ends what runs in the background and waits for it. Requests that are
// still waiting are answered with outcome.Busy.
func (r *Registry) Close() {
	r.stop()
	r.background.Wait()
	r.releases.Wait()
	r.files.Wait()
	r.refresh.Wait()
	r.mains.Wait()
}

func ref(name pkgref.Name, v pkgref.Version) string { return string(name) + "@" + v.String() }
