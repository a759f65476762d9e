package url

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/jsonstream"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/urltemplate"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

const (
	// maxVersions bounds what one document may put into a list.
	maxVersions = 100_000
	// maxTags bounds the dist-tags of one document.
	maxTags = 10_000
)

// Lister is a Provider that also knows which versions there are. Safe for
// concurrent use. It implements provider.Versioner beside what a Provider does.
//
// A list is JSON, one of
//
//	["1.0.0", "1.1.0"]
//	{"versions": ["1.0.0", "1.1.0"], "tags": {"latest": "1.1.0"}}
//	{"versions": {"1.0.0": …, "1.1.0": …}, "dist-tags": {"latest": "1.1.0"}}
//
// the last one being what npm's registries answer. Tags may be missing; latest
// is the highest version then that is no prerelease. A "name" must be that of
// the package; other keys do not matter, and what is no exact version is passed
// over.
type Lister struct {
	*Provider
	lists *urltemplate.Template
	limit int64
}

// Versions reads the list of versions. Errors: provider.ErrNotModified;
// outcome.NotFound also for an empty list; outcome.Refused for a list beyond
// the limits; outcome.Unavailable also for an answer that is none;
// outcome.TooSlow; outcome.Busy.
func (l *Lister) Versions(ctx context.Context, name pkgref.Name, held string) (*provider.Versions, error) {
	target, err := expand(l.lists, name, "", "")
	if err != nil {
		return nil, err
	}
	start := time.Now()
	resp, err := l.client.Get(ctx, fetch.Request{
		URL: target, Accept: "application/json", Validator: held, Limit: l.limit, Compress: true,
	})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.Status == http.StatusNotModified {
		return nil, provider.ErrNotModified
	}
	d, err := decode(resp.Body)
	if err != nil {
		return nil, of(err, name)
	}
	switch {
	case d.name != "" && d.name != string(name):
		return nil, outcome.New(outcome.Unavailable, "list of %s is of %.100q", name, d.name)
	case !d.listed:
		return nil, outcome.New(outcome.Unavailable, "answer for %s has no list of versions", name)
	case len(d.versions) == 0:
		return nil, outcome.New(outcome.NotFound, "%s has no versions", name)
	}
	tags := d.tags
	if tags == nil {
		tags = d.distTags
	}
	l.log.LogAttrs(ctx, slog.LevelDebug, "document read",
		slog.String("pkg", string(name)), slog.String("provider", l.name),
		slog.Int("versions", len(d.versions)), slog.Int64("dur_ms", time.Since(start).Milliseconds()))
	return &provider.Versions{
		Name: name, Validator: resp.Validator, Tags: tags, List: provider.SortListed(d.versions),
	}, nil
}

// Release looks the version up in the list, so that a version which is not in
// it is known to be absent. Errors: as Versions.
func (l *Lister) Release(ctx context.Context, name pkgref.Name, v pkgref.Version) (*provider.Release, error) {
	vs, err := l.Versions(ctx, name, "")
	if err != nil {
		return nil, err
	}
	if vs.Index(v.String()) < 0 {
		return nil, outcome.New(outcome.NotFound, "%s has no version %s", name, v)
	}
	r, err := l.Provider.Release(ctx, name, v)
	if err != nil {
		return nil, err
	}
	r.Files.Assumed = false
	return r, nil
}

// of says whose document an error is about.
func of(err error, name pkgref.Name) error {
	for _, kind := range []error{outcome.Unavailable, outcome.Refused} {
		if errors.Is(err, kind) {
			return outcome.Wrap(kind, err, "list of versions of %s", name)
		}
	}
	return err
}

// document is a list of versions, as far as it matters.
type document struct {
	name           string
	tags, distTags map[string]string
	versions       []provider.Listed
	listed         bool // there was a list
}

func decode(r io.Reader) (*document, error) {
	s, d := jsonstream.New(r), &document{}
	array, err := s.Either(d.field(s), d.element(s))
	d.listed = d.listed || array
	if err == nil {
		err = s.End()
	}
	return d, err
}

// field reads one field of a document that is an object.
func (d *document) field(s *jsonstream.Reader) func(string) error {
	return func(key string) (err error) {
		switch key {
		case "name":
			d.name, err = s.Text()
		case "tags":
			d.tags, err = tags(s)
		case "dist-tags":
			d.distTags, err = tags(s)
		case "versions":
			d.versions, d.listed = nil, true // of two keys the last one counts
			_, err = s.Either(func(version string) error { return errors.Join(d.add(version), s.Skip()) }, d.element(s))
		default:
			err = s.Skip()
		}
		return err
	}
}

// element reads one version of a list that is an array.
func (d *document) element(s *jsonstream.Reader) func() error {
	return func() error {
		version, err := s.Text()
		if err != nil {
			return err
		}
		return d.add(version)
	}
}

// add adds a version; what is none nobody can ask for.
func (d *document) add(version string) error {
	v, err := pkgref.ParseVersion(version)
	if err != nil {
		return nil //nolint:nilerr // see above
	}
	if len(d.versions) == maxVersions {
		return outcome.New(outcome.Refused, "more than %d versions", maxVersions)
	}
	d.versions = append(d.versions, provider.Listed{Version: v})
	return nil
}

// tags reads an object of tags.
func tags(s *jsonstream.Reader) (map[string]string, error) {
	all := make(map[string]string)
	err := s.Object(func(tag string) error {
		version, err := s.Text()
		if err == nil && tag != "" && version != "" && len(all) < maxTags && len(version) <= pkgref.MaxVersionLen {
			all[tag] = version
		}
		return err
	})
	return all, err
}
