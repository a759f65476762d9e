package registry

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// Answer is what is at a package path. Exactly one of Redirect, File and
// Listing is set.
type Answer struct {
	Redirect *Target  // another path of the same package
	File     *Served  // a file, whole and verified
	Listing  *Listing // a directory without an index
}

// Target is where a redirect leads.
type Target struct {
	Name    pkgref.Name // of the package
	Release string      // text of an exact version, or "main"
	Path    string      // decoded, inside the release
}

// Served is a file that can be served.
type Served struct {
	Target
	// Manifest is that of its release; nil for a file of a main that a person
	// made.
	Manifest *cache.Manifest
	// File is its line of the manifest; of a file without one only the path is
	// known.
	File cache.File
	// Loose is the content of a file that must not be in the view; the receiver
	// closes it. nil: the file is in the view.
	Loose *os.File
}

// Listing is a directory without an index of its own.
type Listing struct {
	Target                   // Path is "" or ends with a slash
	Manifest *cache.Manifest // of its release
}

// attempts bounds how often a request is answered anew because its release was
// flushed or evicted under it.
const attempts = 3

// Find answers a request for a path and makes sure that the file it names, if
// any, is in the view. Errors: those of Release and Resolve; outcome.NotFound for a
// file that the release does not have.
func (r *Registry) Find(ctx context.Context, q pkgref.Ref) (*Answer, error) {
	if err := r.gen.Load().Rules.CheckName(q.Name); err != nil {
		return nil, err
	}
	return untilSettled(r, q.Name, func() (*Answer, error) { return r.find(ctx, q) })
}

// untilSettled does again what a flush or an eviction came in the way of, or
// somebody who put something else in the place of our directories. Errors:
// outcome.Busy where that happens too often, or the data directory is gone; those of do.
func untilSettled[T any](r *Registry, name pkgref.Name, do func() (T, error)) (t T, err error) {
	for range attempts {
		mended := r.cache.Mended()
		t, err = do()
		switch {
		case errors.Is(err, cache.ErrStale):
		case !unexplained(err):
			return t, err
		case r.cache.Gone():
			return t, outcome.Wrap(outcome.Busy, errors.Join(cache.ErrGone, err), "%s", name)
		case !r.cache.Mend() && r.cache.Mended() == mended:
			return t, err
		}
	}
	return t, outcome.Wrap(outcome.Busy, err, "%s keeps changing", name)
}

// unexplained reports whether the disk may be to blame for err: a fetch that
// could not be written looks as if its provider had failed.
func unexplained(err error) bool {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return false
	case errors.Is(err, outcome.Unavailable):
		return true
	}
	return !outcome.Known(err)
}

func (r *Registry) find(ctx context.Context, q pkgref.Ref) (*Answer, error) {
	switch q.Spec.Kind {
	case pkgref.KindExact:
		m, err := r.Release(ctx, q.Name, q.Spec.Version)
		if err != nil {
			return nil, err
		}
		return r.inRelease(ctx, m, q, q.Spec.Version.String())
	case pkgref.KindPin:
		return r.inMain(ctx, q)
	default:
		v, err := r.Resolve(ctx, q.Name, q.Spec)
		if err != nil {
			return nil, err
		}
		return &Answer{Redirect: &Target{Name: q.Name, Release: v.String(), Path: q.Path}}, nil
	}
}

// inRelease answers a path of a release that is held. release is how the URL
// names it: its version, or main.
func (r *Registry) inRelease(ctx context.Context, m *cache.Manifest, q pkgref.Ref, release string) (*Answer, error) {
	t := Target{Name: q.Name, Release: release, Path: q.Path}
	switch {
	case q.Path == "" && !q.Slash:
		return &Answer{Redirect: &t}, nil
	case q.Path == "" || strings.HasSuffix(q.Path, "/"):
		return r.inDirectory(ctx, m, t)
	}
	f, ok := m.File(q.Path)
	if !ok && m.IsDir(q.Path) {
		t.Path += "/"
		return &Answer{Redirect: &t}, nil
	}
	if !ok && !m.Open {
		return nil, absent(t)
	}
	if !ok {
		f = cache.File{Path: q.Path, Size: -1}
	}
	return r.serve(ctx, m, t, f)
}

// absent is asked for often, by those who guess; hence no format.
func absent(t Target) error {
	return outcome.Plain(outcome.NotFound, string(t.Name)+"/"+t.Release+" has no file "+t.Path)
}

// inDirectory answers a path that ends with a slash: its index.html in place,
// else a redirect to another entry, else a listing.
func (r *Registry) inDirectory(ctx context.Context, m *cache.Manifest, t Target) (*Answer, error) {
	dir := t.Path
	if a, err := r.index(ctx, m, t); a != nil || err != nil {
		return a, err
	}
	if m.Has(dir + "index.min.js") {
		t.Path = dir + "index.min.js"
		return &Answer{Redirect: &t}, nil
	}
	if dir == "" {
		entry, err := r.entry(ctx, m)
		if err != nil {
			return nil, err
		}
		if entry != "" {
			t.Path = entry
			return &Answer{Redirect: &t}, nil
		}
	}
	if m.Assumed || dir != "" && !m.IsDir(strings.TrimSuffix(dir, "/")) {
		return nil, absent(t)
	}
	return &Answer{Listing: &Listing{Target: t, Manifest: m}}, nil
}

// index answers a directory by its index.html; nil where it has none. It is
// the one file that an open release is asked for on a guess: all else about a
// directory of it goes by what is held.
func (r *Registry) index(ctx context.Context, m *cache.Manifest, t Target) (*Answer, error) {
	t.Path += "index.html"
	f, ok := m.File(t.Path)
	if ok {
		return r.serve(ctx, m, t, f)
	}
	if !m.Open {
		return nil, nil
	}
	a, err := r.serve(ctx, m, t, cache.File{Path: t.Path, Size: -1})
	if errors.Is(err, outcome.NotFound) {
		return nil, nil
	}
	return a, err
}

// serve makes sure that f can be served: from the view, or beside it where the
// package ships it as a precompressed sibling.
func (r *Registry) serve(ctx context.Context, m *cache.Manifest, t Target, f cache.File) (*Answer, error) {
	served := &Served{Target: t, Manifest: m, File: f}
	if m.Shipped(f.Path) {
		loose, file, err := r.loose(ctx, m, f)
		if err != nil {
			return nil, err
		}
		served.Loose, served.File = loose, file
		return &Answer{File: served}, nil
	}
	file, err := r.materialise(ctx, m, f)
	if err != nil {
		return nil, err
	}
	served.File = file
	return &Answer{File: served}, nil
}

// Open opens the bytes of a served file, for a daemon without nginx. The
// caller closes it. Errors: outcome.NotFound, for a file with a Manifest only
// where it left the view since it was found; outcome.Busy.
func (r *Registry) Open(s *Served) (*os.File, error) {
	if s.Loose != nil {
		return s.Loose, nil
	}
	release := s.Release
	if s.Manifest != nil {
		release = s.Manifest.Version.String() // main may have moved meanwhile
	}
	return r.cache.OpenView(s.Name, release, s.Path)
}
