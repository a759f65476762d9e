package component

import (
	"context"
	"maps"
	"slices"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// Registered is what a host is told.
type Registered struct {
	ID uint32 `json:"id"` // the host's
	// Issues has an entry for every component of a host that is new, and none for
	// one that was known; never nil.
	Issues map[string]Choice `json:"issues"`
	// Index has the version of every component that the host gets; never nil.
	Index map[string]string `json:"index"`
}

// Register makes the host known that provides d, unless it is. When it returns
// the host is in the store. Errors: ErrCollision; ErrTooManyHosts; ErrStorage, and then it may be
// known all the same; ctx.Err.
func (r *Registry) Register(ctx context.Context, d Dependencies) (*Registered, error) {
	if err := r.ready(); err != nil {
		return nil, err
	}
	known := r.hosts.has(HostID(d))
	if !known && r.config.Shared {
		if err := r.hosts.load(ctx); err != nil {
			return nil, err
		}
		if err := r.Refresh(ctx); err != nil {
			return nil, err
		}
		known = r.hosts.has(HostID(d))
	}
	id, added, err := r.index.addHost(maps.Clone(nonNil(d)), int(r.most.Load()), maxHostBytes)
	if err != nil {
		return nil, err
	}
	if added {
		r.warnAbout(id, d)
	}
	if !known {
		if err := r.hosts.save(ctx, id); err != nil {
			return nil, err
		}
	}
	return r.registered(id, known)
}

func (r *Registry) registered(id uint32, known bool) (*Registered, error) {
	if known {
		return &Registered{ID: id, Issues: map[string]Choice{}, Index: r.index.Chosen(id)}, nil
	}
	choices, err := r.index.Choices(id)
	if err != nil {
		return nil, err
	}
	out := &Registered{ID: id, Issues: choices, Index: make(map[string]string, len(choices))}
	for name, c := range choices {
		out.Index[name] = c.Version
	}
	return out, nil
}

// warnAbout names what a host announces and nobody can read.
func (r *Registry) warnAbout(id uint32, d Dependencies) {
	var bad []string
	for name, text := range d {
		if _, err := pkgref.ParseRange(text); err != nil {
			bad = append(bad, name)
		}
	}
	if len(bad) > 0 {
		slices.Sort(bad)
		r.log.Warn("a host announces dependencies whose ranges cannot be read: they count as missing", "host", id, "names", bad[:min(len(bad), 20)])
	}
}

// Version returns the version that a host gets. On a shared store it looks there
// before it says no. Errors: ErrUnknownHost, ErrNoComponent, ErrStorage.
func (r *Registry) Version(ctx context.Context, id uint32, n Name) (pkgref.Version, error) {
	if err := r.ready(); err != nil {
		return pkgref.Version{}, err
	}
	v, err := r.index.Lookup(id, n)
	if err == nil || !r.config.Shared {
		return v, err
	}
	if _, ok := r.index.Host(id); !ok {
		if err := r.hosts.load(ctx); err != nil {
			return v, err
		}
	}
	if err := r.Refresh(ctx); err != nil {
		return v, err
	}
	return r.index.Lookup(id, n)
}

// Exact returns the version that v is spelled as in the store. Errors:
// ErrNoComponent, ErrStorage.
func (r *Registry) Exact(ctx context.Context, n Name, v pkgref.Version) (pkgref.Version, error) {
	if err := r.ready(); err != nil {
		return v, err
	}
	found, err := r.index.Has(n, v)
	if err == nil || !r.config.Shared {
		return found, err
	}
	if err := r.loadVersions(ctx, n.Key()+"/"+v.String()+"/"); err != nil {
		return v, err
	}
	return r.index.Has(n, v)
}

// unknownVersion is what Exact and others say.
func unknownVersion(n Name, v pkgref.Version) error {
	return outcome.New(ErrNoComponent, "%s has no version %s", n, v)
}
