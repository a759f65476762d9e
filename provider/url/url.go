// Package url is the provider for files that lie on any web server, at URLs
// that a template makes:
//
//	https://files.example.org/{name}/{version}/{path}
//
// Such a source neither lists what there is nor publishes digests. So its
// releases are open and assumed: each file is asked for when it is first
// needed, a release exists as soon as one of its files does, and what came
// first is pinned. A provider of it answers for every name and version, so
// nobody behind it in a chain is ever asked; it belongs at the end, or gets
// names of its own.
//
// With a second template for lists of versions it also knows ranges and tags,
// and then a version that is not listed does not exist. See Lister for the
// documents that it understands.
//
// The placeholders are {name} ("@acme/widget", or "widget"), {scope} ("acme";
// names without a scope are not found then), {base} ("widget"), {version}, and
// {path} of the file.
package url

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/mediatype"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/urltemplate"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

// Config of a provider.
type Config struct {
	Name string // "" is "url"
	URL  string // template of the URL of a file, with {version} and {path}
	// VersionsURL is the template of the URL of a list of versions, with
	// neither of them; "": exact versions only.
	VersionsURL string
	Client      *fetch.Client // required
	// DocumentLimit and FileLimit are in bytes; 0: 64 MiB and 256 MiB.
	DocumentLimit, FileLimit int64
	Logger                   *slog.Logger // nil: discard
}

// Trusted returns the host:port pairs that the configuration names, for
// fetch.Config.Trusted.
func (c Config) Trusted() []string {
	var addrs []string
	if t, err := urltemplate.ParseFile(c.URL); err == nil {
		addrs = append(addrs, t.Host())
	}
	if t, err := urltemplate.ParseList(c.VersionsURL); err == nil {
		addrs = append(addrs, t.Host())
	}
	return addrs
}

// Provider gives files by exact versions. Safe for concurrent use. It
// implements provider.Releaser and provider.FileOpener.
type Provider struct {
	name      string
	origin    string // the template
	files     *urltemplate.Template
	client    *fetch.Client
	fileLimit int64
	log       *slog.Logger
}

// New checks the configuration and returns a *Provider, or a *Lister where
// there is a VersionsURL. It makes no request. Errors: plain ones, for a person
// who writes configuration.
func New(c Config) (provider.Provider, error) {
	if c.Client == nil {
		return nil, errors.New("url provider without a client")
	}
	files, err := urltemplate.ParseFile(c.URL)
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	p := &Provider{
		name: cmp.Or(c.Name, "url"), origin: c.URL, files: files, client: c.Client, fileLimit: cmp.Or(c.FileLimit, 256<<20),
		log: cmp.Or(c.Logger, slog.New(slog.DiscardHandler)),
	}
	if c.VersionsURL == "" {
		return p, nil
	}
	lists, err := urltemplate.ParseList(c.VersionsURL)
	if err != nil {
		return nil, fmt.Errorf("versions_url: %w", err)
	}
	return &Lister{Provider: p, lists: lists, limit: cmp.Or(c.DocumentLimit, 64<<20)}, nil
}

// Name is what the configuration calls the provider.
func (p *Provider) Name() string { return p.name }

// Source is the template of the files' URLs.
func (p *Provider) Source(pkgref.Name) string { return p.origin }

// Release describes any version without a request: only its files can show
// that it exists. Errors: outcome.NotFound for a name that the template has no
// URL for.
func (p *Provider) Release(_ context.Context, name pkgref.Name, v pkgref.Version) (*provider.Release, error) {
	if _, err := expand(p.files, name, v.String(), "x"); err != nil {
		return nil, err
	}
	return &provider.Release{Name: name, Version: v, Files: &provider.Files{Open: true, Assumed: true}}, nil
}

// expand makes a URL. Errors: outcome.NotFound for a name without a scope where
// the template wants one.
func expand(t *urltemplate.Template, name pkgref.Name, version, path string) (string, error) {
	scope := strings.TrimPrefix(name.Scope(), "@")
	if scope == "" && t.Has("scope") {
		return "", outcome.New(outcome.NotFound, "%s has no scope, and all packages here have one", name)
	}
	values := map[string]string{
		"name": string(name), "scope": scope, "base": string(name)[strings.LastIndexByte(string(name), '/')+1:],
		"version": version, "path": path,
	}
	return t.Expand(func(placeholder string) string { return values[placeholder] }), nil
}

// OpenFile opens one file. Nothing is known of it beforehand, so what is
// plainly something else counts as trouble: a web page in place of another type
// of file, or a compression that nobody asked for. Errors: outcome.NotFound,
// outcome.Unavailable, outcome.TooSlow, outcome.Busy, outcome.Refused for one
// beyond the limit.
func (p *Provider) OpenFile(ctx context.Context, r *provider.Release, path string) (io.ReadCloser, error) {
	if !fs.ValidPath(path) || path == "." {
		return nil, outcome.New(outcome.NotFound, "%.200q is no path of a file", path)
	}
	target, err := expand(p.files, r.Name, r.Version.String(), path)
	if err != nil {
		return nil, err
	}
	resp, err := p.client.Get(ctx, fetch.Request{URL: target, Limit: p.fileLimit})
	if err != nil {
		return nil, err
	}
	if what := misfit(resp, path); what != "" {
		_ = resp.Body.Close() // nothing of it is used
		return nil, outcome.New(outcome.Unavailable, "%s came as %s", path, what)
	}
	return resp.Body, nil
}

// misfit says what is plainly wrong with an answer for a file, "" if nothing
// is.
func misfit(resp *fetch.Response, path string) string {
	encoding := strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding")))
	if encoding != "" && encoding != "identity" && !packed(path) {
		return "something compressed on the way that nobody asked for"
	}
	kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	expected := mediatype.Of(path)
	if strings.EqualFold(strings.TrimSpace(kind), "text/html") && expected != mediatype.Default && !mediatype.Scripts(expected) && !isText(path) {
		return "a web page"
	}
	return ""
}

// packed reports whether a file is compressed itself: servers are known to
// label those.
func packed(path string) bool {
	for _, suffix := range []string{".gz", ".tgz", ".svgz", ".br", ".zst", ".bz2", ".xz", ".z"} {
		if strings.HasSuffix(strings.ToLower(path), suffix) {
			return true
		}
	}
	return false
}

// isText reports whether servers may well call such a file a web page: they
// render some sources.
func isText(path string) bool { return strings.HasPrefix(mediatype.Of(path), "text/plain") }
