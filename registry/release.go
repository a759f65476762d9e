package registry

import (
	"context"
	"errors"
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
		r.lookups.count(releaseAbsent)
		return nil, err
	}
	m, err := r.heldRelease(g, name, v)
	if err == nil {
		r.lookups.count(releaseHit)
		r.watched.add(m)
	}
	if !errors.Is(err, outcome.NotFound) {
		return m, err
	}
	if ttl := r.cache.AbsentFor(name, v, g.asks(name)); ttl > 0 && ttl <= g.NegativeCacheTime { // not one that a clock of before made
		err := outcome.New(outcome.NotFound, "%s does not exist", key)
		r.marks.Put(key, err, 1, ttl)
		r.lookups.count(releaseAbsent)
		return nil, err
	}
	if m, ok := r.assumed.Get(key); ok && !g.foreign(m) {
		r.lookups.count(releaseHit)
		return m, nil
	}
	r.lookups.count(releaseMiss)
	return r.fetch(ctx, name, v)
}

// fetch gets a release from its provider, in a flight that all concurrent
// callers share.
func (r *Registry) fetch(ctx context.Context, name pkgref.Name, v pkgref.Version) (*cache.Manifest, error) {
	key, g := ref(name, v), r.gen.Load()
	// Who comes after a reload does not wait for what asks other places than he would.
	return share(ctx, r.releases, key+" of "+g.asks(name), func(ctx context.Context) (*cache.Manifest, error) {
		ctx, cancel := context.WithTimeout(ctx, g.flightTime())
		defer cancel()
		// An earlier flight may have ended between the look-up and this one.
		if err, marked := r.marks.Get(key); marked {
			return nil, err
		}
		if m, err := r.heldRelease(g, name, v); !errors.Is(err, outcome.NotFound) {
			return m, err
		}
		if m, ok := r.assumed.Get(key); ok && !g.foreign(m) {
			return m, nil
		}
		m, err := r.fetchNow(ctx, g, wanted{name: name, version: v, lists: true})
		r.remember(g, name, v, err)
		if err != nil {
			return nil, err
		}
		if m.Assumed {
			r.assume(g, m)
			return m, nil
		}
		return r.holdFirst(m)
	})
}

// remember marks what is known not to be worth another question for a while:
// what is absent, and what was refused. Trouble is never remembered.
func (r *Registry) remember(g *Generation, name pkgref.Name, v pkgref.Version, err error) {
	absent := errors.Is(err, outcome.NotFound)
	if !absent && !errors.Is(err, outcome.Refused) {
		return
	}
	r.mark(g, ref(name, v), err)
	if _, herr := r.heldRelease(g, name, v); herr == nil {
		r.marks.Delete(ref(name, v)) // a flush found it meanwhile
		return
	}
	if absent && g.NegativeCacheTime > 0 {
		if err := r.cache.MarkAbsent(name, v, g.asks(name), g.NegativeCacheTime); err != nil {
			r.log.Warn("cannot keep a mark of absence", "pkg", name, "version", v.String(), "error", err)
		}
	}
}

// mark remembers for the negative time what key ends in; not at all where that
// time is 0, or where g is not in force any more.
func (r *Registry) mark(g *Generation, key string, err error) {
	if g.NegativeCacheTime > 0 && g == r.gen.Load() {
		r.marks.Put(key, err, 1, g.NegativeCacheTime)
	}
	if r.gen.Load() != g {
		r.marks.Delete(key) // others are asked by now, and know better
	}
}

// wanted is a release that is to be fetched.
type wanted struct {
	name    pkgref.Name
	version pkgref.Version
	// lists lets a held version list that knows where the tarball is spare the
	// question for the release itself.
	lists bool
	// accept, if set, is asked before the release is kept: what it returns an
	// error for leaves nothing behind.
	accept func(*cache.Manifest) error
}

func (w *wanted) ref() string { return ref(w.name, w.version) }

// source is a release together with the provider that described it.
type source struct {
	provider provider.Provider
	release  *provider.Release
	// doubted is set for what a list told and the provider may know better.
	doubted bool
}

// locate asks the chain for a release.
func (r *Registry) locate(ctx context.Context, g *Generation, w wanted) (source, error) {
	var found source
	err := g.Chain.Walk(ctx, w.name, w.version, r.traced(ctx, w.name, func(p provider.Provider) error {
		if err := r.mayAsk(p, w.name); err != nil {
			return err
		}
		releaser, can := p.(provider.Releaser)
		if w.lists || !can {
			if rel := r.releaseFromList(w.name, w.version, p); rel != nil {
				found = source{p, rel, can}
				return nil
			}
		}
		if !can {
			return outcome.NotFound
		}
		rel, err := releaser.Release(ctx, w.name, w.version)
		if err != nil {
			return &provider.Error{Provider: p.Name(), Op: "release", Ref: w.ref(), Err: err}
		}
		found = source{p, rel, false}
		return nil
	}))
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
// held: the caller does. A list may be older than the release it speaks of, so
// where its tarball cannot be had or is another one, the provider is asked itself.
func (r *Registry) fetchNow(ctx context.Context, g *Generation, w wanted) (*cache.Manifest, error) {
	ctx, end := provider.WithSession(ctx)
	defer end()
	src, err := r.locate(ctx, g, w)
	if err != nil {
		return nil, err
	}
	if err := r.mayAsk(src.provider, w.name); err != nil {
		return nil, err
	}
	m, err := r.takeNow(ctx, g, w, src)
	if src.doubted && (errors.Is(err, errDigest) || errors.Is(err, outcome.Unavailable)) {
		w.lists = false
		return r.fetchNow(ctx, g, w)
	}
	return m, err
}

// takeNow is take, counted and logged.
func (r *Registry) takeNow(ctx context.Context, g *Generation, w wanted, src source) (*cache.Manifest, error) {
	start := time.Now()
	m, err := r.take(ctx, g, w, src)
	if err == nil && m.Assumed {
		return m, nil // nothing was fetched
	}
	event := Event{Kind: EventRelease, Provider: src.provider.Name(), Err: err, Duration: time.Since(start)}
	if m != nil {
		event.Bytes = m.BlobSize
	}
	if err == nil {
		event.Items = len(m.Files())
	}
	if err == nil && m.Archive() {
		event.Unpacked = m.Unpacked()
	}
	r.observe(event)
	if err != nil {
		err = &provider.Error{Provider: src.provider.Name(), Op: "fetch", Ref: w.ref(), Err: err}
		r.log.Warn("fetch failed", "pkg", w.name, "version", w.version.String(), "provider", src.provider.Name(), "error", err)
		return nil, err
	}
	r.log.Info("fetch", "pkg", w.name, "version", w.version.String(), "provider", src.provider.Name(),
		"files", len(m.Files()), "bytes", event.Bytes, "dur_ms", event.Duration.Milliseconds())
	return m, nil
}
