package registry

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

// watch is the set of held releases whose source a person may edit. nginx
// serves them without asking, so somebody has to look.
type watch struct {
	mu       sync.Mutex
	releases map[string]*cache.Manifest // by name@version
}

// add watches a release, unless its source cannot change it any more.
func (w *watch) add(m *cache.Manifest) {
	if m.State == "" {
		w.remove(m.Ref())
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.releases == nil {
		w.releases = map[string]*cache.Manifest{}
	}
	w.releases[m.Ref()] = m
}

func (w *watch) remove(ref string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.releases, ref)
}

func (w *watch) all() []*cache.Manifest {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []*cache.Manifest
	for _, m := range w.releases {
		all = append(all, m)
	}
	return all
}

// Watch compares, until ctx ends, the held releases of sources that a person
// edits with those sources, as often as each of them says, and flushes what
// changed. It begins with what an earlier process left in the view.
func (r *Registry) Watch(ctx context.Context) {
	r.watchHeld()
	last := map[string]time.Time{} // by provider
	tick := time.NewTicker(rescanTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			r.rescan(ctx, last, now)
		}
	}
}

// rescanTick is the resolution of Rescan intervals.
const rescanTick = 250 * time.Millisecond

// watchHeld finds the releases to watch among what is held, if any provider
// has something to compare.
func (r *Registry) watchHeld() {
	g := r.gen.Load()
	for _, e := range g.Chain.Entries() {
		if _, ok := e.Provider.(provider.Rescanner); !ok {
			continue
		}
		for _, name := range r.cache.Names() {
			if !asksProvider(g.Chain, name, e.Provider.Name()) {
				continue
			}
			for _, v := range r.cache.Held(name) {
				if m, err := r.cache.Manifest(name, v); err == nil {
					r.watched.add(m)
				}
			}
		}
	}
}

func asksProvider(c *provider.Chain, name pkgref.Name, provider string) bool {
	for _, e := range c.For(name) {
		if e.Provider.Name() == provider {
			return true
		}
	}
	return false
}

func (r *Registry) rescan(ctx context.Context, last map[string]time.Time, now time.Time) {
	g := r.gen.Load()
	due := map[string]provider.Rescanner{}
	for _, e := range g.Chain.Entries() {
		name := e.Provider.Name()
		if p, ok := e.Provider.(provider.Rescanner); ok && now.Sub(last[name]) >= p.Rescan() {
			due[name], last[name] = p, now
		}
	}
	if len(due) == 0 {
		return
	}
	for _, m := range r.watched.all() {
		if p, ok := due[m.Provider]; ok && ctx.Err() == nil {
			r.compareSource(ctx, p, m)
		}
	}
}

// compareSource flushes a release that changed, and evicts one that is gone.
func (r *Registry) compareSource(ctx context.Context, p provider.Rescanner, m *cache.Manifest) {
	changed, err := asked(ctx, p, m)
	if err == nil && !changed {
		return
	}
	if err == nil {
		r.forgetMarks(m.Name)
		err = r.flushRelease(ctx, m.Name, m.Version)
		r.forgetMarks(m.Name) // those, too, that came while it was read
	}
	switch {
	case err == nil:
		r.log.Info("release changed at its source and was taken over anew", "pkg", m.Name, "version", m.Version.String(), "provider", m.Provider)
	case errors.Is(err, outcome.Forbidden), errors.Is(err, outcome.Declined):
		r.watched.remove(m.Ref()) // it left the view; whoever may ask again watches again
	case errors.Is(err, outcome.NotFound):
		r.watched.remove(m.Ref())
		_, err := r.Evict(m.Name, m.Version)
		r.log.Info("release vanished at its source and was evicted", "pkg", m.Name, "version", m.Version.String(), "provider", m.Provider, "error", err)
	case ctx.Err() == nil:
		r.log.Warn("cannot compare a release with its source", "pkg", m.Name, "version", m.Version.String(), "provider", m.Provider, "error", err)
	}
}

// asked is Changed of a provider that may be somebody else's: its panic must not
// end the daemon, as it does not in a request.
func asked(ctx context.Context, p provider.Rescanner, m *cache.Manifest) (changed bool, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = outcome.New(outcome.Unavailable, "its provider panics: %v", v)
		}
	}()
	return p.Changed(ctx, m.Name, m.Version, m.State)
}
