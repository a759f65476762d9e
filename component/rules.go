package component

import (
	"errors"
	"slices"

	"github.com/registryd/registryd/pkgref"
)

// Gate says which versions may be published and seen. Safe for concurrent use.
type Gate interface {
	// Check returns nil for a version that may. The name is that of the store, in
	// lower case. Errors: outcome.Forbidden; outcome.Declined where that is
	// concealed.
	Check(name pkgref.Name, v pkgref.Version) error
}

// Rules are what a configuration says about a registry that goes on from one to
// the next.
type Rules struct {
	Gate     Gate // nil: everything is allowed
	MaxHosts int  // that may register; those that are there already stay. 0: no bound
}

// maxHostBytes bounds what all hosts together provide: the file of hosts is one
// value of the store, and stays in memory.
const maxHostBytes = 64 << 20

// Obey puts rules in force: when it returns no host gets what they deny, and no
// such file is put into the view. Sweep takes out what is there.
func (r *Registry) Obey(rules Rules) {
	r.most.Store(int64(rules.MaxHosts))
	r.gated.Lock()
	r.gate = rules.Gate
	r.gated.Unlock()
	var denied func(n Name, v pkgref.Version) bool
	if rules.Gate != nil {
		denied = func(n Name, v pkgref.Version) bool { return rules.Gate.Check(pkgref.Name(n.Key()), v) != nil }
	}
	if r.index.Deny(denied) && r.loaded.Load() {
		r.work.Go(func() { // what people read there follows, and no request waits for it
			if err := r.hosts.save(r.ending); err != nil && r.ending.Err() == nil {
				r.log.Warn("the file of hosts does not say yet what the rules changed", "error", err)
			}
		})
	}
}

// Sweep takes out of the view what the rules deny, and returns it as
// name@version, sorted. It goes on after errors. Errors: outcome.Busy, joined.
func (r *Registry) Sweep() (removed []string, err error) {
	dirs, err := r.config.View.Versions()
	for _, dir := range dirs {
		at, _, ok := placeOf(dir + "/" + manifestName)
		if !ok || at.dir != dir+"/" || r.Allowed(at.name, at.version) == nil {
			continue
		}
		if herr := r.config.View.Hide(dir); herr != nil {
			err = errors.Join(err, herr)
			continue
		}
		removed = append(removed, at.name.String()+"@"+at.version.String())
	}
	slices.Sort(removed)
	return removed, err
}

// Allowed returns nil for a version that may be published and seen, be it there or
// not. Errors: those of Gate.Check.
func (r *Registry) Allowed(n Name, v pkgref.Version) error {
	r.gated.RLock()
	defer r.gated.RUnlock()
	return r.allowed(n, v)
}

// allowed is Allowed for who holds r.gated.
func (r *Registry) allowed(n Name, v pkgref.Version) error {
	if r.gate == nil {
		return nil
	}
	return r.gate.Check(pkgref.Name(n.Key()), v)
}

// show puts a file into the view, unless the rules of this moment deny it.
// Errors: as Allowed; ErrStorage.
func (r *Registry) show(n Name, v pkgref.Version, at string, data []byte) error {
	r.gated.RLock()
	defer r.gated.RUnlock()
	if err := r.allowed(n, v); err != nil {
		return err
	}
	if err := r.config.View.Show(at, data); err != nil {
		return storage(err)
	}
	return nil
}
