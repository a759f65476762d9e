package registry

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider"
)

// gate asks the rules and owners that are in force at that moment, not those of
// when the request came in.
func (r *Registry) gate(m *cache.Manifest) cache.Gate {
	return func() error {
		g := r.gen.Load()
		if g.foreign(m) {
			return cache.ErrStale
		}
		return g.Rules.Check(m.Name, m.Version)
	}
}

// materialise sees to it that f is in the view and returns it with size and digest.
func (r *Registry) materialise(ctx context.Context, m *cache.Manifest, f cache.File) (cache.File, error) {
	start := time.Now()
	f, made, err := r.show(ctx, m, f)
	if err == nil {
		r.precompress(m, f)
	}
	if err == nil && !made {
		r.lookups.count(viewHit)
		return f, nil
	}
	r.lookups.count(viewMiss)
	r.observe(Event{Kind: EventMaterialise, Provider: m.Provider, Err: err, Bytes: f.Size, Duration: time.Since(start)})
	return f, err
}

// show is materialise, uncounted; made is false for what was in the view.
func (r *Registry) show(ctx context.Context, m *cache.Manifest, f cache.File) (shown cache.File, made bool, err error) {
	if !m.Archive() {
		return r.showLoose(ctx, m, f)
	}
	made, err = r.cache.Ensure(m, f, r.gate(m))
	if !errors.Is(err, cache.ErrDamaged) {
		return f, made, err
	}
	if err := r.refetch(ctx, m); err != nil {
		return f, false, err
	}
	if err := r.cache.Materialise(m, f, r.gate(m)); err != nil {
		if errors.Is(err, cache.ErrDamaged) {
			err = outcome.Wrap(outcome.Busy, err, "%s cannot be kept on this disk", m.Ref())
		}
		return f, false, err
	}
	return f, true, nil
}

// refetch gets the bytes of a held release again, after they were damaged or
// evicted. Other content than before is an alarm and is not taken over: only a
// flush replaces what is held.
func (r *Registry) refetch(ctx context.Context, m *cache.Manifest) error {
	key := m.Ref() + " again"
	if err, marked := r.marks.Get(key); marked {
		return err
	}
	_, err := share(ctx, r.releases, key, func(ctx context.Context) (*cache.Manifest, error) {
		ctx, cancel := context.WithTimeout(ctx, r.gen.Load().flightTime())
		defer cancel()
		g := r.gen.Load()
		n, err := r.fetchNow(ctx, g, wanted{name: m.Name, version: m.Version, lists: true, accept: func(n *cache.Manifest) error {
			if n.Content() == m.Content() {
				return nil
			}
			return r.otherContent(m, n.Provider, m.Ref())
		}})
		if err == nil && !n.Archive() { // files take the place of a tarball
			err = r.otherContent(m, n.Provider, m.Ref())
		}
		if errors.Is(err, outcome.Refused) {
			r.mark(g, key, err)
		}
		if err != nil {
			return nil, lost(err)
		}
		return n, r.holdAgain(n, m)
	})
	return err
}

// otherContent raises the alarm that what is a release, or one file of it, is
// not what it was. It returns the refusal.
func (r *Registry) otherContent(held *cache.Manifest, provider, what string) error {
	r.observe(Event{Kind: EventContentChange, Provider: provider})
	r.log.Error("upstream serves other content for a version that is held", "pkg", held.Name,
		"version", held.Version.String(), "provider", provider, "what", what)
	return outcome.New(outcome.Refused, "upstream serves other content for %s than before; flush %s to accept that", what, held.Ref())
}

// showLoose fetches one file of a files release into the view.
func (r *Registry) showLoose(ctx context.Context, m *cache.Manifest, f cache.File) (shown cache.File, made bool, err error) {
	if !f.SHA256.IsZero() {
		if there, err := r.cache.Present(m, f, r.gate(m)); there || err != nil {
			return f, false, err
		}
	}
	key := m.Ref() + "/" + f.Path
	_, err = share(ctx, r.files, key, func(ctx context.Context) (struct{}, error) {
		loose, grown, err := r.receive(ctx, m, f)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, loose.Show(grown, r.gate(m))
	})
	if err != nil {
		return f, false, err
	}
	held, err := r.cache.Manifest(m.Name, m.Version)
	if err != nil {
		return f, false, cache.ErrStale
	}
	if g, ok := held.File(f.Path); ok {
		return g, true, nil
	}
	return f, false, cache.ErrStale
}

// receive fetches one file of a files release and pins it in the manifest.
func (r *Registry) receive(ctx context.Context, m *cache.Manifest, f cache.File) (*cache.Loose, *cache.Manifest, error) {
	g := r.gen.Load()
	key := m.Ref() + "/" + f.Path
	if err, marked := r.marks.Get(key); marked {
		return nil, nil, err
	}
	start := time.Now()
	loose, grown, err := r.receiveNow(ctx, g, m, f)
	pinned := !f.SHA256.IsZero() || f.Integrity != ""
	if errors.Is(err, errBroken) || pinned && errors.Is(err, outcome.Refused) {
		loose, grown, err = r.receiveNow(ctx, g, m, f) // the way may be to blame
	}
	if errors.Is(err, outcome.Refused) && r.superseded(m, f) {
		err = cache.ErrStale // what it was compared with is not what is held
	}
	if errors.Is(err, outcome.Refused) && !f.SHA256.IsZero() && m.State == "" { // nobody edits it by hand
		err = r.otherContent(m, m.Provider, key)
	}
	event := Event{Kind: EventFile, Provider: m.Provider, Err: err, Duration: time.Since(start)}
	if err == nil {
		event.Bytes = loose.File.Size
	}
	r.observe(event)
	if errors.Is(err, outcome.NotFound) || errors.Is(err, outcome.Refused) {
		r.mark(g, key, err)
		if r.superseded(m, f) {
			r.marks.Delete(key) // it speaks of what is not held any more
		}
	}
	return loose, grown, err
}

// superseded reports whether f is not what the held manifest says of its path.
func (r *Registry) superseded(m *cache.Manifest, f cache.File) bool {
	held, err := r.cache.Manifest(m.Name, m.Version)
	if err != nil {
		return errors.Is(err, outcome.NotFound) && !m.Assumed
	}
	g, ok := held.File(f.Path)
	return ok != m.Has(f.Path) || g.SHA256 != f.SHA256 || g.Integrity != f.Integrity
}

func (r *Registry) receiveNow(ctx context.Context, g *Generation, m *cache.Manifest, f cache.File) (*cache.Loose, *cache.Manifest, error) {
	if g.foreign(m) {
		return nil, nil, cache.ErrStale
	}
	opener, ok := g.Chain.Named(m.Provider).(provider.FileOpener)
	if !ok {
		return nil, nil, outcome.New(outcome.Unavailable, "provider %s, which served %s, is not configured any more", m.Provider, m.Ref())
	}
	listed := m.Has(f.Path)
	if !listed && len(m.Files()) >= g.Archive.Entries {
		return nil, nil, outcome.New(outcome.Refused, "%s has more than %d files", m.Ref(), g.Archive.Entries)
	}
	body, err := opener.OpenFile(ctx, described(m), f.Path)
	if err != nil {
		if listed {
			err = lost(err)
		}
		return nil, nil, &provider.Error{Provider: m.Provider, Op: "open", Ref: m.Ref() + "/" + f.Path, Err: err}
	}
	defer body.Close()
	integrity, err := published(f)
	if err != nil {
		return nil, nil, err
	}
	sum := integrity.Hash()
	var src io.Reader = body
	if sum != nil {
		src = io.TeeReader(body, sum)
	}
	loose, err := r.cache.Receive(src, f, g.MaxBytes)
	if err != nil {
		return nil, nil, broken(err)
	}
	if sum != nil {
		if err := integrity.Verify(sum.Sum(nil)); err != nil {
			loose.Abort()
			return nil, nil, err
		}
	}
	grown, err := r.record(m, loose.File)
	if err != nil {
		loose.Abort()
		return nil, nil, err
	}
	return loose, grown, nil
}

// described is a held release as far as opening one of its files needs it.
func described(m *cache.Manifest) *provider.Release {
	return &provider.Release{
		Name: m.Name, Version: m.Version, Published: m.Published, State: m.State, Files: &provider.Files{Open: m.Open},
	}
}

// loose returns the bytes of a file that must not be in the view.
func (r *Registry) loose(ctx context.Context, m *cache.Manifest, f cache.File) (*os.File, cache.File, error) {
	if !m.Archive() {
		l, _, err := r.receive(ctx, m, f)
		if err != nil {
			return nil, f, err
		}
		file, err := l.Detach()
		return file, l.File, err
	}
	file, err := r.cache.OpenPacked(m, f)
	if !errors.Is(err, cache.ErrDamaged) {
		return file, f, err
	}
	if err := r.refetch(ctx, m); err != nil {
		return nil, f, err
	}
	return nil, f, cache.ErrStale // the tarball may be packed otherwise now
}
