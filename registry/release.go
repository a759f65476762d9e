package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

// Release returns the manifest of an exact version: what is held of it, or
// fetched now and verified whole. Errors: outcome.Forbidden or outcome.Declined
// by a rule; outcome.NotFound; outcome.Refused; outcome.Unavailable,
// outcome.TooSlow, outcome.Busy.
func (r *Registry) Release(ctx context.Context, name pkgref.Name, v pkgref.Version) (*cache.Manifest, error) {
	g := r.gen.Load()
	if err := g.Rules.Check(name, v); err != nil {
		return nil, err
	}
	key := ref(name, v)
	if err, marked := r.marks.Get(key); marked {
		return nil, err
	}
	m, err := r.cache.Manifest(name, v)
	if err == nil {
		r.watched.add(m)
	}
	if !errors.Is(err, outcome.NotFound) {
		return m, err
	}
	if ttl := r.cache.AbsentFor(name, v); ttl > 0 {
		err := outcome.New(outcome.NotFound, "%s does not exist", key)
		r.marks.Put(key, err, 1, ttl)
		return nil, err
	}
	if m, ok := r.assumed.Get(key); ok {
		return m, nil
	}
	return r.fetch(ctx, name, v)
}

// fetch gets a release from its provider, in a flight that all concurrent
// callers share.
func (r *Registry) fetch(ctx context.Context, name pkgref.Name, v pkgref.Version) (*cache.Manifest, error) {
	key := ref(name, v)
	m, _, err := r.releases.Do(ctx, key, func(ctx context.Context) (*cache.Manifest, error) {
		ctx, cancel := context.WithTimeout(ctx, r.timeout)
		defer cancel()
		g := r.gen.Load()
		// An earlier flight may have ended between the look-up and this one.
		if m, err := r.cache.Manifest(name, v); !errors.Is(err, outcome.NotFound) {
			return m, err
		}
		if m, ok := r.assumed.Get(key); ok {
			return m, nil
		}
		m, err := r.fetchNow(ctx, g, name, v)
		r.remember(g, name, v, err)
		if err != nil {
			return m, err
		}
		if m.Assumed {
			r.assume(g, m)
			return m, nil
		}
		r.compareProviders(m)
		r.watched.add(m)
		return m, r.cache.PutManifest(m)
	})
	return m, err
}

// remember marks what is known not to be worth another question for a while:
// what is absent, and what was refused. Trouble is never remembered.
func (r *Registry) remember(g *Generation, name pkgref.Name, v pkgref.Version, err error) {
	absent := errors.Is(err, outcome.NotFound)
	if !absent && !errors.Is(err, outcome.Refused) {
		return
	}
	r.marks.Put(ref(name, v), err, 1, g.NegativeCacheTime)
	if absent {
		if err := r.cache.MarkAbsent(name, v, g.NegativeCacheTime); err != nil {
			r.log.Warn("cannot keep a mark of absence", "pkg", name, "version", v.String(), "error", err)
		}
	}
}

// source is a release together with the provider that described it.
type source struct {
	provider provider.Provider
	release  *provider.Release
}

// locate asks the chain for a release. A held version list that knows where
// the tarball is spares the question.
func (r *Registry) locate(ctx context.Context, g *Generation, name pkgref.Name, v pkgref.Version) (source, error) {
	var found source
	err := g.Chain.Walk(ctx, name, v, func(p provider.Provider) error {
		if rel := r.releaseFromList(name, v, p); rel != nil {
			found = source{p, rel}
			return nil
		}
		releaser, ok := p.(provider.Releaser)
		if !ok {
			return outcome.NotFound
		}
		rel, err := releaser.Release(ctx, name, v)
		if err != nil {
			return &provider.Error{Provider: p.Name(), Op: "release", Ref: ref(name, v), Err: err}
		}
		found = source{p, rel}
		return nil
	})
	return found, err
}

func (r *Registry) releaseFromList(name pkgref.Name, v pkgref.Version, p provider.Provider) *provider.Release {
	held, ok := r.heldList(name, p)
	if !ok || held.versions == nil {
		return nil
	}
	i := held.versions.Index(v.String())
	if i < 0 || held.versions.List[i].Archive == nil {
		return nil
	}
	listed := held.versions.List[i]
	return &provider.Release{Name: name, Version: v, Published: listed.Published, Archive: listed.Archive}
}

// fetchNow locates a release and takes it in, but does not make it what is
// held: the caller does, with PutManifest or Replace.
func (r *Registry) fetchNow(ctx context.Context, g *Generation, name pkgref.Name, v pkgref.Version) (*cache.Manifest, error) {
	src, err := r.locate(ctx, g, name, v)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	m, err := r.take(ctx, g, src)
	if err == nil && m.Assumed {
		return m, nil // nothing was fetched
	}
	event := Event{Kind: EventRelease, Provider: src.provider.Name(), Err: err, Duration: time.Since(start)}
	if m != nil {
		event.Bytes = m.BlobSize
	}
	r.observe(event)
	if err != nil {
		err = &provider.Error{Provider: src.provider.Name(), Op: "fetch", Ref: ref(name, v), Err: err}
		r.log.Warn("fetch failed", "pkg", name, "version", v.String(), "provider", src.provider.Name(), "error", err)
		return nil, err
	}
	r.log.Info("fetch", "pkg", name, "version", v.String(), "provider", src.provider.Name(),
		"files", len(m.Files()), "bytes", event.Bytes, "dur_ms", event.Duration.Milliseconds())
	return m, nil
}

func (r *Registry) take(ctx context.Context, g *Generation, src source) (*cache.Manifest, error) {
	m := &cache.Manifest{
		Name: src.release.Name, Version: src.release.Version, Provider: src.provider.Name(),
		Published: src.release.Published, Fetched: r.now().UTC(), State: src.release.State,
	}
	if src.release.Archive == nil {
		return takeFiles(m, src.release.Files)
	}
	m, err := r.takeArchive(ctx, g, src, m)
	if errors.Is(err, errDigest) {
		// A damaged download looks like a wrong one; ask once more before saying so.
		m, err = r.takeArchive(ctx, g, src, m)
	}
	return m, err
}

// errDigest marks a refusal because of the tarball's digest.
var errDigest = errors.New("digest mismatch")

func (r *Registry) takeArchive(ctx context.Context, g *Generation, src source, m *cache.Manifest) (*cache.Manifest, error) {
	opener, ok := src.provider.(provider.ArchiveOpener)
	if !ok {
		return m, fmt.Errorf("provider %s describes an archive and cannot open it", src.provider.Name())
	}
	body, err := opener.OpenArchive(ctx, src.release)
	if err != nil {
		return m, lost(err)
	}
	defer body.Close()
	integrity := src.release.Archive.Integrity
	staged, err := r.cache.Ingest(body, cache.Tarball{
		Limits: g.Archive, MaxBytes: g.MaxBytes, Hash: integrity.Hash(), Check: func(sum []byte) error {
			if err := integrity.Verify(sum); err != nil {
				return fmt.Errorf("%w: %w", errDigest, err)
			}
			return nil
		},
	})
	if err != nil {
		return m, err
	}
	m.Integrity, m.Generated = integrity.String(), src.release.Archive.Generated
	return staged.Commit(m)
}

// lost turns "the tarball is not there" into trouble: its release exists, so
// upstream contradicts itself.
func lost(err error) error {
	if errors.Is(err, outcome.NotFound) {
		return outcome.New(outcome.Unavailable, "the release is listed but its bytes are not there: %v", err)
	}
	return err
}

func takeFiles(m *cache.Manifest, files *provider.Files) (*cache.Manifest, error) {
	if files == nil {
		return nil, outcome.New(outcome.Unavailable, "release has neither archive nor files")
	}
	m.Open, m.Assumed = files.Open, files.Open && files.Assumed
	list := make([]cache.File, len(files.List))
	for i, f := range files.List {
		list[i] = cache.File{Path: f.Path, Size: f.Size, SHA256: knownSHA256(f.Integrity)}
		if list[i].SHA256.IsZero() {
			list[i].Integrity = f.Integrity.String()
		}
	}
	return m.WithFiles(list), nil
}

// compareProviders raises the alarm when a name comes from elsewhere than
// before: that is what a dependency confusion looks like.
func (r *Registry) compareProviders(m *cache.Manifest) {
	for _, v := range r.cache.Held(m.Name) {
		held, err := r.cache.Manifest(m.Name, v)
		if err != nil || held.Version.String() == m.Version.String() {
			continue
		}
		if held.Provider != m.Provider {
			r.observe(Event{Kind: EventProviderChange, Provider: m.Provider})
			r.log.Warn("package is served by another provider than before", "pkg", m.Name,
				"version", m.Version.String(), "provider", m.Provider, "before", held.Provider, "held", v.String())
		}
		return
	}
}
