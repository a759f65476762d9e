package component

import (
	"context"
	"errors"
	"io"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// Served is a file that is in the view.
type Served struct {
	Path    string         // in the view
	Version pkgref.Version // of the component
	SHA256  string         // hexadecimal; "" where the store could not be asked
}

// File puts one file of a version into the view, unless it is there; path is ""
// for the code. Errors: ErrNoComponent; outcome.NotFound for a file that the
// version does not have; those of Gate.Check for one that is denied; ErrStorage
// where the store is needed and fails.
func (r *Registry) File(ctx context.Context, n Name, v pkgref.Version, path string) (Served, error) {
	v, err := r.Exact(ctx, n, v)
	if err != nil {
		return Served{}, err
	}
	if err := r.Allowed(n, v); err != nil {
		return Served{}, err
	}
	rec := r.record(n, v)
	if rec == nil {
		return Served{}, unknownVersion(n, v)
	}
	if path == "" {
		path = rec.main
	}
	f, ok := rec.files[path]
	if !ok {
		return Served{}, outcome.New(ErrNoComponent, "%s %s has no file %s", n, v, path)
	}
	at := rec.name.Key() + "/" + v.String() + "/" + path
	sum, known := f.digestBytes()
	if known && r.config.View.Holds(at, f.Size, sum) {
		return Served{at, v, f.SHA256}, nil
	}
	data, _, err := r.config.Store.Get(ctx, rec.dir+path)
	if err != nil {
		return r.lastGood(Served{at, v, ""}, storageOrAbsent(err, n, v))
	}
	if known && digest(data) != f.SHA256 {
		return Served{}, outcome.New(ErrStorage, "%s of %s %s is damaged in the store", path, n, v)
	}
	if err := r.show(n, v, at, data); err != nil {
		return Served{}, err
	}
	return Served{at, v, digest(data)}, nil
}

// lastGood serves what the view has of a version without digests while the store
// fails.
func (r *Registry) lastGood(s Served, cause error) (Served, error) {
	if !errors.Is(cause, ErrStorage) {
		return s, cause
	}
	f, err := r.config.View.Open(s.Path)
	if err != nil {
		return s, cause
	}
	f.Close()
	r.log.Warn("the component store fails, the last copy is served", "path", s.Path, "error", cause)
	return s, nil
}

// Open opens a served file. Errors: outcome.NotFound, outcome.Busy.
func (r *Registry) Open(s Served) (io.ReadSeekCloser, error) { return r.config.View.Open(s.Path) }

func storageOrAbsent(err error, n Name, v pkgref.Version) error {
	if errors.Is(err, outcome.NotFound) {
		return outcome.New(ErrStorage, "a file of %s %s is missing in the store", n, v)
	}
	return storage(err)
}
