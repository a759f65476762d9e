// Package npm is the provider for registries that speak npm's protocol.
//
// A package is described by one document, GET /<name>, which can be tens of
// megabytes long: it is read as a stream and only a small index of it is kept.
// One exact version is looked up by its own small document, GET
// /<name>/<version>.
//
// No registry is built in. Which one to ask, and with what credentials, is
// configured, or found where npm itself looks for it: see ReadSettings and
// AskNPM.
package npm

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// ErrNoRegistry says that nothing names a registry. The caller leaves the
// provider out, or asks npm.
var ErrNoRegistry = errors.New("no npm registry is configured: set registry, npm_config_registry or .npmrc")

// The values of Config.Integrity.
const (
	IntegrityRequired = "required" // a release without a digest is refused
	IntegrityOptional = "optional" // it is taken as it comes
)

// Config of a Provider.
type Config struct {
	Name     string // "" is "npm"
	Registry string // base URL; "" takes Settings.Registry
	// Token is sent as a bearer token to Registry, or to Settings.Registry
	// where Registry is "", and to nothing beside it.
	Token string
	// Integrity is IntegrityRequired or IntegrityOptional; "" is required.
	Integrity string
	// Scopes are the registries of scopes, "@scope" → base URL. They go before
	// those of Settings.
	Scopes   map[string]string
	Settings Settings      // what npm itself is configured with
	Client   *fetch.Client // required
	// DocumentLimit and ArchiveLimit are in bytes; 0: 64 MiB and 256 MiB.
	DocumentLimit, ArchiveLimit int64
	Logger                      *slog.Logger // nil: discard
}

// Trusted returns the host:port pairs that the configuration names, for
// fetch.Config.Trusted.
func (c Config) Trusted() []string {
	urls := []string{c.Registry, c.Settings.Registry}
	urls = slices.AppendSeq(urls, maps.Values(c.Scopes))
	urls = slices.AppendSeq(urls, maps.Values(c.Settings.Scopes))
	var addrs []string
	for _, s := range urls {
		if u, err := parseRegistry(s); err == nil {
			addrs = append(addrs, hostPort(u))
		}
	}
	slices.Sort(addrs)
	return slices.Compact(addrs)
}

// Provider asks npm registries. Safe for concurrent use. It implements
// provider.Versioner, provider.Releaser and provider.ArchiveOpener.
type Provider struct {
	name          string
	registry      *url.URL // base, with a slash at its end
	scopes        map[string]*url.URL
	sources       map[string]string // by scope, "" for the others
	auth          credentials
	optional      bool // Integrity
	client        *fetch.Client
	documentLimit int64
	archiveLimit  int64
	log           *slog.Logger
}

// New checks the configuration. It makes no request. Errors: ErrNoRegistry;
// plain ones, for a person who writes configuration.
func New(c Config) (*Provider, error) {
	if c.Client == nil {
		return nil, errors.New("npm provider without a client")
	}
	p := &Provider{
		name:          cmp.Or(c.Name, "npm"),
		optional:      c.Integrity == IntegrityOptional,
		client:        c.Client,
		documentLimit: cmp.Or(c.DocumentLimit, 64<<20),
		archiveLimit:  cmp.Or(c.ArchiveLimit, 256<<20),
		log:           cmp.Or(c.Logger, slog.New(slog.DiscardHandler)),
	}
	if !p.optional && c.Integrity != "" && c.Integrity != IntegrityRequired {
		return nil, fmt.Errorf("integrity is %q: write %s or %s", c.Integrity, IntegrityRequired, IntegrityOptional)
	}
	registry := cmp.Or(c.Registry, c.Settings.Registry)
	if registry == "" {
		return nil, ErrNoRegistry
	}
	base, err := parseRegistry(registry)
	if err != nil {
		return nil, fmt.Errorf("registry: %w", err)
	}
	p.registry = base
	if err := p.readScopes(c); err != nil {
		return nil, err
	}
	p.sources = map[string]string{"": withoutUser(p.registry).String()}
	for scope, base := range p.scopes {
		p.sources[scope] = withoutUser(base).String()
	}
	p.auth = p.credentials(c)
	return p, nil
}

func (p *Provider) readScopes(c Config) error {
	p.scopes = make(map[string]*url.URL)
	for _, scopes := range []map[string]string{c.Settings.Scopes, c.Scopes} {
		for scope, registry := range scopes {
			base, err := parseRegistry(registry)
			if err != nil {
				return fmt.Errorf("registry of %s: %w", scope, err)
			}
			p.scopes["@"+strings.TrimPrefix(scope, "@")] = base
		}
	}
	return nil
}

// Name is what the configuration calls the provider.
func (p *Provider) Name() string { return p.name }

// Registry returns the base URL for names without a scope registry of their
// own, without user info.
func (p *Provider) Registry() string { return p.sources[""] }

// Source is the base URL of the registry that is asked for name, without user
// info.
func (p *Provider) Source(name pkgref.Name) string {
	if s, ok := p.sources[name.Scope()]; ok {
		return s
	}
	return p.sources[""]
}

// base returns the registry to ask for a name. A scope with a registry of its
// own is asked nowhere else.
func (p *Provider) base(name pkgref.Name) *url.URL {
	if u := p.scopes[name.Scope()]; u != nil && name.Scope() != "" {
		return u
	}
	return p.registry
}

// documentURL returns the URL of a name's document, and with a version that of
// the version's.
func (p *Provider) documentURL(name pkgref.Name, version string) *url.URL {
	escaped := escape(string(name))
	if version != "" {
		escaped += "/" + escape(version)
	}
	u := *p.base(name)
	u.User = nil
	raw := u.EscapedPath() + escaped
	path, err := url.PathUnescape(raw)
	if err != nil {
		path = raw // not reached: both parts are escaped
	}
	u.Path, u.RawPath = path, raw
	return &u
}

// escape escapes one segment of a path. A scope's slash becomes %2f, its "@"
// stays, and "+" is escaped too, because some registries read it as a blank.
func escape(s string) string {
	s = url.PathEscape(s)
	s = strings.ReplaceAll(s, "%2F", "%2f")
	s = strings.ReplaceAll(s, "%40", "@")
	return strings.ReplaceAll(s, "+", "%2B")
}

// parseRegistry parses the base URL of a registry and ends it with a slash.
// Errors do not quote it, because it may hold a password.
func parseRegistry(s string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil {
		return nil, errors.New("malformed URL")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, fmt.Errorf("%q is no http or https URL", withoutUser(u))
	}
	u.RawQuery, u.Fragment, u.RawFragment = "", "", ""
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
		if u.RawPath != "" {
			u.RawPath += "/"
		}
	}
	return u, nil
}

func withoutUser(u *url.URL) *url.URL {
	c := *u
	c.User = nil
	return &c
}

// nonsense is the error for an answer that cannot be what was asked for.
func nonsense(err error, name pkgref.Name) error {
	if outcome.Known(err) || !errors.Is(err, errSyntax) {
		return err // the stream's own
	}
	return outcome.Wrap(outcome.Unavailable, err, "document of %s", name)
}
