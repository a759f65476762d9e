package github

import (
	"context"
	"errors"
	"io"
	"net/url"
	"strings"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

// Release looks an exact version up by its tag: mostly one request for a small
// document. Errors: outcome.NotFound, outcome.Busy also for a rate limit;
// outcome.Unavailable also for an answer that is of something else;
// outcome.Refused for one beyond the limits; outcome.TooSlow.
func (p *Provider) Release(ctx context.Context, name pkgref.Name, v pkgref.Version) (*provider.Release, error) {
	repo, err := repositoryOf(name)
	if err != nil {
		return nil, err
	}
	r := &provider.Release{Name: name, Version: v}
	find := p.tagged
	if p.source == SourceReleases {
		find = p.released
	}
	if err := find(ctx, repo, r); err != nil {
		return nil, err
	}
	return r, nil
}

// released finds the release of r.Version. Without one under the usual tag the
// first page of the list comes next: it tells with one request whether there
// is such a repository, whether it has releases at all, and mostly the rest.
func (p *Provider) released(ctx context.Context, repo repository, r *provider.Release) error {
	tags := tagsOf(r.Version)
	err := p.releaseOf(ctx, repo, tags[0], r)
	if !errors.Is(err, outcome.NotFound) {
		return err
	}
	l := list{repo: repo, kind: SourceReleases}
	pg, err := p.page(ctx, l, 1, "")
	if err != nil {
		return err
	}
	if !pg.published() {
		return p.tagged(ctx, repo, r)
	}
	l.pages = []*page{pg}
	vs := l.versions(r.Name)
	if i := vs.Index(r.Version.String()); i >= 0 {
		r.Published, r.Archive = vs.List[i].Published, vs.List[i].Archive
		return nil
	}
	if pg.more {
		return p.releaseOf(ctx, repo, tags[1], r)
	}
	return outcome.New(outcome.NotFound, "%s has no release %s", repo, r.Version)
}

// releaseOf reads the release of a tag.
func (p *Provider) releaseOf(ctx context.Context, repo repository, tag string, r *provider.Release) error {
	var e entry
	if err := p.entry(ctx, repo, "releases/tags/"+escape(tag), &e); err != nil {
		return err
	}
	switch {
	case e.TagName != tag:
		return outcome.New(outcome.Unavailable, "release %s of %s is of %.100q", tag, repo, e.TagName)
	case e.Draft:
		return outcome.New(outcome.NotFound, "release %s of %s is a draft", tag, repo)
	}
	r.Published, r.Archive = e.Published.Time, archive(tag)
	return nil
}

// tagged finds a plain tag of r.Version.
func (p *Provider) tagged(ctx context.Context, repo repository, r *provider.Release) error {
	for _, tag := range tagsOf(r.Version) {
		err := p.tag(ctx, repo, tag)
		if err == nil {
			r.Archive = archive(tag)
			return nil
		}
		if !errors.Is(err, outcome.NotFound) {
			return err
		}
	}
	return outcome.New(outcome.NotFound, "%s has no tag of %s", repo, r.Version)
}

// tag makes sure that there is a tag.
func (p *Provider) tag(ctx context.Context, repo repository, tag string) error {
	var e entry
	if err := p.entry(ctx, repo, "git/ref/tags/"+escape(tag), &e); err != nil {
		return err
	}
	if e.Ref != refPrefix+tag {
		return outcome.New(outcome.Unavailable, "tag %s of %s is %.100q", tag, repo, e.Ref)
	}
	return nil
}

// entry reads a document that is one entry.
func (p *Provider) entry(ctx context.Context, repo repository, path string, e *entry) error {
	resp, err := p.document(ctx, repo, path, "")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := decodeEntry(resp.Body, e); err != nil {
		return nonsense(err, repo)
	}
	return repo.spelled(e.URL)
}

// escape escapes a tag that is a version. "+" too, since not every server
// reads it as itself.
func escape(tag string) string { return strings.ReplaceAll(url.PathEscape(tag), "+", "%2B") }

// OpenArchive opens the tarball of a release. GitHub sends us for it to another
// host, which gets to see no token. Errors: outcome.NotFound,
// outcome.Unavailable, outcome.TooSlow, outcome.Busy, outcome.Refused for one
// beyond the limit.
func (p *Provider) OpenArchive(ctx context.Context, r *provider.Release) (io.ReadCloser, error) {
	repo, err := repositoryOf(r.Name)
	if err != nil {
		return nil, err
	}
	if r.Archive == nil {
		return nil, outcome.New(outcome.Unavailable, "%s@%s has no tarball", r.Name, r.Version)
	}
	tag, found := strings.CutPrefix(r.Archive.URL, refPrefix)
	if v, ok := versionOf(tag); !found || !ok || v != r.Version {
		return nil, outcome.New(outcome.Unavailable, "tarball of %s@%s is at %.100q, which is not its tag", r.Name, r.Version, r.Archive.URL)
	}
	resp, err := p.send(ctx, repo, fetch.Request{
		URL:   p.below(repo, "tarball/"+refPrefix+escape(tag)),
		Limit: p.archiveLimit,
	})
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}
