package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	core "github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/provider"
)

// source is a plugin that has packages.
type source struct{ base }

// Check is part of provider.Checker. That the plugin does not have the package is for Release and Versions to say: it
// is no reason not to ask others.
func (s *source) Check(ctx context.Context, name pkgref.Name, v pkgref.Version) error {
	err := s.check(ctx, name, v)
	if errors.Is(err, outcome.NotFound) {
		return nil
	}
	return err
}

// Revision is part of provider.Reviser.
func (s *source) Revision() string { return s.Manager.Code(s.Plugin) }

// first returns the first of the hooks that the generation has, "" for none.
func first(l *core.Lease, hooks ...string) string {
	for _, h := range hooks {
		if has(l, h) {
			return h
		}
	}
	return ""
}

// resolved is what resolve and fetchRealVersion return.
type resolved struct {
	Version   string `json:"version"`
	URL       string `json:"url"`
	Integrity string `json:"integrity"`
	Shasum    string `json:"shasum"`
	// Generated says that the server packs the tarball anew each time.
	Generated bool `json:"generated"`
}

// resolve asks for what a spec means. Nil: the plugin does not have it.
func (s *source) resolve(ctx context.Context, l *core.Lease, name pkgref.Name, spec string) (*resolved, error) {
	hook := first(l, "resolve", "fetchRealVersion")
	if hook == "" {
		return nil, nil
	}
	q := question{Name: string(name), Spec: spec}
	if hook == "fetchRealVersion" {
		q = question{Name: string(name), Version: spec, VersionType: versionType(spec)}
	}
	r, err := s.ask(ctx, l, hook, q)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.JSON == nil {
		return nil, nil
	}
	var got resolved
	if err := json.Unmarshal(r.JSON, &got); err != nil {
		return nil, s.nonsense(hook, "no {version, url}: %v", err)
	}
	return &got, nil
}

// versionType is the predecessor's word for the kind of a spec.
func versionType(spec string) string {
	if _, err := pkgref.ParseVersion(spec); err == nil {
		return "specific"
	}
	if spec == pkgref.Latest || spec == "main" {
		return "latest"
	}
	return "range"
}

// Release is part of provider.Releaser. Errors: as there; outcome.Forbidden and outcome.Declined by check.
func (s *source) Release(ctx context.Context, name pkgref.Name, v pkgref.Version) (*provider.Release, error) {
	l, done, err := s.pin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := s.checkBy(ctx, l, name, v); err != nil {
		return nil, err
	}
	got, err := s.resolve(ctx, l, name, v.String())
	if err != nil {
		return nil, err
	}
	if got == nil {
		return nil, outcome.New(outcome.NotFound, "plugin %s does not have %s@%s", s.Plugin, name, v)
	}
	a, err := s.archive(l, got, v)
	if err != nil {
		return nil, err
	}
	return &provider.Release{Name: name, Version: v, Archive: a}, nil
}

// archive checks what a plugin says of a release.
func (s *source) archive(l *core.Lease, got *resolved, v pkgref.Version) (*provider.Archive, error) {
	w, err := pkgref.ParseVersion(got.Version)
	if err != nil {
		return nil, s.nonsense("resolve", "the version %.100q", got.Version)
	}
	if w != v {
		if w.Compare(v) == 0 {
			return nil, outcome.New(outcome.NotFound, "plugin %s has %s but not %s", s.Plugin, w, v)
		}
		return nil, s.nonsense("resolve", "version %s, asked for was %s", w, v)
	}
	fetches := first(l, "fetch", "fetchBundleFile") != ""
	if err := checkURL(got.URL); err != nil && (got.URL != "" || !fetches) {
		return nil, s.nonsense("resolve", "%v", err)
	}
	a := &provider.Archive{URL: got.URL, Generated: got.Generated}
	switch {
	case got.Integrity != "":
		a.Integrity, err = provider.ParseIntegrity(got.Integrity)
	case got.Shasum != "":
		a.Integrity, err = provider.ParseShasum(got.Shasum)
	}
	if err != nil {
		s.Logger.Warn("plugin failed", "plugin", s.Plugin, "hook", "resolve", "error", err)
		return nil, err
	}
	return a, nil
}

func checkURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return errors.New("a url that nobody can fetch")
	}
	return nil
}

// fetched is what fetch and fetchBundleFile return: one of them.
type fetched struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers"`
	Stream  string            `json:"stream"`
}

// OpenArchive is part of provider.ArchiveOpener. The generation is released as soon as the tarball flows, or a slow
// download would keep old code alive.
func (s *source) OpenArchive(ctx context.Context, r *provider.Release) (io.ReadCloser, error) {
	if r.Archive == nil {
		return nil, outcome.New(outcome.Unavailable, "%s@%s has no tarball", r.Name, r.Version)
	}
	l, done, err := s.pin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	body, err := s.open(ctx, l, r)
	if err != nil {
		return nil, err
	}
	if session := provider.SessionOf(ctx); session != nil {
		session.Drop(s.key())
	}
	return body, nil
}

func (s *source) open(ctx context.Context, l *core.Lease, r *provider.Release) (io.ReadCloser, error) {
	hook := first(l, "fetch", "fetchBundleFile")
	if hook == "" {
		return s.download(ctx, l, fetched{URL: r.Archive.URL})
	}
	q := question{Name: string(r.Name), Version: r.Version.String(), URL: r.Archive.URL}
	if hook == "fetchBundleFile" {
		q.RemoteInfo = map[string]string{"version": q.Version, "url": q.URL}
	}
	result, err := s.ask(ctx, l, hook, q)
	if err != nil {
		return nil, err
	}
	defer result.Close()
	got := fetched{URL: r.Archive.URL} // what the predecessor's hook downloads by itself is downloaded here
	if result.JSON != nil {
		got = fetched{}
		if err := json.Unmarshal(result.JSON, &got); err != nil {
			return nil, s.nonsense(hook, "neither {url, headers} nor {stream}: %v", err)
		}
	}
	if got.Stream != "" {
		stream := result.Stream(got.Stream)
		if stream == nil {
			return nil, s.nonsense(hook, "a stream that this call did not open")
		}
		return stream.Body, nil
	}
	return s.download(ctx, l, got)
}

// download fetches what a plugin names.
func (s *source) download(ctx context.Context, l *core.Lease, what fetched) (io.ReadCloser, error) {
	if err := checkURL(what.URL); err != nil {
		return nil, s.nonsense("fetch", "%v", err)
	}
	header := http.Header{}
	for k, v := range what.Headers {
		header.Set(k, v)
	}
	stream, err := l.Open(ctx, &core.Request{URL: what.URL, Header: header})
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if _, ok := errors.AsType[*core.Rejection](err); ok {
			return nil, s.nonsense("fetch", "what may not be fetched: %v", err)
		}
		return nil, err
	}
	return stream.Body, nil
}
