package registry

import (
	"context"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// Located tells what a spec means now, and who has it.
type Located struct {
	Name     string `json:"name"`     // of the package
	Version  string `json:"version"`  // exact
	Provider string `json:"provider"` // that has it
	Held     bool   `json:"held"`     // no request is needed to serve it
}

// Locate resolves a spec and finds the provider of that version, without
// fetching it. Errors: as Resolve; outcome.NotFound for an exact version that
// nobody has.
func (r *Registry) Locate(ctx context.Context, name pkgref.Name, spec pkgref.Spec) (Located, error) {
	v, err := r.Resolve(ctx, name, spec)
	if err != nil {
		return Located{}, err
	}
	if v.IsZero() {
		return Located{}, outcome.New(outcome.NotFound, "main of %s was made by hand and tells no version", name)
	}
	return r.located(ctx, name, v)
}

// located finds the provider of an exact version.
func (r *Registry) located(ctx context.Context, name pkgref.Name, v pkgref.Version) (Located, error) {
	l := Located{Name: string(name), Version: v.String()}
	if m, err := r.cache.Manifest(name, v); err == nil {
		l.Provider, l.Held = m.Provider, true
		return l, nil
	}
	src, err := r.locate(ctx, r.gen.Load(), wanted{name: name, version: v, lists: true})
	if err != nil {
		return Located{}, err
	}
	l.Provider = src.provider.Name()
	return l, nil
}

// Warmed tells what Warm fetched.
type Warmed struct {
	Name    string `json:"name"`    // of the package
	Version string `json:"version"` // exact
	Files   int    `json:"files"`   // that the release lists
	Bytes   int64  `json:"bytes"`   // unpacked
}

// Warm fetches the release that a spec means, unless it is held. With files
// every one of its files is put into the view, too. Errors: as Resolve and
// Release.
func (r *Registry) Warm(ctx context.Context, name pkgref.Name, spec pkgref.Spec, files bool) (Warmed, error) {
	v, err := r.Resolve(ctx, name, spec)
	if err != nil {
		return Warmed{}, err
	}
	return untilSettled(r, name, func() (Warmed, error) { return r.warm(ctx, name, v, files) })
}

func (r *Registry) warm(ctx context.Context, name pkgref.Name, v pkgref.Version, files bool) (Warmed, error) {
	m, err := r.existing(ctx, name, v)
	if err != nil {
		return Warmed{}, err
	}
	if files {
		for _, f := range m.Files() {
			if m.Shipped(f.Path) {
				continue
			}
			if _, err := r.materialise(ctx, m, f); err != nil {
				return Warmed{}, err
			}
		}
	}
	return Warmed{Name: string(name), Version: v.String(), Files: len(m.Files()), Bytes: m.Unpacked()}, nil
}
