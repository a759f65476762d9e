package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/plugin/js"
	"github.com/registryd/registryd/plugin/process"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/npm"
	pluginprovider "github.com/registryd/registryd/provider/plugin"
)

// newPlugins returns the manager of plugins, which outlives all generations of the configuration.
func (s *Server) newPlugins() *plugin.Manager {
	return plugin.NewManager(plugin.Config{
		Engines: map[string]plugin.Engine{
			plugin.EngineJS: &js.Engine{}, plugin.EngineProcess: process.New(process.Config{Logger: s.log}),
		},
		Accept: acceptPlugin, VerifySRI: verifySRI, Logger: s.log,
	})
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
	want := plugin.Settings{Drain: c.Timeouts.Drain, Fetch: f}
	if p := c.Plugins; p != nil {
		want.Dir, want.Budget, want.Strict = p.Dir, p.Budget, p.Strict
	}
	if g.change, err = s.plugins.Prepare(ctx, want, r); err != nil {
		return fmt.Errorf("plugins: %w", err)
	}
	for _, failed := range g.change.Report().Failed {
		g.notes = append(g.notes, fmt.Sprintf("plugin %s is not loaded: %s: %s", failed.Name, failed.Path, failed.Error))
	}
	return nil
}

// pluginReport is what a reload does to plugins, nil where there are none and were none.
func (g *generation) pluginReport() *plugin.Report {
	if g.change == nil || g.config.Plugins == nil {
		return nil
	}
	r := g.change.Report()
	return &r
}

// offered returns the plugin of kind provider with that name, false when it will not be in force.
func (g *generation) offered(name string) (plugin.Candidate, bool) {
	for _, p := range g.change.Loaded() {
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
	found, ok := g.offered(p.Name)
	if !ok {
		g.notes = append(g.notes, fmt.Sprintf("provider %s is a plugin that is not loaded: what it may have cannot be answered", p.Name))
		return pluginprovider.Missing(c)
	}
	return pluginprovider.New(c, found.Offers)
}

// unnamedPlugins are the entries of plugins that no provider names: before all others, in the order of their names.
// Errors: with plugins.strict, that there are some.
func (s *Server) unnamedPlugins(c *config.Config, g *generation) ([]provider.Entry, error) {
	var entries []provider.Entry
	for _, p := range g.change.Loaded() {
		name := p.Manifest.Name
		if p.Manifest.Kind != plugin.KindProvider {
			continue
		}
		i := slices.IndexFunc(c.Providers, func(p config.Provider) bool { return p.Name == name })
		switch {
		case i >= 0 && c.Providers[i].Type == "plugin":
		case c.Plugins != nil && c.Plugins.Strict:
			return nil, fmt.Errorf("plugins.strict: no provider of type plugin names %s", name)
		case i >= 0:
			g.notes = append(g.notes, fmt.Sprintf("plugin %s has the name of a provider of type %s and is not asked: rename it", name, c.Providers[i].Type))
		default:
			config := pluginprovider.Config{Manager: s.plugins, Plugin: name, Logger: s.log}
			entries = append(entries, provider.Entry{Provider: pluginprovider.New(config, p.Offers)})
			g.notes = append(g.notes, fmt.Sprintf("plugin %s is named by no provider and stands before all of them", name))
		}
	}
	return entries, nil
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
