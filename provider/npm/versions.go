package npm

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

// Versions reads the full document of a package. Errors:
// provider.ErrNotModified, outcome.NotFound also for a package that was taken
// back, outcome.Refused for a document beyond the limits, outcome.Unavailable
// also for an answer that is none, outcome.TooSlow, outcome.Busy.
func (p *Provider) Versions(ctx context.Context, name pkgref.Name, held string) (*provider.Versions, error) {
	start := time.Now()
	resp, err := p.get(ctx, p.documentURL(name, ""), held)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.Status == http.StatusNotModified {
		return nil, provider.ErrNotModified
	}
	d, err := decodeDocument(resp.Body)
	if err != nil {
		return nil, nonsense(err, name)
	}
	if err := d.check(name); err != nil {
		return nil, err
	}
	base := p.base(name)
	vs := &provider.Versions{
		Name:      name,
		Validator: resp.Validator,
		Tags:      d.tags,
		List: d.list(func(t dist) *provider.Archive {
			a, err := p.archive(base, t)
			if err != nil {
				return nil // the look-up of the release tells why
			}
			return a
		}),
	}
	p.log.LogAttrs(ctx, slog.LevelDebug, "document read",
		slog.String("pkg", string(name)), slog.String("provider", p.name),
		slog.Int("versions", len(vs.List)), slog.Int64("dur_ms", time.Since(start).Milliseconds()))
	return vs, nil
}

// check tells a document that says that there is nothing from an answer that
// is no document.
func (d *document) check(name pkgref.Name) error {
	if d.name != string(name) {
		return outcome.New(outcome.Unavailable, "document of %s is of %.100q", name, d.name)
	}
	if len(d.versions) > 0 {
		return nil
	}
	if d.hasVersions || d.unpublished {
		return outcome.New(outcome.NotFound, "%s has no versions", name)
	}
	return outcome.New(outcome.Unavailable, "document of %s has no list of versions", name)
}

// get asks for a document.
func (p *Provider) get(ctx context.Context, u *url.URL, held string) (*fetch.Response, error) {
	return p.client.Get(ctx, fetch.Request{
		URL:           u.String(),
		Accept:        "application/json",
		Validator:     held,
		Authorization: p.auth.For(u),
		Limit:         p.documentLimit,
		Compress:      true,
	})
}
