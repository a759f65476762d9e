package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/fetch"
	moduleplugin "github.com/registryd/registryd/module/plugin"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/plugin/js"
	"github.com/registryd/registryd/plugin/process"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/npm"
	pluginprovider "github.com/registryd/registryd/provider/plugin"
)

// PluginConfig is how the daemon runs plugins: the engines, and what it asks of each plugin. log may be nil.
func PluginConfig(log *slog.Logger) plugin.Config {
	return plugin.Config{
		Engines: map[string]plugin.Engine{
			plugin.EngineJS: &js.Engine{}, plugin.EngineProcess: process.New(process.Config{Logger: log}), plugin.EngineData: moduleplugin.Data{},
		},
		Accept: newModules(nil, log).accept, VerifySRI: verifySRI, Logger: log,
	}
}

// PluginSettings are what a configuration says about plugins. npm's own configuration is read for proxy and authorities.
// Errors: plain ones, for a person who writes configuration.
func PluginSettings(c *config.Config) (plugin.Settings, error) {
	home, _ := os.UserHomeDir()                                                // none: no user's file
	settings, _ := npm.ReadSettings(npm.SettingsOptions{Dir: ".", Home: home}) // what it cannot read, it leaves out
	f, err := fetchConfig(c, settings)
	return pluginSettings(c, f), err
}

func pluginSettings(c *config.Config, f fetch.Config) plugin.Settings {
	want := plugin.Settings{Drain: c.Timeouts.Drain, Fetch: f}
	if m := c.Modules; m != nil {
		want.Modules, want.StrictModules = m.Dir, m.Strict
	}
	if p := c.Plugins; p != nil {
		want.Dir, want.Budget, want.Strict = p.Dir, p.Budget, p.Strict
	}
	return want
}

// CheckPlugins loads the plugins of a configuration as a start would, and gives them up again. It returns what a start
// would note. Errors: those that would keep the daemon from starting, a line each.
func CheckPlugins(ctx context.Context, c *config.Config) (notes []string, err error) {
	settings, err := PluginSettings(c)
	if err != nil {
		return nil, err
	}
	m := plugin.NewManager(PluginConfig(nil))
	defer m.Revoke()
	change, err := m.Prepare(ctx, settings, plugin.Reload{})
	if err != nil {
		return nil, fmt.Errorf("plugins: %w", err)
	}
	defer change.Discard()
	for _, failed := range change.Report().Failed {
		notes = append(notes, notLoaded(failed))
	}
	for _, p := range c.Providers {
		if _, ok := offered(change, p.Name); p.Type == "plugin" && !ok {
			notes = append(notes, missingPlugin(p.Name))
		}
	}
	_, unnamed, err := unnamedPlugins(c, change.Loaded())
	return append(notes, unnamed...), err
}

// TryPlugin asks a plugin that m has loaded what every provider is asked, as pluginprovider.Try does: while its servers
// answer 404, or 429 when trouble is set. asked may be nil.
func TryPlugin(ctx context.Context, m *plugin.Manager, p plugin.Candidate, names []pkgref.Name, trouble bool, asked func() int) []pluginprovider.Finding {
	return pluginprovider.Try(ctx, pluginprovider.Config{Manager: m, Plugin: p.Manifest.Name}, p.Offers, names, trouble, asked)
}

func missingPlugin(name string) string {
	return fmt.Sprintf("provider %s is a plugin that is not loaded: what it may have cannot be answered", name)
}

func notLoaded(f plugin.Failure) string {
	return fmt.Sprintf("plugin %s is not loaded: %s: %s", f.Name, f.Path, f.Error)
}

// acceptPlugin refuses a plugin that does not offer what its kind needs.
func acceptPlugin(p *plugin.Candidate, _ []*plugin.Candidate) error {
	if p.Manifest.Kind == plugin.KindProvider {
		return pluginprovider.Usable(p.Offers)
	}
	return nil
}

// verifySRI compares data with a digest as the digests of tarballs are compared.
func verifySRI(integrity string, data []byte) (bool, error) {
	i, err := provider.ParseIntegrity(integrity)
	if err != nil {
		return false, err
	}
	h := i.Hash()
	_, _ = h.Write(data) // a hash never fails
	return i.Verify(h.Sum(nil)) == nil, nil
}

// Plugins tells how the plugins do, by name.
func (s *Server) Plugins() []plugin.Status {
	if list := s.plugins.Status(); list != nil {
		return list
	}
	return []plugin.Status{}
}

// preparePlugins loads what the configuration names, without putting it in force: that happens with everything else.
func (s *Server) preparePlugins(ctx context.Context, c *config.Config, settings npm.Settings, g *generation, r plugin.Reload) error {
	f, err := s.fetchConfig(c, settings)
	if err != nil {
		return err
	}
	want := pluginSettings(c, f)
	g.look(want, r, s.current())
	if g.change, err = s.plugins.Prepare(ctx, want, r); err != nil {
		return fmt.Errorf("plugins: %w", err)
	}
	for _, failed := range g.change.Report().Failed {
		g.notes = append(g.notes, notLoaded(failed))
	}
	return nil
}

// pluginReport is what a reload does to plugins, nil where there are none and were none.
func (g *generation) pluginReport() *plugin.Report {
	r := g.change.Report()
	g.reportModules(&r)
	if g.config.Plugins == nil && g.config.Modules == nil && len(r.Removed) == 0 {
		return nil
	}
	return &r
}

// offered returns the plugin of kind provider with that name, false when it will not be in force.
func offered(c *plugin.Change, name string) (plugin.Candidate, bool) {
	for _, p := range c.Loaded() {
		if p.Manifest.Name == name && p.Manifest.Kind == plugin.KindProvider {
			return p, true
		}
	}
	return plugin.Candidate{}, false
}

// namedPlugin is the provider of an entry of the configuration. One that is not loaded keeps its place: nobody else
// may answer for what it owns.
func (s *Server) namedPlugin(p config.Provider, g *generation) provider.Provider {
	c := pluginprovider.Config{Manager: s.plugins, Plugin: p.Name, Logger: s.log}
	found, ok := offered(g.change, p.Name)
	if !ok {
		g.notes = append(g.notes, missingPlugin(p.Name))
		return pluginprovider.Missing(c)
	}
	return pluginprovider.New(c, found.Offers)
}

// unnamedEntries are the entries of plugins that no provider names: before all others, in the order of their names.
// Errors: with plugins.strict, that there are some.
func (s *Server) unnamedEntries(c *config.Config, g *generation) ([]provider.Entry, error) {
	found, notes, err := unnamedPlugins(c, g.change.Loaded())
	g.notes = append(g.notes, notes...)
	var entries []provider.Entry
	for _, p := range found {
		config := pluginprovider.Config{Manager: s.plugins, Plugin: p.Manifest.Name, Logger: s.log}
		entries = append(entries, provider.Entry{Provider: pluginprovider.New(config, p.Offers)})
	}
	return entries, err
}

// unnamedPlugins are the plugins of kind provider that no provider names, with a note for each, also for one that
// stands nowhere because its name is taken. Errors: with plugins.strict, that there are some.
func unnamedPlugins(c *config.Config, loaded []plugin.Candidate) (found []plugin.Candidate, notes []string, err error) {
	for _, p := range loaded {
		name := p.Manifest.Name
		if p.Manifest.Kind != plugin.KindProvider {
			continue
		}
		i := slices.IndexFunc(c.Providers, func(p config.Provider) bool { return p.Name == name })
		switch {
		case i >= 0 && c.Providers[i].Type == "plugin":
		case c.Plugins != nil && c.Plugins.Strict:
			return nil, nil, fmt.Errorf("plugins.strict: no provider of type plugin names %s", name)
		case i >= 0:
			notes = append(notes, fmt.Sprintf("plugin %s has the name of a provider of type %s and is not asked: rename it", name, c.Providers[i].Type))
		default:
			found = append(found, p)
			notes = append(notes, fmt.Sprintf("plugin %s is named by no provider and stands before all of them", name))
		}
	}
	return found, notes, nil
}

// pluginLines say what is loaded.
func (s *Server) pluginLines(g *generation) []string {
	if g.config.Plugins == nil {
		return nil
	}
	var names []string
	for _, p := range s.plugins.Loaded() {
		names = append(names, fmt.Sprintf("%s (%s, %s)", p.Manifest.Name, p.Manifest.Kind, p.Manifest.Engine))
	}
	if len(names) == 0 {
		names = []string{"none"}
	}
	return []string{"plugins        " + strings.Join(names, ", ")}
}
