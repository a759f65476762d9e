package plugin

import (
	"cmp"
	"encoding/json"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/lru"
	"github.com/registryd/registryd/internal/outcome"
)

// DefaultBudget is how much memory, in bytes, all instances of all plugins may come to where nobody says otherwise.
const DefaultBudget = 2 << 30

// Config of a Manager.
type Config struct {
	// Engines by name: EngineJS, EngineProcess. A plugin of another one is not loaded.
	Engines map[string]Engine
	// Accept is asked for every plugin before it is put in force: for what it offers, beside all others that will be
	// in force with it. What it returns is why the plugin is not loaded. nil: everything is accepted.
	Accept func(p *Candidate, others []*Candidate) error
	// VerifySRI compares data with a Subresource Integrity text. Required.
	VerifySRI func(integrity string, data []byte) (bool, error)
	// Env reads the environment; nil: os.LookupEnv.
	Env func(name string) (value string, ok bool)
	// Logger; nil: discard.
	Logger *slog.Logger
	// Now is the clock that caches, idle instances, the breaker and the bound of logs go by; nil: time.Now.
	Now func() time.Time
}

// Settings are what a reload may change.
type Settings struct {
	// Dir is the directory of plugins; "": there are none.
	Dir string
	// Only is the one entry of Dir that is looked at; "": all.
	Only string
	// Modules is a directory of plugins of kind module, which need no manifest; "": there are none. A directory of
	// it has code, a module.yaml, or both.
	Modules string
	// Budget bounds, in bytes, the memory of all instances that may exist while a reload drains; 0: DefaultBudget.
	Budget int64
	// Strict makes plugins that do not load an error of the whole, and a filter that matches nothing.
	Strict bool
	// StrictModules is Strict for what lies in Modules.
	StrictModules bool
	// Drain is how long calls of an old generation may go on; 0: 30 s.
	Drain time.Duration
	// Fetch is how clients of plugins are built; Trusted is of no account.
	Fetch fetch.Config
}

// Candidate is a plugin that is about to be put in force.
type Candidate struct {
	Manifest Manifest    // with its kind
	Offers   Description // of its code
	Path     string      // where it lies
	Dir      string      // of its code, without links

	g *generation
}

// Enter takes a lease of this very generation, in force or not; false when it has ended. The caller gives it back.
func (c *Candidate) Enter() (*Lease, bool) {
	if c.g == nil || !c.g.enter() {
		return nil, false
	}
	return &Lease{g: c.g}, true
}

// Key is equal for all candidates of one generation, and for no others.
func (c *Candidate) Key() any { return c.g }

// Manager loads plugins and replaces them while they are used. Safe for concurrent use; make one with NewManager,
// load by Reload, and revoke it.
type Manager struct {
	config   Config
	snapshot atomic.Pointer[snapshot]

	changing sync.Mutex // held by whoever prepares a change, until he is done
	settings Settings   // under changing; those of the change that is prepared, if one is
	revoked  bool       // under changing

	mu     sync.Mutex
	stats  map[string]*stats
	caches map[string]shared // by name
	failed []Failure         // of the last change
	alive  sync.WaitGroup
}

// snapshot is what is in force. It is not changed.
type snapshot struct {
	slots map[string]*generation // by name
}

// NewManager returns a manager without plugins.
func NewManager(c Config) *Manager {
	if c.Env == nil {
		c.Env = os.LookupEnv
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	m := &Manager{config: c, stats: map[string]*stats{}, caches: map[string]shared{}}
	m.snapshot.Store(&snapshot{slots: map[string]*generation{}})
	return m
}

// Enter takes a lease of the plugin's generation that is in force. The caller gives it back.
// Errors: outcome.Unavailable when there is none of that name.
func (m *Manager) Enter(name string) (*Lease, error) {
	for {
		g := m.snapshot.Load().slots[name]
		if g == nil {
			return nil, outcome.New(outcome.Unavailable, "plugin %s is not loaded", name)
		}
		// Lost against a swap: the snapshot is another one by now.
		if g.enter() {
			return &Lease{g: g}, nil
		}
	}
}

// Code tells the code that a plugin's generation in force was made of, by a digest of all its files, the manifest among
// them; "" when there is none of that name.
func (m *Manager) Code(name string) string {
	if g := m.snapshot.Load().slots[name]; g != nil {
		return g.hash
	}
	return ""
}

// Loaded lists what is in force, by name.
func (m *Manager) Loaded() []Candidate { return candidates(m.snapshot.Load().slots) }

func candidates(slots map[string]*generation) []Candidate {
	list := make([]Candidate, 0, len(slots))
	for _, name := range sortedNames(slots) {
		list = append(list, *slots[name].candidate())
	}
	return list
}

func (g *generation) candidate() *Candidate {
	return &Candidate{Manifest: g.manifest, Offers: g.offers, Path: g.unit.path, Dir: g.unit.dir, g: g}
}

// Revoke takes everything out of force and waits until it has ended, calls in flight for as long as Settings.Drain at
// most. It is idempotent; nothing can be loaded any more.
func (m *Manager) Revoke() {
	m.changing.Lock()
	m.revoked = true
	old := m.snapshot.Swap(&snapshot{})
	drain := m.settings.drain()
	m.changing.Unlock()
	for _, g := range old.slots {
		g.retire(drain)
	}
	m.await(drain + cutTime)
}

// cutTime is how long calls that were cut off get to notice.
const cutTime = 5 * time.Second

// await waits until all generations have ended, at most for d.
func (m *Manager) await(d time.Duration) {
	ended := make(chan struct{})
	go func() {
		m.alive.Wait()
		close(ended)
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		m.config.Logger.Error("plugins still answer calls, nobody waits for them any more")
	}
}

func (s Settings) drain() time.Duration { return cmp.Or(s.Drain, 30*time.Second) }

func (s Settings) budget() int64 { return cmp.Or(s.Budget, DefaultBudget) }

func (m *Manager) statsOf(name string) *stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	st := m.stats[name]
	if st == nil {
		st = &stats{}
		m.stats[name] = st
	}
	return st
}

// sharedOf is what the generations of a plugin have in common, as far as this one may use it.
func (m *Manager) sharedOf(manifest *Manifest) shared {
	m.mu.Lock()
	defer m.mu.Unlock()
	c, ok := m.caches[manifest.Name]
	if !ok {
		c = shared{cache: lru.New[string, json.RawMessage](cacheBytes, m.config.Now), answers: newAnswers(m.config.Now)}
		m.caches[manifest.Name] = c
	}
	if !manifest.Capabilities.Cache {
		c.cache = nil
	}
	return c
}

// forget drops the caches of plugins that are gone.
func (m *Manager) forget(s *snapshot) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.caches {
		if s.slots[name] == nil {
			delete(m.caches, name)
		}
	}
}

// Status is how one plugin does.
type Status struct {
	Name       string    `json:"name"`        // of the plugin
	Path       string    `json:"path"`        // where it lies
	Kind       Kind      `json:"kind"`        // what it is for
	Engine     string    `json:"engine"`      // what runs it
	Disabled   bool      `json:"disabled"`    // its operations are switched off
	Generation uint64    `json:"generation"`  // from 1; 0: it is not loaded
	Loaded     time.Time `json:"loaded"`      // when the generation was put in force; zero: it is not loaded
	AgeSeconds int64     `json:"age_seconds"` // since Loaded
	InFlight   int64     `json:"in_flight"`   // calls
	Leases     int64     `json:"leases"`      // requests that are bound to the generation
	Instances  int       `json:"instances"`   // that exist
	Idle       int       `json:"idle"`        // of these
	Calls      int64     `json:"calls"`       // of all generations, and so on
	Failures   int64     `json:"failures"`    // other than what the plugin meant to refuse
	Limits     int64     `json:"limits"`      // calls that were stopped by a limit
	Drained    int64     `json:"drained"`     // generations that ended
	Forced     int64     `json:"forced"`      // of these, those whose calls were cut off
	DrainMS    int64     `json:"drain_ms"`    // how long the last one took to end
	// LastError is what failed last, a call or a load; "": nothing yet.
	LastError   string    `json:"last_error,omitempty"`
	LastErrorAt time.Time `json:"last_error_at,omitzero"` // when
}

// Status tells how all plugins do, those that did not load included, by name.
func (m *Manager) Status() []Status {
	s := m.snapshot.Load()
	var list []Status
	for _, name := range sortedNames(s.slots) {
		list = append(list, m.status(s.slots[name]))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.failed {
		if g := s.slots[f.Name]; g == nil || g.unit.path != f.Path {
			list = append(list, Status{Name: f.Name, Path: f.Path, LastError: f.Error})
		}
	}
	return list
}

func (m *Manager) status(g *generation) Status {
	total, idle := g.pool.instances()
	text, at := g.stats.lastFailure()
	return Status{
		Name: g.manifest.Name, Path: g.unit.path, Kind: g.manifest.Kind, Engine: g.manifest.Engine,
		Generation: g.number, Loaded: g.born, AgeSeconds: int64(time.Since(g.born).Seconds()),
		InFlight: g.inFlight.Load(), Leases: g.refs.Load() - 1, Instances: total, Idle: idle,
		Calls: g.stats.calls.Load(), Failures: g.stats.failures.Load(), Limits: g.stats.limits.Load(),
		Drained: g.stats.drained.Load(), Forced: g.stats.forced.Load(), DrainMS: g.stats.detachedAfter.Load(),
		LastError: text, LastErrorAt: at,
	}
}

// wait lets Revoke wait for a generation.
func (m *Manager) wait(g *generation) { m.alive.Go(func() { <-g.done }) }
