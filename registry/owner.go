package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

// foreign reports whether m came from somebody who may not be asked for it any
// more, because its name has an owner by now. What is held of it then is what an
// attacker could have put there before. A provider that gets it from another
// place than before is somebody else, whatever it is called.
func (g *Generation) foreign(m *cache.Manifest) bool {
	owner := g.Chain.Owner(m.Name)
	return owner != nil && (owner.Name() != m.Provider || sourceOf(owner, m.Name) != m.Source)
}

// heldRelease returns the manifest that is held of a release, unless it came
// from somebody else than the owner of its name: that is evicted. Errors:
// outcome.NotFound, outcome.Busy.
func (r *Registry) heldRelease(g *Generation, name pkgref.Name, v pkgref.Version) (*cache.Manifest, error) {
	m, err := r.cache.Manifest(name, v)
	if err != nil || !g.foreign(m) {
		return m, err
	}
	if err := r.cache.Expel(name, v); err != nil {
		return nil, err
	}
	return nil, outcome.New(outcome.NotFound, "%s came from another provider than the owner of its name", m.Ref())
}

// mayAsk is for walks that began before the owner of a name changed: nobody else
// hears of the name any more. Errors: outcome.Busy.
func (r *Registry) mayAsk(p provider.Provider, name pkgref.Name) error {
	return r.refuseForeign(&cache.Manifest{Name: name, Provider: p.Name(), Source: sourceOf(p, name)}) // what it would bring
}

// evictForeign removes what is held, or in the view, of names that belong to
// somebody else now. It returns what it removed. Errors: outcome.Busy, joined; it
// goes on after each.
func (r *Registry) evictForeign(g *Generation) (removed []string, err error) {
	for _, name := range r.cache.VerifyNames() {
		owner := g.Chain.Owner(name)
		if owner == nil {
			continue
		}
		for _, v := range r.cache.Releases(name) {
			by, from, oerr := r.cache.Origin(name, v)
			if oerr == nil && !g.foreign(&cache.Manifest{Name: name, Provider: by, Source: from}) {
				continue // else it came from elsewhere, or nobody knows from where
			}
			r.watched.remove(ref(name, v))
			if eerr := r.cache.Expel(name, v); eerr != nil {
				err = errors.Join(err, eerr)
				continue
			}
			r.log.Warn("release is evicted, since its name belongs to another provider now", "pkg", name,
				"version", v.String(), "provider", owner.Name(), "before", by)
			removed = append(removed, ref(name, v))
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
	return g.Rules.Fingerprint() + " " + g.owners()
}

// owners is equal for generations that give the same names to the same owners,
// "" where there is none.
func (g *Generation) owners() string {
	if !g.Chain.Owned() {
		return ""
	}
	h := sha256.New()
	for _, e := range g.Chain.Entries() {
		for _, p := range e.Names {
			some := pkgref.Name(strings.ReplaceAll(p.String(), "*", "x"))
			fmt.Fprintf(h, "%q %q %q\n", e.Provider.Name(), sourceOf(e.Provider, some), p)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// asks is equal for generations that ask the same places for name, by the same
// code: what is absent in one place may be there in another.
func (g *Generation) asks(name pkgref.Name) string {
	h := sha256.New()
	for _, e := range g.Chain.For(name) {
		fmt.Fprintf(h, "%q %q\n", e.Provider.Name(), listSource(e.Provider, name))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
