package jsdelivr

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/jsonstream"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

const (
	// maxVersions bounds what one document may put into a list.
	maxVersions = 100_000
	// maxTags bounds the dist-tags of one document.
	maxTags = 10_000
)

// Versions lists the versions of a package. jsDelivr does not tell when they
// were published. Errors: provider.ErrNotModified; outcome.NotFound also for a
// package without versions; outcome.Refused for a list beyond the limits;
// outcome.Unavailable also for an answer that is none; outcome.TooSlow;
// outcome.Busy.
func (p *Provider) Versions(ctx context.Context, name pkgref.Name, held string) (*provider.Versions, error) {
	id, err := p.id(name)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	resp, err := p.ask(ctx, escape(id), held)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.Status == http.StatusNotModified {
		return nil, provider.ErrNotModified
	}
	d, err := decodeVersions(resp.Body)
	if err != nil {
		return nil, of(err, name)
	}
	switch {
	case d.source != p.source || !p.sameID(d.name, id):
		return nil, outcome.New(outcome.Unavailable, "list of %s is of %.100q", name, d.source+"/"+d.name)
	case !d.listed:
		return nil, outcome.New(outcome.Unavailable, "answer for %s has no list of versions", name)
	case len(d.versions) == 0:
		return nil, outcome.New(outcome.NotFound, "%s has no versions", name)
	}
	p.log.LogAttrs(ctx, slog.LevelDebug, "document read",
		slog.String("pkg", string(name)), slog.String("provider", p.name),
		slog.Int("versions", len(d.versions)), slog.Int64("dur_ms", time.Since(start).Milliseconds()))
	return &provider.Versions{
		Name: name, Validator: resp.Validator, Tags: d.tags, List: provider.SortListed(d.versions),
	}, nil
}

// ask asks the data API about a package, or one version of it. That a package
// is too large for jsDelivr is a definite answer.
func (p *Provider) ask(ctx context.Context, ref, held string) (*fetch.Response, error) {
	resp, err := p.client.Get(ctx, fetch.Request{
		URL:       p.api + "/v1/packages/" + p.source + "/" + ref,
		Accept:    "application/json",
		Validator: held,
		Limit:     p.documentLimit,
		Compress:  true,
	})
	if status, ok := errors.AsType[*fetch.StatusError](err); ok && tooLarge(status) {
		return nil, outcome.New(outcome.NotFound, "jsDelivr does not carry it: the package exceeds its size limit")
	}
	return resp, err
}

// tooLarge tells the one 403 that speaks of the package from all that speak of
// us or of what stands between.
func tooLarge(e *fetch.StatusError) bool {
	return e.Status == http.StatusForbidden && strings.Contains(e.Body, "size exceeded the configured limit")
}

// of says whose document an error is about.
func of(err error, name pkgref.Name) error {
	for _, kind := range []error{outcome.Unavailable, outcome.Refused} {
		if errors.Is(err, kind) {
			return outcome.Wrap(kind, err, "document of %s", name)
		}
	}
	return err
}

// document is the list of versions, as far as it matters.
type document struct {
	source, name string
	tags         map[string]string
	versions     []provider.Listed
	listed       bool // the key was there
}

func decodeVersions(r io.Reader) (*document, error) {
	s, d := jsonstream.New(r), &document{}
	err := s.Object(func(key string) (err error) {
		switch key {
		case "type":
			d.source, err = s.Text()
		case "name":
			d.name, err = s.Text()
		case "tags": // of repositories it may be an empty array
			_, err = s.Either(d.tag(s), s.Skip)
		case "versions":
			d.versions, d.listed = nil, true // of two keys the last one counts
			err = s.Array(d.version(s))
		default:
			err = s.Skip()
		}
		return err
	})
	if err == nil {
		err = s.End()
	}
	return d, err
}

func (d *document) tag(s *jsonstream.Reader) func(string) error {
	return func(tag string) error {
		version, err := s.Text()
		if d.tags == nil {
			d.tags = make(map[string]string)
		}
		if err == nil && tag != "" && version != "" && len(d.tags) < maxTags && len(version) <= pkgref.MaxVersionLen {
			d.tags[tag] = version
		}
		return err
	}
}

// version reads one version. A tag of a repository that is none is passed over.
func (d *document) version(s *jsonstream.Reader) func() error {
	return func() error {
		var entry struct {
			Version string `json:"version"`
		}
		if err := s.Value(&entry); err != nil {
			return err
		}
		v, err := pkgref.ParseVersion(entry.Version)
		if err != nil {
			return nil //nolint:nilerr // nobody can ask for it
		}
		if len(d.versions) == maxVersions {
			return outcome.New(outcome.Refused, "more than %d versions", maxVersions)
		}
		d.versions = append(d.versions, provider.Listed{Version: v})
		return nil
	}
}
