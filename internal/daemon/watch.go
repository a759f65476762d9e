package daemon

import (
	"context"
	"time"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/plugin"
)

// watchTick is how often files are looked at. A change is taken over when nothing changed for one more tick.
const watchTick = time.Second

// watchModules reloads modules and plugins when their files change, while the configuration wants it.
func (s *Server) watchModules(ctx context.Context) {
	tick := time.NewTicker(watchTick)
	defer tick.Stop()
	tried, before := "", ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		g := s.current()
		if c := g.config.Modules; c == nil || !c.Watch {
			continue
		}
		now := pluginSettings(g.config, fetch.Config{}).Fingerprint()
		if now != "" && now != g.seen && now != tried && now == before {
			tried = now // what fails is not tried again before it changes
			s.log.Info("files of modules changed")
			_, _ = s.ReloadPlugins(ctx, plugin.Reload{Filter: watchAll}) // a failure is logged
		}
		before = now
	}
}

// watchAll is a filter for everything, by which the configuration is not read anew.
const watchAll = "*"

// look notes what the files of plugins are like before they are loaded.
func (g *generation) look(settings plugin.Settings, r plugin.Reload, before *generation) {
	switch {
	case g.config.Modules == nil || !g.config.Modules.Watch:
	case r.Filter == "" || r.Filter == watchAll || before == nil:
		g.seen = settings.Fingerprint()
	default:
		g.seen = before.seen // others may have changed, too
	}
}
