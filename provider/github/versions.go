package github

import (
	"context"
	"log/slog"
	"time"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

// Versions lists the releases of a repository, or its tags. Errors:
// provider.ErrNotModified; outcome.NotFound for a name or repository that does
// not exist, that the token may not see, or that has no version tagged;
// outcome.Busy also for a rate limit; outcome.Unavailable also for an answer
// that is no list; outcome.Refused for one beyond the limits; outcome.TooSlow.
func (p *Provider) Versions(ctx context.Context, name pkgref.Name, held string) (*provider.Versions, error) {
	start := time.Now()
	repo, err := repositoryOf(name)
	if err != nil {
		return nil, err
	}
	l, now, err := p.look(ctx, repo, p.looked(held))
	if err != nil {
		return nil, err
	}
	if l.unchanged {
		return nil, provider.ErrNotModified
	}
	vs := l.versions(name)
	p.log.LogAttrs(ctx, slog.LevelDebug, "list read",
		slog.String("pkg", string(name)), slog.String("provider", p.name), slog.String("kind", l.kind),
		slog.Int("versions", len(vs.List)), slog.Bool("cut", l.cut), slog.Int64("dur_ms", time.Since(start).Milliseconds()))
	if len(vs.List) == 0 {
		return nil, outcome.New(outcome.NotFound, "none of the %s of %s is a version", l.kind, name)
	}
	vs.Validator = p.validator(now)
	return vs, nil
}

// look reads the list that counts, and tells what was looked at on the way.
func (p *Provider) look(ctx context.Context, repo repository, held looked) (*list, looked, error) {
	first, err := p.read(ctx, list{repo: repo, kind: p.source}, held.first)
	if err != nil {
		return nil, looked{}, err
	}
	now := looked{first: first.etags()}
	now.fellBack = p.source == SourceReleases && !first.published()
	if first.unchanged {
		now.fellBack = held.fellBack
	}
	if !now.fellBack {
		return first, now, nil
	}
	tags, err := p.read(ctx, list{repo: repo, kind: SourceTags}, held.tags)
	if err != nil {
		return nil, looked{}, err
	}
	now.tags = tags.etags()
	return tags, now, nil
}
