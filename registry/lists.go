package registry

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

// lister is a provider that can list versions.
type lister interface {
	provider.Provider
	provider.Versioner
}

type listKey struct {
	name     pkgref.Name
	provider string
}

// listFlight is what callers of a list share: who comes after a reload does not
// wait for what asks another place than he would.
type listFlight struct {
	listKey
	source string // see listSource
}

// heldList is one provider's version list of one package, or the knowledge
// that it has none. All but refreshing and ranges is immutable.
type heldList struct {
	versions   *provider.Versions // nil: the provider does not have the package
	source     string             // where it came from, see listSource
	fetched    time.Time
	refreshing atomic.Bool
	ranges     rangeMemo
}

// age is how old the list is. A list from the future, after a clock was set
// back, counts as old: it would stay fresh for ever.
func (h *heldList) age(now time.Time) time.Duration {
	if d := now.Sub(h.fetched); d >= 0 {
		return d
	}
	return 1 << 62
}

// versionBytes is what one version of a list takes in memory, about.
const versionBytes = 500

// cost is what a list counts for in memory, in versions. Texts are upstream's,
// who may make them long. The largest list counts for less than all of the
// memory, or it would be read from disk for every request.
func (h *heldList) cost() int {
	if h.versions == nil {
		return 1
	}
	texts := 0
	for tag := range h.versions.Tags {
		texts += len(tag)
	}
	for i := range h.versions.List {
		if a := h.versions.List[i].Archive; a != nil {
			texts += max(0, len(a.URL)-versionBytes/2)
		}
	}
	return min(4+len(h.versions.List)+texts/versionBytes, memoryVersions/4*3)
}

// sourceOf tells where p gets name from, "" if it does not say.
func sourceOf(p provider.Provider, name pkgref.Name) string {
	if s, ok := p.(provider.Sourcer); ok {
		return s.Source(name)
	}
	return ""
}

// listSource tells who says what versions p has of name: the source, and the code that asks it where that can change.
func listSource(p provider.Provider, name pkgref.Name) string {
	if r, ok := p.(provider.Reviser); ok {
		return sourceOf(p, name) + r.Revision()
	}
	return sourceOf(p, name)
}

// heldList returns the list in memory or in the data directory, however old,
// unless the provider of that name asked somebody else then.
func (r *Registry) heldList(name pkgref.Name, p provider.Provider) (*heldList, bool) {
	key := listKey{name, p.Name()}
	if held, ok := r.lists.Get(key); ok && held.source == listSource(p, name) {
		return held, true
	}
	data, err := r.cache.List(name, p.Name())
	if err != nil {
		return nil, false
	}
	held, err := decodeList(name, data)
	if err != nil {
		r.log.Warn("state file is unreadable and counts as absent", "pkg", name, "provider", p.Name(), "error", err)
		return nil, false
	}
	if held.source != listSource(p, name) {
		return nil, false
	}
	r.lists.Put(key, held, held.cost(), 0)
	return held, true
}

// versions returns the version list of one provider: fresh, or stale within
// the bounds of the configuration. Errors: outcome.NotFound when the provider
// does not have the package; outcome.Unavailable, outcome.TooSlow, outcome.Busy.
func (r *Registry) versions(ctx context.Context, g *Generation, name pkgref.Name, p provider.Provider) (*heldList, error) {
	source, ok := p.(lister)
	if !ok {
		return nil, outcome.NotFound
	}
	held, ok := r.heldList(name, p)
	if !ok {
		return r.firstList(ctx, name, source)
	}
	age, ttl := held.age(r.now()), freshness(g, held, p)
	usable := held.versions != nil && age < ttl+g.StaleIfError
	_, failed := r.marks.Get(listMark(name, p)) // a moment ago: it would only cost time
	switch {
	case age < ttl:
		r.lookups.count(listHit)
		return held.result()
	case usable && failed:
		r.lookups.count(listStale)
		return held.result()
	case held.versions != nil && ttl == g.CacheTime && age < ttl+g.StaleWhileRevalidate:
		r.lookups.count(listStale)
		r.refreshBehind(held, name, source)
		return held.result()
	case !usable:
		return r.firstList(ctx, name, source)
	}
	fresh, err := r.refreshList(ctx, name, source)
	if err != nil && ctx.Err() == nil {
		r.log.Warn("serving a stale version list", "pkg", name, "provider", p.Name(), "age", age.Round(time.Second).String(), "error", err)
		r.lookups.count(listStale)
		return held.result()
	}
	r.lookups.count(listMiss)
	if err != nil {
		return nil, err
	}
	return fresh.result()
}

// listMark is where the failure to read a list is remembered.
func listMark(name pkgref.Name, p provider.Provider) string { return string(name) + "@ " + p.Name() }

// firstList reads a list in whose place nothing can be served. Of what failed
// only a refusal is remembered: it costs the whole document to come to it.
func (r *Registry) firstList(ctx context.Context, name pkgref.Name, p lister) (*heldList, error) {
	r.lookups.count(listMiss)
	if err, failed := r.marks.Get(listMark(name, p)); failed && errors.Is(err, outcome.Refused) {
		return nil, err
	}
	held, err := r.refreshList(ctx, name, p)
	if err != nil {
		return nil, err
	}
	return held.result()
}

// freshness is how long a list needs no other look. A source that a person
// edits by hand is near, and is expected to show what was put there.
func freshness(g *Generation, held *heldList, p provider.Provider) time.Duration {
	ttl := g.CacheTime
	if held.versions == nil {
		ttl = g.NegativeCacheTime
	}
	if s, ok := p.(provider.Rescanner); ok {
		ttl = min(ttl, s.Rescan())
	}
	return ttl
}

func (h *heldList) result() (*heldList, error) {
	if h.versions == nil {
		return nil, outcome.NotFound
	}
	return h, nil
}

// refreshBehind refreshes an expired list once while it is still served.
func (r *Registry) refreshBehind(held *heldList, name pkgref.Name, p lister) {
	if r.base.Err() != nil || !held.refreshing.CompareAndSwap(false, true) {
		return
	}
	r.background.Go(func() {
		defer held.refreshing.Store(false)
		if _, err := r.refreshList(r.base, name, p); err != nil {
			r.log.Warn("refresh of a version list failed", "pkg", name, "error", err)
		}
	})
}

// refreshList asks a provider for its list, in a flight that all concurrent
// callers share. That the provider does not have the package is a result.
func (r *Registry) refreshList(ctx context.Context, name pkgref.Name, p lister) (*heldList, error) {
	key, read := r.reading(name, p)
	return share(ctx, r.refresh, key, read)
}

// flushList is refreshList that shares nothing which began before it.
func (r *Registry) flushList(ctx context.Context, name pkgref.Name, p lister) (*heldList, error) {
	key, read := r.reading(name, p)
	return anew(ctx, r.refresh, key, read)
}

// reading is the work of reading a provider's list, and what it is shared by.
func (r *Registry) reading(name pkgref.Name, p lister) (listFlight, func(context.Context) (*heldList, error)) {
	key, g := listFlight{listKey{name, p.Name()}, listSource(p, name)}, r.gen.Load()
	return key, func(ctx context.Context) (*heldList, error) {
		ctx, cancel := context.WithTimeout(ctx, g.flightTime())
		defer cancel()
		ctx, end := provider.WithSession(ctx)
		defer end()
		start := time.Now()
		held, err := r.askList(ctx, key, p)
		r.observe(Event{Kind: EventList, Provider: key.provider, Err: err, Duration: time.Since(start)})
		if err != nil {
			err = &provider.Error{Provider: key.provider, Op: "versions", Ref: string(name), Err: err}
			if ctx.Err() == nil {
				r.mark(g, listMark(name, p), err)
			}
			return nil, err
		}
		r.marks.Delete(listMark(name, p))
		r.lists.Put(key.listKey, held, held.cost(), 0)
		return held, nil
	}
}

// askList asks for a list. It counts as one of the source that was there before the question: that one may be replaced
// meanwhile.
func (r *Registry) askList(ctx context.Context, of listFlight, p lister) (*heldList, error) {
	key, source := of.listKey, of.source
	old, _ := r.heldList(key.name, p)
	validator := ""
	if old != nil && old.versions != nil {
		validator = old.versions.Validator
	}
	if err := r.mayAsk(p, key.name); err != nil {
		return nil, err
	}
	vs, err := p.Versions(ctx, key.name, validator)
	switch {
	case errors.Is(err, provider.ErrNotModified) && old != nil:
		vs = old.versions
	case errors.Is(err, outcome.NotFound):
		if err := r.cache.DropList(key.name, key.provider); err != nil {
			r.log.Warn("cannot remove a version list", "pkg", key.name, "provider", key.provider, "error", err)
		}
		return &heldList{source: source, fetched: r.now()}, nil
	case err != nil:
		return nil, err
	}
	held := &heldList{versions: vs, source: source, fetched: r.now()}
	if old != nil && vs != old.versions {
		r.forgetMarks(key.name) // what was absent may be there by now
	}
	r.storeList(key, held)
	return held, nil
}

// storeList keeps a list for the next start. Without it the answer is still
// right, so a full disk does not fail the request.
func (r *Registry) storeList(key listKey, held *heldList) {
	data, err := encodeList(held)
	if err == nil {
		err = r.cache.PutList(key.name, key.provider, data)
	}
	if err != nil {
		r.log.Warn("cannot keep a version list", "pkg", key.name, "provider", key.provider, "error", err)
	}
}

// forgetLists drops what is remembered of a package's versions, in memory and
// on disk, so that the next request asks upstream.
func (r *Registry) forgetLists(name pkgref.Name) error {
	r.lists.DeleteFunc(func(k listKey) bool { return k.name == name })
	return r.cache.Forget(name)
}
