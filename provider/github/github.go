// Package github is the provider for repositories on GitHub, or on an
// installation of one's own that speaks the same REST API.
//
// The package @owner/repo is the repository owner/repo. Its versions are the
// repository's published releases whose tag is a version, as "1.2.3" or as
// "v1.2.3"; a repository that has no published release is taken by its plain
// tags. Where both spellings of one version are tagged, the one with the v
// counts: it is the usual one, so an exact version is mostly found by the
// first request. What else is tagged is left out, and so are drafts.
//
// latest is the release that is neither marked as a prerelease nor has the
// version of one and was created last, which is GitHub's own rule for
// repositories that mark none by hand; the list does not tell such a mark, and
// a request of its own would double the price of a list. Plain tags have no
// latest of their own, and neither have releases that are all prereleases: the
// highest version that is no prerelease takes its place, as in any list
// without dist-tags.
//
// GitHub spells names without regard to case; this package does not. A name is
// served only as the repository itself spells it, since otherwise every rule
// about a name could be passed by writing it differently. The former name of a
// repository that was renamed leads to the new one.
//
// The tarball of a tag is packed on request and no digest is published: see
// provider.Archive.Generated.
package github

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/pkgref"
)

// DefaultAPI is the base of the public API.
const DefaultAPI = "https://api.github.com"

// The values of Config.Source.
const (
	SourceReleases = "releases" // releases, or plain tags where there are none
	SourceTags     = "tags"     // plain tags alone
)

const (
	// DefaultPages is how many pages of a list are read.
	DefaultPages = 10
	// perPage is how many entries a page has: the most that the API grants.
	perPage = 100
	// maxPages keeps to what the API lists of anything: 10,000 entries.
	maxPages = 100
)

// Config of a Provider. The zero value of each field but Client means the
// stated default.
type Config struct {
	Name string // "" is "github"
	// API is the base URL; "" is DefaultAPI. For an installation of one's own
	// it ends in /api/v3.
	API string
	// Token is sent as a bearer token to the host of API, and to no other.
	// A token of Repo goes before one of Scope, and that before Token. An
	// empty one counts as none.
	Token string
	Scope map[string]string // owner, with or without "@", → token
	Repo  map[string]string // "@owner/repo" → token
	// Source is SourceReleases or SourceTags; "" is SourceReleases.
	Source string
	// Pages of 100 entries are read at most of a list, 1 to 100; 0 is
	// DefaultPages. Older versions are found when they are asked for exactly.
	Pages  int
	Client *fetch.Client // required
	// DocumentLimit and ArchiveLimit are in bytes; 0: 64 MiB and 256 MiB. The
	// former holds for each page.
	DocumentLimit, ArchiveLimit int64
	Logger                      *slog.Logger // nil: discard
}

// Trusted returns the host:port pairs that the configuration names, for
// fetch.Config.Trusted: the API's, and for an installation of one's own that of
// the host below it which packs tarballs.
func (c Config) Trusted() []string {
	u, err := parseAPI(cmp.Or(c.API, DefaultAPI))
	if err != nil || c.API == "" {
		return nil // the public one has public addresses
	}
	port := cmp.Or(u.Port(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	trusted := []string{net.JoinHostPort(u.Hostname(), port)}
	if strings.HasSuffix(u.Path, "/api/v3") && net.ParseIP(u.Hostname()) == nil {
		trusted = append(trusted, net.JoinHostPort("codeload."+u.Hostname(), port))
	}
	return trusted
}

// Provider asks GitHub. Safe for concurrent use. It implements
// provider.Versioner, provider.Releaser and provider.ArchiveOpener.
type Provider struct {
	name          string
	api           *url.URL // without a slash at its end
	origin        string   // the same, as text
	tokens        tokens
	source        string
	pages         int
	client        *fetch.Client
	documentLimit int64
	archiveLimit  int64
	throttle      throttle
	log           *slog.Logger
}

// New checks the configuration. It makes no request. Errors: plain ones, for a
// person who writes configuration; they quote no token.
func New(c Config) (*Provider, error) {
	if c.Client == nil {
		return nil, errors.New("github provider without a client")
	}
	p := &Provider{
		name:          cmp.Or(c.Name, "github"),
		source:        cmp.Or(c.Source, SourceReleases),
		pages:         cmp.Or(c.Pages, DefaultPages),
		client:        c.Client,
		documentLimit: cmp.Or(c.DocumentLimit, 64<<20),
		archiveLimit:  cmp.Or(c.ArchiveLimit, 256<<20),
		log:           cmp.Or(c.Logger, slog.New(slog.DiscardHandler)),
	}
	if p.source != SourceReleases && p.source != SourceTags {
		return nil, fmt.Errorf("source is %q: write %s or %s", c.Source, SourceReleases, SourceTags)
	}
	if p.pages < 1 || p.pages > maxPages {
		return nil, fmt.Errorf("pages is %d: it must be from 1 to %d", c.Pages, maxPages)
	}
	var err error
	if p.api, err = parseAPI(cmp.Or(c.API, DefaultAPI)); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	p.origin = p.api.String()
	if p.tokens, err = readTokens(c); err != nil {
		return nil, err
	}
	return p, nil
}

// Name is what the configuration calls the provider.
func (p *Provider) Name() string { return p.name }

// Source is the API that is asked.
func (p *Provider) Source(pkgref.Name) string { return p.origin }

// parseAPI parses the base URL without its last slash. Errors do not quote it,
// because it may hold a password.
func parseAPI(s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(strings.TrimSpace(s), "/"))
	switch {
	case err != nil || u.Opaque != "":
		return nil, errors.New("malformed URL")
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, errors.New("no http or https URL")
	case u.User != nil:
		return nil, errors.New("it holds a user or password: give a token instead")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("it holds a query or fragment")
	}
	return u, nil
}

// ours reports whether a URL is one of the API's own host.
func (p *Provider) ours(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Scheme == p.api.Scheme && strings.EqualFold(u.Host, p.api.Host)
}
