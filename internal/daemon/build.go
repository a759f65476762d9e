package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/unpack"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/dir"
	"github.com/registryd/registryd/provider/github"
	"github.com/registryd/registryd/provider/jsdelivr"
	"github.com/registryd/registryd/provider/npm"
	urlprovider "github.com/registryd/registryd/provider/url"
	"github.com/registryd/registryd/registry"
)

// generation builds everything that a configuration describes, without putting
// it in force. Errors: what is wrong with the configuration, for a person.
func (s *Server) generation(ctx context.Context, c *config.Config, r plugin.Reload) (*generation, error) {
	rules, err := registry.NewRules(c.Policy)
	if err != nil {
		return nil, fmt.Errorf("policy.rules: %w", err)
	}
	g := &generation{config: c}
	if g.withdrawn, err = componentRules(c); err != nil {
		return nil, err
	}
	settings := s.npmSettings(ctx, c, g)
	g.asks = asksOf(c, settings)
	if g.client, err = s.clientOf(c, settings, g.asks); err != nil {
		return nil, err
	}
	if r.Matched, err = s.modules.prepare(ctx, g, r); err != nil {
		return nil, err
	}
	if err := s.preparePlugins(ctx, c, settings, g, r); err != nil {
		g.discard()
		return nil, err
	}
	chain, err := s.chain(c, settings, g)
	if err == nil {
		err = s.modules.join(ctx, g)
	}
	if err == nil {
		g.components, err = s.openComponents(c)
	}
	if err != nil {
		g.discard()
		return nil, err
	}
	g.registry = &registry.Generation{
		Chain: chain, Rules: rules, Newest: c.Resolve == "newest",
		CacheTime: c.CacheTime, NegativeCacheTime: c.NegativeCacheTime,
		StaleWhileRevalidate: c.StaleWhileRevalidate, StaleIfError: c.StaleIfError,
		Archive:  archiveLimits(c),
		MaxBytes: c.Limits.Tarball, FlightTime: 2 * c.Timeouts.Total,
		Precompress: registry.Precompress(c.Precompress),
	}
	return g, nil
}

// client builds the one guarded client of a generation. Hosts that the
// configuration itself names may have private addresses; hosts that a document
// from upstream names may not.
func (s *Server) client(c *config.Config, settings npm.Settings) (*fetch.Client, error) {
	var trusted []string
	for _, p := range c.Providers {
		switch p.Type {
		case "npm":
			trusted = append(trusted, npmConfig(p, settings).Trusted()...)
		case "github":
			trusted = append(trusted, githubConfig(p).Trusted()...)
		case "jsdelivr":
			trusted = append(trusted, jsdelivrConfig(p).Trusted()...)
		case "url":
			trusted = append(trusted, urlConfig(p).Trusted()...)
		default:
			trusted = append(trusted, ownTrusted(p)...)
		}
	}
	f, err := s.fetchConfig(c, settings)
	if err != nil {
		return nil, err
	}
	f.Trusted = trusted
	return fetch.New(f)
}

// fetchConfig is what all clients of a generation have in common.
func (s *Server) fetchConfig(c *config.Config, settings npm.Settings) (fetch.Config, error) {
	f, err := fetchConfig(c, settings)
	f.UserAgent, f.Logger, f.Observe = "registryd/"+s.options.Version, s.log, s.fetched
	f.Ended = s.ended
	return f, err
}

// fetchConfig is what a configuration says about requests.
func fetchConfig(c *config.Config, settings npm.Settings) (fetch.Config, error) {
	proxy, err := proxyFunc(c, settings)
	if err != nil {
		return fetch.Config{}, err
	}
	ca := c.CAFile
	if ca == "" {
		ca = settings.CAFile
	}
	return fetch.Config{
		ConnectTimeout: c.Timeouts.Connect, HeaderTimeout: c.Timeouts.Header, StallTimeout: c.Timeouts.Stall,
		TotalTimeout: c.Timeouts.Total, Concurrency: c.Limits.UpstreamConcurrency, CAFile: ca,
		Proxy: proxy, Offline: c.Offline,
	}, nil
}

// ended counts and logs what was asked upstream.
func (s *Server) ended(ctx context.Context, e fetch.Ended) {
	s.metrics.sent(e)
	if !s.log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	attrs := []slog.Attr{
		slog.String("provider", e.Provider), slog.String("method", e.Method), slog.String("url", httpx.Clip(e.URL)), slog.String("host", e.Host),
		slog.Int("status", e.Status), slog.String("outcome", httpx.Label(e.Err)), slog.Int("requests", e.Requests),
		slog.Int64("bytes", e.Bytes), slog.Float64("dur_ms", float64(e.Duration.Microseconds())/1000),
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("error", e.Err.Error()))
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "upstream", attrs...)
}

// proxyFunc prefers our own setting to npm's, and that to the environment.
func proxyFunc(c *config.Config, settings npm.Settings) (func(*http.Request) (*url.URL, error), error) {
	if c.Proxy == "" {
		return settings.ProxyFunc()
	}
	u, err := url.Parse(c.Proxy)
	if err != nil {
		return nil, errors.New("proxy is no URL")
	}
	return http.ProxyURL(u), nil
}

// chain builds the providers in order.
func (s *Server) chain(c *config.Config, settings npm.Settings, g *generation) (*provider.Chain, error) {
	entries, err := s.unnamedEntries(c, g)
	if err != nil {
		return nil, err
	}
	for _, p := range c.Providers {
		entry, err := s.entry(p, c, settings, g)
		// Line is 0 where nobody asked for the provider: it stands there by default.
		if errors.Is(err, npm.ErrNoRegistry) && p.Line == 0 {
			g.notes = append(g.notes, fmt.Sprintf("provider %s is left out: %v", p.Name, err))
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%sprovider %s: %w", place(c, p.Line), p.Name, err)
		}
		entries = append(entries, entry)
	}
	if len(entries) == 0 {
		g.notes = append(g.notes, "no provider is left: only what is held already is served")
	}
	return provider.NewChain(entries)
}

// place is where a line of the configuration is, as a beginning of messages; ""
// for what the file does not have.
func place(c *config.Config, line int) string {
	if line == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%d: ", c.File, line)
}

// entry builds one provider and what it owns.
func (s *Server) entry(p config.Provider, c *config.Config, settings npm.Settings, g *generation) (provider.Entry, error) {
	built, err := s.provider(p, c, settings, g)
	if err != nil {
		return provider.Entry{}, err
	}
	entry := provider.Entry{Provider: built, SkipOnError: p.SkipOnError}
	for _, text := range p.Names {
		pattern, err := pkgref.ParsePattern(text, false)
		if err != nil {
			return provider.Entry{}, err
		}
		entry.Names = append(entry.Names, pattern)
	}
	return entry, nil
}

func (s *Server) provider(p config.Provider, c *config.Config, settings npm.Settings, g *generation) (provider.Provider, error) {
	client := g.client.For(p.Name)
	switch p.Type {
	case "npm":
		n := npmConfig(p, settings)
		n.Client, n.Logger = client, s.log
		n.DocumentLimit, n.ArchiveLimit = c.Limits.Document, c.Limits.Tarball
		return npm.New(n)
	case "dir":
		return dir.New(dir.Config{Name: p.Name, Path: p.Dir.Path, Rescan: p.Dir.Rescan})
	case "github":
		g := githubConfig(p)
		g.Client, g.Logger = client, s.log
		g.DocumentLimit, g.ArchiveLimit = c.Limits.Document, c.Limits.Tarball
		return github.New(g)
	case "jsdelivr":
		j := jsdelivrConfig(p)
		j.Client, j.Logger, j.Limits = client, s.log, archiveLimits(c)
		j.DocumentLimit, j.FileLimit = c.Limits.Document, c.Limits.Tarball
		return jsdelivr.New(j)
	case "url":
		u := urlConfig(p)
		u.Client, u.Logger = client, s.log
		u.DocumentLimit, u.FileLimit = c.Limits.Document, c.Limits.Tarball
		return urlprovider.New(u)
	case "plugin":
		return s.namedPlugin(p, g), nil
	}
	return s.ownProvider(p, c.Limits.Tarball, client)
}

func npmConfig(p config.Provider, settings npm.Settings) npm.Config {
	return npm.Config{
		Name: p.Name, Registry: p.NPM.Registry, Token: p.NPM.Token, Integrity: p.NPM.Integrity,
		Scopes: p.NPM.Scopes, Settings: settings,
	}
}

func githubConfig(p config.Provider) github.Config {
	return github.Config{
		Name: p.Name, API: p.GitHub.API, Token: p.GitHub.Token, Scope: p.GitHub.Scope, Repo: p.GitHub.Repo,
		Source: p.GitHub.Source, Pages: p.GitHub.Pages,
	}
}

func jsdelivrConfig(p config.Provider) jsdelivr.Config {
	return jsdelivr.Config{Name: p.Name, API: p.JSDelivr.API, CDN: p.JSDelivr.CDN, Source: p.JSDelivr.Source}
}

func urlConfig(p config.Provider) urlprovider.Config {
	return urlprovider.Config{Name: p.Name, URL: p.URL.Files, VersionsURL: p.URL.Versions}
}

// budgetOf is what the data directory may hold.
func budgetOf(c *config.Config) cache.Amount {
	return cache.Amount{Bytes: c.Cache.MaxBytes, Files: c.Cache.MaxFiles}
}

// archiveLimits are what a release may cost, whether it comes as an archive or
// as a list of files.
func archiveLimits(c *config.Config) unpack.Limits {
	return unpack.Limits{Unpacked: c.Limits.Unpacked, Entries: c.Limits.Entries, Path: c.Limits.Path, Depth: c.Limits.Depth}
}

// noteRegistry keeps what npm answered, since asking it takes a while.
const noteRegistry = "npm-registry"

// npmSettings reads npm's own configuration. Where that names no registry and a
// provider needs one, npm itself is asked: at the first start while we wait,
// later in the background, for the start after.
func (s *Server) npmSettings(ctx context.Context, c *config.Config, g *generation) npm.Settings {
	needed := false
	for _, p := range c.Providers {
		needed = needed || p.Type == "npm" && p.NPM.Registry == ""
	}
	home, _ := os.UserHomeDir() // none: no user's file
	settings, err := npm.ReadSettings(npm.SettingsOptions{Dir: ".", Home: home})
	if err != nil {
		g.notes = append(g.notes, lineOf(err))
	}
	if settings.Registry != "" || !needed {
		return settings
	}
	if settings.Registry = s.cache.Note(noteRegistry); settings.Registry != "" {
		s.asking.Do(func() { s.background.Go(func() { s.askNPM(s.lifetime) }) })
		return settings
	}
	settings.Registry = s.askNPM(ctx)
	return settings
}

// askNPM asks npm for its registry and keeps the answer, "" if it has none.
func (s *Server) askNPM(ctx context.Context) string {
	found, err := npm.AskNPM(ctx)
	if err != nil {
		s.log.Debug("npm does not tell a registry", "error", err)
		return ""
	}
	if found != s.cache.Note(noteRegistry) {
		if err := s.cache.PutNote(noteRegistry, found); err != nil {
			s.log.Warn("cannot keep npm's registry for the next start", "error", err)
		}
	}
	return found
}
