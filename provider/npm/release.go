package npm

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

// Release reads the document of one version, or the full one where the
// registry has no such route. Errors: outcome.NotFound; outcome.Refused where
// no usable digest is published; outcome.Unavailable also for an answer that
// is of something else; outcome.TooSlow; outcome.Busy.
func (p *Provider) Release(ctx context.Context, name pkgref.Name, v pkgref.Version) (*provider.Release, error) {
	resp, err := p.get(ctx, p.documentURL(name, v.String()), "")
	if err != nil {
		if noSuchRoute(err) {
			return p.releaseOfDocument(ctx, name, v)
		}
		return nil, err
	}
	defer resp.Body.Close()
	m, err := decodeManifest(resp.Body)
	if err != nil {
		return nil, nonsense(err, name)
	}
	if err := m.check(name, v); err != nil {
		return nil, err
	}
	a, err := p.archive(p.base(name), m.dist)
	if err != nil {
		return nil, err
	}
	return &provider.Release{Name: name, Version: v, Archive: a}, nil
}

// noSuchRoute reports whether a registry says that it knows documents of whole
// packages only.
func noSuchRoute(err error) bool {
	status, ok := errors.AsType[*fetch.StatusError](err)
	return ok && (status.Status == http.StatusMethodNotAllowed || status.Status == http.StatusNotImplemented)
}

// check makes sure that the document is of the version that was asked for. A
// registry that ignores build metadata answers with another version, which is
// to say that it does not have this one.
func (m *manifest) check(name pkgref.Name, v pkgref.Version) error {
	if m.name == string(name) && m.version == v.String() {
		return nil
	}
	if got, err := pkgref.ParseVersion(m.version); err == nil && m.name == string(name) && got.Compare(v) == 0 {
		return outcome.New(outcome.NotFound, "%s has %s but not %s", name, got, v)
	}
	return outcome.New(outcome.Unavailable, "document of %s@%s is of %.100q", name, v, m.name+"@"+m.version)
}

// releaseOfDocument finds the version in the full document.
func (p *Provider) releaseOfDocument(ctx context.Context, name pkgref.Name, v pkgref.Version) (*provider.Release, error) {
	resp, err := p.get(ctx, p.documentURL(name, ""), "")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	d, err := decodeDocument(resp.Body)
	if err != nil {
		return nil, nonsense(err, name)
	}
	if err := d.check(name); err != nil {
		return nil, err
	}
	for _, l := range d.versions {
		if l.version != v {
			continue
		}
		a, err := p.archive(p.base(name), l.dist)
		if err != nil {
			return nil, err
		}
		return &provider.Release{Name: name, Version: v, Published: d.times[v.String()], Archive: a}, nil
	}
	return nil, outcome.New(outcome.NotFound, "%s has no version %s", name, v)
}

// archive turns what a document tells about a tarball into where it is and how
// to know it. The strongest digest of integrity counts, else shasum; one that
// is malformed is never passed over for a weaker one.
func (p *Provider) archive(base *url.URL, d dist) (*provider.Archive, error) {
	u, err := base.Parse(d.tarball)
	if err != nil || d.tarball == "" || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, outcome.New(outcome.Unavailable, "document names no tarball that can be fetched")
	}
	a := &provider.Archive{URL: withoutUser(u).String()}
	switch {
	case d.integrity != "":
		a.Integrity, err = provider.ParseIntegrity(d.integrity)
	case d.shasum != "":
		a.Integrity, err = provider.ParseShasum(d.shasum)
	case !p.optional:
		err = outcome.New(outcome.Refused, "no digest is published, and integrity is required")
	}
	if err != nil {
		return nil, err
	}
	return a, nil
}

// OpenArchive opens the tarball, with credentials only where they belong.
// Errors: outcome.NotFound, outcome.Unavailable, outcome.TooSlow,
// outcome.Busy, outcome.Refused for one beyond the limit.
func (p *Provider) OpenArchive(ctx context.Context, r *provider.Release) (io.ReadCloser, error) {
	if r.Archive == nil {
		return nil, outcome.New(outcome.Unavailable, "%s@%s has no tarball", r.Name, r.Version)
	}
	u, err := url.Parse(r.Archive.URL)
	if err != nil {
		return nil, outcome.New(outcome.Unavailable, "tarball of %s@%s has a malformed URL", r.Name, r.Version)
	}
	resp, err := p.client.Get(ctx, fetch.Request{
		URL:           u.String(),
		Authorization: p.auth.For(u),
		Limit:         p.archiveLimit,
	})
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}
