// Package jsdelivr is the provider for packages that the CDN jsDelivr serves,
// and for whatever speaks its protocol.
//
// Its data API lists the versions of a package and the files of a version with
// the sha256 of each; its CDN gives them one by one. So a release of it is a
// files release: the first file of a package costs one list and one file,
// however large the package is.
//
// The packages are those of npm, by their names, or the repositories of GitHub:
// @owner/repo then, with tags that are versions, with or without a "v" before
// them. jsDelivr carries no package beyond a size that it sets itself. That it
// says so of one is a definite answer: the package is not found here, and the
// next provider is asked.
package jsdelivr

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/unpack"
	"github.com/registryd/registryd/pkgref"
)

// The public service.
const (
	DefaultAPI = "https://data.jsdelivr.com" // of versions and lists of files
	DefaultCDN = "https://cdn.jsdelivr.net"  // of the files
)

// The values of Config.Source.
const (
	SourceNPM    = "npm" // packages of npm
	SourceGitHub = "gh"  // repositories of GitHub, named @owner/repo
)

// Config of a Provider.
type Config struct {
	Name   string        // "" is "jsdelivr"
	API    string        // base URL; "" is DefaultAPI
	CDN    string        // base URL; "" is DefaultCDN
	Source string        // SourceNPM or SourceGitHub; "" is SourceNPM
	Client *fetch.Client // required
	// DocumentLimit and FileLimit are in bytes; 0: 64 MiB and 256 MiB.
	DocumentLimit, FileLimit int64
	// Limits bound the list of files as they bound an archive. Entries, Path
	// and Depth of 0: 100,000, 1,024 and 128; Unpacked has no meaning here.
	Limits unpack.Limits
	Logger *slog.Logger // nil: discard
}

// Trusted returns the host:port pairs that the configuration names, for
// fetch.Config.Trusted.
func (c Config) Trusted() []string {
	var addrs []string
	for _, s := range []string{c.API, c.CDN} {
		if u, err := parseBase(s); s != "" && err == nil {
			addrs = append(addrs, net.JoinHostPort(strings.ToLower(u.Hostname()), cmp.Or(u.Port(), defaultPort(u.Scheme))))
		}
	}
	return addrs
}

func defaultPort(scheme string) string {
	if scheme == "http" {
		return "80"
	}
	return "443"
}

// Provider asks jsDelivr. Safe for concurrent use. It implements
// provider.Versioner, provider.Releaser and provider.FileOpener.
type Provider struct {
	name, source  string
	api, cdn      string // without a slash at the end
	origin        string // api and source
	client        *fetch.Client
	documentLimit int64
	fileLimit     int64
	limits        unpack.Limits
	log           *slog.Logger
}

// New checks the configuration. It makes no request. Errors: plain ones, for a
// person who writes configuration.
func New(c Config) (*Provider, error) {
	p := &Provider{
		name:          cmp.Or(c.Name, "jsdelivr"),
		source:        cmp.Or(c.Source, SourceNPM),
		client:        c.Client,
		documentLimit: cmp.Or(c.DocumentLimit, 64<<20),
		fileLimit:     cmp.Or(c.FileLimit, 256<<20),
		limits: unpack.Limits{
			Entries: cmp.Or(c.Limits.Entries, 100_000), Path: cmp.Or(c.Limits.Path, 1024), Depth: cmp.Or(c.Limits.Depth, 128),
		},
		log: cmp.Or(c.Logger, slog.New(slog.DiscardHandler)),
	}
	if c.Client == nil {
		return nil, errors.New("jsdelivr provider without a client")
	}
	if p.source != SourceNPM && p.source != SourceGitHub {
		return nil, fmt.Errorf("source is %q: write %s or %s", c.Source, SourceNPM, SourceGitHub)
	}
	for _, base := range []struct {
		what, url string
		field     *string
	}{{"api", cmp.Or(c.API, DefaultAPI), &p.api}, {"cdn", cmp.Or(c.CDN, DefaultCDN), &p.cdn}} {
		u, err := parseBase(base.url)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", base.what, err)
		}
		*base.field = strings.TrimRight(u.String(), "/")
	}
	p.origin = p.api + " " + p.source
	return p, nil
}

// parseBase parses a base URL. Errors do not quote it.
func parseBase(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil ||
		u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return nil, errors.New("no URL such as https://host.example/path")
	}
	return u, nil
}

// Name is what the configuration calls the provider.
func (p *Provider) Name() string { return p.name }

// Source is the API that is asked, and for what.
func (p *Provider) Source(pkgref.Name) string { return p.origin }

// id returns what jsDelivr calls a package. Errors: outcome.NotFound for a name
// that no package of the source can have.
func (p *Provider) id(name pkgref.Name) (string, error) {
	if p.source == SourceNPM {
		return string(name), nil
	}
	repo, ok := strings.CutPrefix(string(name), "@")
	if !ok {
		return "", outcome.New(outcome.NotFound, "%s is no repository: those are called @owner/repo", name)
	}
	if repo != strings.ToLower(repo) {
		// Whatever the spelling, it is the same repository: two of them would be
		// two names, and a rule for the one would not hold for the other.
		return "", outcome.New(outcome.NotFound, "%s is spelled in lower case here", name)
	}
	return repo, nil
}

// sameID reports whether a document names the package that was asked for.
// Owners and repositories may be written in any case.
func (p *Provider) sameID(got, id string) bool {
	return got == id || p.source == SourceGitHub && strings.EqualFold(got, id)
}

// escape escapes a path. Slashes and the "@" of scopes stay, since routes are
// told by them; "+" does not, because some servers read it as a blank.
func escape(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = strings.ReplaceAll(url.PathEscape(s), "+", "%2B")
	}
	return strings.Join(segments, "/")
}
