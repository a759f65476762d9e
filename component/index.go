package component

import (
	"slices"
	"sync"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// Index answers which version of a component a host gets. It is made from hosts
// and versions in any order. Safe for concurrent use; make one with NewIndex.
type Index struct {
	mu       sync.RWMutex
	verdicts *verdicts
	denied   func(Name, pkgref.Version) bool // nil: nothing is
	hosts    []*host
	bytes    int64 // of what the hosts provide
	byID     map[uint32]*host
	parts    map[string]*part // by key of the name
}

type host struct {
	id   uint32
	at   int // in Index.hosts
	deps Dependencies
	need needs
}

// part is one component with its versions.
type part struct {
	name     Name
	versions []*release // as they came; what chosen counts in
	sorted   []*release // the highest first
	// chosen has for each host one more than the place of its version in
	// versions, and 0 where none is compatible. nil until somebody asks: hosts
	// times components are many.
	chosen []int32
}

type release struct {
	at      int // in part.versions
	version pkgref.Version
	need    needs
	deps    Dependencies
	denied  bool // no host gets it
}

// NewIndex returns an index of nothing.
func NewIndex() *Index {
	return &Index{verdicts: newVerdicts(), byID: map[uint32]*host{}, parts: map[string]*part{}}
}

// Choice is the version of a component that a host gets.
type Choice struct {
	Version    string     `json:"version"`    // exact
	Mismatches Mismatches `json:"mismatches"` // never nil
}

// AddHost makes the host known that provides d, and returns its id; added is
// false when it is known already. d is the index's from then on. Errors:
// ErrCollision when another host has the id.
func (x *Index) AddHost(d Dependencies) (id uint32, added bool, err error) {
	return x.addHost(d, 0, 0)
}

// addHost is AddHost as long as there are fewer hosts than most, and what they
// provide has fewer bytes; 0 is no bound. Errors: as AddHost; ErrTooManyHosts.
func (x *Index) addHost(d Dependencies, most int, bytes int64) (id uint32, added bool, err error) {
	id = HostID(d)
	x.mu.Lock()
	defer x.mu.Unlock()
	if known := x.byID[id]; known != nil {
		if !known.deps.Equal(d) {
			return id, false, collision(id)
		}
		return id, false, nil
	}
	size := d.size()
	if most > 0 && len(x.hosts) >= most || bytes > 0 && x.bytes+size > bytes {
		return id, false, outcome.New(ErrTooManyHosts, "there is no room for another host among the %d that are registered", len(x.hosts))
	}
	x.bytes += size
	h := &host{id: id, at: len(x.hosts), deps: d, need: x.verdicts.ranges(d)}
	x.byID[id] = h
	x.hosts = append(x.hosts, h)
	for _, p := range x.parts {
		if p.chosen != nil {
			p.chosen = append(p.chosen, x.best(p, h))
		}
	}
	return id, true, nil
}

// Host returns what the host of an id provides, which the caller must not
// change; ok is false when it is unknown.
func (x *Index) Host(id uint32) (d Dependencies, ok bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	h := x.byID[id]
	if h == nil {
		return nil, false
	}
	return h.deps, true
}

// AddVersion makes a version of a component known, and returns the hosts that
// get it from now on, with their mismatches; never nil. A version that is known
// already moves nobody. d is the index's from then on.
func (x *Index) AddVersion(n Name, v pkgref.Version, d Dependencies) map[uint32]Mismatches {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.part(n)
	moved := map[uint32]Mismatches{}
	if p.find(v) != nil {
		return moved
	}
	x.choose(p)
	r := x.add(p, v, d)
	if r.denied {
		return moved
	}
	for i, h := range x.hosts {
		if had := p.chosen[i]; had != 0 && p.versions[had-1].version.Compare(v) >= 0 {
			continue
		}
		if found, ok := x.verdicts.compare(h.need, r.need); ok {
			p.chosen[i] = int32(r.at + 1)
			moved[h.id] = found
		}
	}
	return moved
}

// Load is AddVersion for many versions at once, of which nobody asks whom they
// move.
func (x *Index) Load(n Name, v pkgref.Version, d Dependencies) {
	x.mu.Lock()
	defer x.mu.Unlock()
	p := x.part(n)
	if p.find(v) != nil {
		return
	}
	x.add(p, v, d)
	p.chosen = nil
}

// Deny takes from every host the versions that denied denies, now and when they
// are added, and gives back all others; nil denies nothing. It reports whether
// that changed anything.
func (x *Index) Deny(denied func(Name, pkgref.Version) bool) (changed bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.denied = denied
	for _, p := range x.parts {
		for _, r := range p.versions {
			if now := x.denies(p.name, r.version); now != r.denied {
				r.denied, p.chosen, changed = now, nil, true
			}
		}
	}
	return changed
}

func (x *Index) denies(n Name, v pkgref.Version) bool { return x.denied != nil && x.denied(n, v) }

func (x *Index) part(n Name) *part {
	p := x.parts[n.Key()]
	if p == nil {
		p = &part{name: n}
		x.parts[n.Key()] = p
	}
	return p
}

func (x *Index) add(p *part, v pkgref.Version, d Dependencies) *release {
	r := &release{at: len(p.versions), version: v, need: x.verdicts.ranges(d), deps: d, denied: x.denies(p.name, v)}
	p.versions = append(p.versions, r)
	at, _ := slices.BinarySearchFunc(p.sorted, r, func(a, b *release) int { return b.version.Compare(a.version) })
	p.sorted = slices.Insert(p.sorted, at, r)
	return r
}

func (p *part) find(v pkgref.Version) *release {
	for _, r := range p.versions {
		if r.version.Compare(v) == 0 {
			return r
		}
	}
	return nil
}

// best is the place of the highest compatible version, plus one.
func (x *Index) best(p *part, h *host) int32 {
	for _, r := range p.sorted {
		if !r.denied && x.verdicts.compatible(h.need, r.need) {
			return int32(r.at + 1)
		}
	}
	return 0
}

// choose fills p.chosen. The caller holds the lock for writing.
func (x *Index) choose(p *part) {
	if p.chosen != nil {
		return
	}
	p.chosen = make([]int32, len(x.hosts), len(x.hosts)+16)
	for i, h := range x.hosts {
		p.chosen[i] = x.best(p, h)
	}
}

// Lookup returns the version of a component that a host gets, in constant time
// but for the first question about a component. Errors: ErrUnknownHost,
// ErrNoComponent.
func (x *Index) Lookup(id uint32, n Name) (pkgref.Version, error) {
	x.mu.RLock()
	v, ready, err := x.lookup(id, n)
	x.mu.RUnlock()
	if err != nil || ready {
		return v, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.choose(x.parts[n.Key()])
	v, _, err = x.lookup(id, n)
	return v, err
}

// lookup looks at what is there; ready is false when p.chosen must be made.
func (x *Index) lookup(id uint32, n Name) (v pkgref.Version, ready bool, err error) {
	h := x.byID[id]
	if h == nil {
		return v, true, outcome.New(ErrUnknownHost, "no host has the id %d: register it", id)
	}
	p := x.parts[n.Key()]
	if p == nil || p.chosen != nil && p.chosen[h.at] == 0 {
		return v, true, outcome.New(ErrNoComponent, "no version of %s is compatible with this host", n)
	}
	if p.chosen == nil {
		return v, false, nil
	}
	return p.versions[p.chosen[h.at]-1].version, true, nil
}

// Has returns the version with which v is equal by precedence. Errors:
// ErrNoComponent.
func (x *Index) Has(n Name, v pkgref.Version) (pkgref.Version, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if p := x.parts[n.Key()]; p != nil {
		if r := p.find(v); r != nil {
			return r.version, nil
		}
	}
	return pkgref.Version{}, outcome.New(ErrNoComponent, "%s has no version %s", n, v)
}

// Choices returns what a host gets, by the display names of components. Errors:
// ErrUnknownHost.
func (x *Index) Choices(id uint32) (map[string]Choice, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	h := x.byID[id]
	if h == nil {
		return nil, outcome.New(ErrUnknownHost, "no host has the id %d: register it", id)
	}
	chosen := make(map[string]Choice, len(x.parts))
	for _, p := range x.parts {
		at := x.choice(p, h)
		if at == 0 {
			continue
		}
		r := p.versions[at-1]
		found, _ := x.verdicts.compare(h.need, r.need)
		chosen[p.name.String()] = Choice{Version: r.version.String(), Mismatches: found}
	}
	return chosen, nil
}

// Listed is one component as lists have it.
type Listed struct {
	Name     string          `json:"name"`     // as it was spelled first
	Versions []ListedVersion `json:"versions"` // the highest first
}

// ListedVersion is one version of a component.
type ListedVersion struct {
	Version      string       `json:"version"`      // exact
	Dependencies Dependencies `json:"dependencies"` // never nil
}

// List returns all components, by name, without what is denied.
func (x *Index) List() []Listed {
	x.mu.RLock()
	defer x.mu.RUnlock()
	list := make([]Listed, 0, len(x.parts))
	for _, p := range x.parts {
		l := Listed{Name: p.name.String()}
		for _, r := range p.sorted {
			if !r.denied {
				l.Versions = append(l.Versions, ListedVersion{Version: r.version.String(), Dependencies: r.deps})
			}
		}
		if len(l.Versions) > 0 {
			list = append(list, l)
		}
	}
	slices.SortFunc(list, func(a, b Listed) int { return compareASCII(a.Name, b.Name) })
	return list
}

// Size returns the numbers of hosts, components and versions.
func (x *Index) Size() (hosts, components, versions int) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, p := range x.parts {
		versions += len(p.versions)
	}
	return len(x.hosts), len(x.parts), versions
}

// Chosen returns the versions that a host gets, by name of the component; never
// nil.
func (x *Index) Chosen(id uint32) map[string]string {
	x.mu.Lock()
	defer x.mu.Unlock()
	chosen := map[string]string{}
	h := x.byID[id]
	if h == nil {
		return chosen
	}
	for _, p := range x.parts {
		if at := x.choice(p, h); at != 0 {
			chosen[p.name.String()] = p.versions[at-1].version.String()
		}
	}
	return chosen
}

// choice is what p.chosen has for h, or would have.
func (x *Index) choice(p *part, h *host) int32 {
	if p.chosen != nil {
		return p.chosen[h.at]
	}
	return x.best(p, h)
}
