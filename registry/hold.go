package registry

import (
	"context"
	"errors"
	"hash/fnv"
	"sync"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/flight"
	"github.com/registryd/registryd/internal/outcome"
)

// share is flight.Group.Do for a request: work that ends with the registry is
// not work that the request itself gave up. Errors: outcome.Busy in that case,
// else as Do.
func share[K comparable, V any](ctx context.Context, g *flight.Group[K, V], key K, fn func(context.Context) (V, error)) (V, error) {
	v, _, err := join(ctx, g, key, fn)
	return v, err
}

// anew is share for who asks because something changed: what began before he
// asked may not have seen it.
func anew[K comparable, V any](ctx context.Context, g *flight.Group[K, V], key K, fn func(context.Context) (V, error)) (V, error) {
	v, shared, err := join(ctx, g, key, fn)
	if shared && ctx.Err() == nil {
		v, _, err = join(ctx, g, key, fn)
	}
	return v, err
}

func join[K comparable, V any](ctx context.Context, g *flight.Group[K, V], key K, fn func(context.Context) (V, error)) (V, bool, error) {
	v, shared, err := g.Do(ctx, key, fn)
	if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		err = outcome.Wrap(outcome.Busy, err, "the daemon ends")
	}
	return v, shared, err
}

// settling are the locks of what is held, by release: fetch, flush and refetch
// of one release may overlap, and each decides by what the others left.
type settling [64]sync.Mutex

func (s *settling) of(m *cache.Manifest) *sync.Mutex {
	h := fnv.New32a()
	_, _ = h.Write([]byte(m.Ref())) // a hash never fails
	return &s[h.Sum32()%uint32(len(s))]
}

// holdFirst makes a release held that was not when its fetch began. What a
// flush brought meanwhile is newer and stays.
func (r *Registry) holdFirst(m *cache.Manifest) (*cache.Manifest, error) {
	lock := r.settling.of(m)
	lock.Lock()
	defer lock.Unlock()
	if held, err := r.cache.Manifest(m.Name, m.Version); !errors.Is(err, outcome.NotFound) {
		return held, err
	}
	if err := r.refuseForeign(m); err != nil {
		return nil, err
	}
	r.compareProviders(m)
	if err := r.cache.PutManifest(m); err != nil {
		return nil, err
	}
	r.nowHeld(m)
	return m, nil
}

// holdNew makes m held in place of whatever is. The view keeps its files where
// they are right as they are.
func (r *Registry) holdNew(m *cache.Manifest) error {
	lock := r.settling.of(m)
	lock.Lock()
	defer lock.Unlock()
	if err := r.refuseForeign(m); err != nil {
		return err
	}
	r.compareProviders(m)
	held, err := r.cache.Manifest(m.Name, m.Version)
	if err == nil && held.Archive() && m.Archive() && held.Content() == m.Content() {
		err = r.cache.PutManifest(m)
	} else {
		err = r.cache.Replace(m)
	}
	if err == nil {
		r.nowHeld(m)
	}
	return err
}

// nowHeld is told of every release that is held from now on. Who asked before it
// was there may have marked it as absent.
func (r *Registry) nowHeld(m *cache.Manifest) {
	r.watched.add(m)
	r.marks.Delete(m.Ref())
}

// holdAgain makes m held, which has the content that before had. Errors:
// cache.ErrStale where something else is held by now.
func (r *Registry) holdAgain(m, before *cache.Manifest) error {
	lock := r.settling.of(m)
	lock.Lock()
	defer lock.Unlock()
	if err := r.refuseForeign(m); err != nil {
		return err
	}
	held, err := r.cache.Manifest(m.Name, m.Version)
	if errors.Is(err, outcome.NotFound) || err == nil && held.Content() != before.Content() {
		return cache.ErrStale
	}
	if err != nil {
		return err
	}
	return r.cache.PutManifest(m)
}

// compareProviders raises the alarm when a name comes from elsewhere than
// before: that is what a dependency confusion looks like.
func (r *Registry) compareProviders(m *cache.Manifest) {
	held := r.witness(m)
	if held == nil || held.Provider == m.Provider {
		return
	}
	r.observe(Event{Kind: EventProviderChange, Provider: m.Provider})
	r.log.Warn("package is served by another provider than before", "pkg", m.Name,
		"version", m.Version.String(), "provider", m.Provider, "before", held.Provider, "held", held.Version.String())
}

// witness returns the held release that tells where the package of m came from
// before: m's own version, if somebody else served it, else any other; nil if
// there is none.
func (r *Registry) witness(m *cache.Manifest) *cache.Manifest {
	if held, err := r.cache.Manifest(m.Name, m.Version); err == nil && held.Provider != m.Provider {
		return held
	}
	for _, v := range r.cache.Held(m.Name) {
		if v == m.Version {
			continue
		}
		if held, err := r.cache.Manifest(m.Name, v); err == nil {
			return held
		}
	}
	return nil
}
