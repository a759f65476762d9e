package registry

import (
	"context"
	"errors"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// A release is assumed when its source can tell that it exists only by giving
// one of its files. Until that happens it is known here in memory alone, and
// for as long as absence would be: otherwise whoever invents names could fill
// the disk with releases of nothing.

// assume keeps m for the next requests of the release.
func (r *Registry) assume(g *Generation, m *cache.Manifest) {
	if g.NegativeCacheTime > 0 {
		r.assumed.Put(m.Ref(), m, 1, g.NegativeCacheTime)
	}
}

// dropAssumed replaces what is held of a release by the assumption that it
// exists. In this order a file that was asked for before cannot be the first
// one of the release afterwards.
func (r *Registry) dropAssumed(g *Generation, m *cache.Manifest) error {
	r.assume(g, m)
	if err := r.cache.Evict(m.Name, m.Version); err != nil && !errors.Is(err, outcome.NotFound) {
		return err
	}
	return nil
}

// existing is Release, except that an assumed release does not exist.
func (r *Registry) existing(ctx context.Context, name pkgref.Name, v pkgref.Version) (*cache.Manifest, error) {
	m, err := r.Release(ctx, name, v)
	if err == nil && m.Assumed {
		return nil, outcome.New(outcome.NotFound, "nothing of %s was fetched yet, and its source does not tell what there is", m.Ref())
	}
	return m, err
}

// record pins a file that was fetched for m in the manifest of its release. The
// first file of an assumed release is what makes it held.
func (r *Registry) record(m *cache.Manifest, f cache.File) (*cache.Manifest, error) {
	if !m.Assumed {
		return r.cache.AddFile(m, f)
	}
	grown, err := r.cache.Begin(m, f, func() bool {
		now, ok := r.assumed.Get(m.Ref())
		return (!ok || now == m) && !r.gen.Load().foreign(m) // else it was flushed, or given to another owner
	})
	if err == nil && len(grown.Files()) == 1 {
		r.compareProviders(grown)
		r.watched.add(grown)
		r.log.Info("fetch", "pkg", m.Name, "version", m.Version.String(), "provider", m.Provider, "files", 1, "bytes", f.Size)
	}
	return grown, err
}
