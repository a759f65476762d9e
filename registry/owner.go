package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// foreign reports whether m came from somebody who may not be asked for it any
// more, because its name has an owner by now. What is held of it then is what an
// attacker could have put there before.
func (g *Generation) foreign(m *cache.Manifest) bool {
	owner := g.Chain.Owner(m.Name)
	return owner != nil && owner.Name() != m.Provider
}

// evictForeign removes what is held of names that belong to somebody else now.
// It returns what it removed. Errors: outcome.Busy, joined; it goes on after each.
func (r *Registry) evictForeign(g *Generation) (removed []string, err error) {
	if !g.Chain.Owned() {
		return nil, nil
	}
	for _, name := range r.cache.Names() {
		if g.Chain.Owner(name) == nil {
			continue
		}
		for _, v := range r.cache.Held(name) {
			m, merr := r.cache.Manifest(name, v)
			if merr != nil || !g.foreign(m) {
				continue // what cannot be read cannot be served
			}
			if _, eerr := r.Evict(name, v); eerr != nil && !errors.Is(eerr, outcome.NotFound) {
				err = errors.Join(err, eerr)
				continue
			}
			r.log.Warn("release is evicted, since its name belongs to another provider now", "pkg", name,
				"version", v.String(), "provider", g.Chain.Owner(name).Name(), "before", m.Provider)
			removed = append(removed, m.Ref())
		}
	}
	return removed, err
}

// refuseForeign is for what was fetched while the owner changed. Errors:
// outcome.Busy.
func (r *Registry) refuseForeign(m *cache.Manifest) error {
	if r.gen.Load().foreign(m) {
		return outcome.New(outcome.Busy, "%s belongs to another provider since it was asked for", m.Name)
	}
	return nil
}

// obeys is equal for generations that allow the same to be in the view.
func (g *Generation) obeys() string {
	h := sha256.New()
	fmt.Fprintln(h, g.Rules.Fingerprint())
	for _, e := range g.Chain.Entries() {
		if len(e.Names) > 0 {
			fmt.Fprintf(h, "%q %q\n", e.Provider.Name(), e.Names)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// asks is equal for generations that ask the same places for name: what is
// absent in one place may be there in another.
func (g *Generation) asks(name pkgref.Name) string {
	h := sha256.New()
	for _, e := range g.Chain.For(name) {
		fmt.Fprintf(h, "%q %q\n", e.Provider.Name(), sourceOf(e.Provider, name))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
