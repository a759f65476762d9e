package registry

import (
	"context"
	"strings"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// Describe answers a request for metadata: a File or Listing taken from the
// manifest alone, or a Redirect as Find. Nothing is put into the view. Errors:
// as Find; outcome.NotFound for a main that a person made, which has no
// manifest.
func (r *Registry) Describe(ctx context.Context, q pkgref.Ref) (*Answer, error) {
	m, release, err := r.described(ctx, q)
	if err != nil {
		return nil, err
	}
	t := Target{Name: q.Name, Release: release, Path: q.Path}
	if m == nil || q.Path == "" && !q.Slash {
		return &Answer{Redirect: &t}, nil
	}
	dir := strings.TrimSuffix(q.Path, "/")
	if q.Path == "" || dir != q.Path {
		if !m.IsDir(dir) {
			return nil, absent(t)
		}
		return &Answer{Listing: &Listing{Target: t, Manifest: m}}, nil
	}
	if f, ok := m.File(q.Path); ok {
		return &Answer{File: &Served{Target: t, Manifest: m, File: f}}, nil
	}
	if m.IsDir(q.Path) {
		t.Path += "/"
		return &Answer{Redirect: &t}, nil
	}
	return nil, absent(t)
}

// described returns the manifest that q speaks of, and how its URL names the
// release; no manifest for a range or tag, which leads to a release.
func (r *Registry) described(ctx context.Context, q pkgref.Ref) (*cache.Manifest, string, error) {
	v, err := r.Resolve(ctx, q.Name, q.Spec)
	if err != nil {
		return nil, "", err
	}
	if q.Spec.Kind == pkgref.KindRange || q.Spec.Kind == pkgref.KindTag {
		return nil, v.String(), nil
	}
	release := v.String()
	if q.Spec.Kind == pkgref.KindPin {
		release = "main"
		if main, err := r.cache.Main(q.Name); err == nil && main.Kind != cache.MainPin {
			return nil, "", outcome.New(outcome.NotFound, "main of %s was made by hand and has no manifest", q.Name)
		}
	}
	m, err := r.existing(ctx, q.Name, v)
	return m, release, err
}
