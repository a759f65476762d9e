package daemon

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/plugin"
)

// Report says what a reload did.
type Report struct {
	Reloaded bool `json:"reloaded"` // always: a failure is an error
	// Removed are the releases that the rules took out of the view, as
	// name@version; never nil.
	Removed []string `json:"removed"`
	// Components are the versions of components that the rules took out of the
	// view, as name@version; nil: none.
	Components []string `json:"components_removed,omitempty"`
	// VisibleWithin is how long nginx may still answer from what it keeps, absence included, as a
	// duration such as "1m0s".
	VisibleWithin string `json:"visible_within"`
	DurationMS    int64  `json:"duration_ms"` // of the reload, in milliseconds
	// Plugins tells what became of each plugin; nil: there are none.
	Plugins *plugin.Report `json:"plugins,omitempty"`
}

// Reload reads the configuration anew and puts it in force, whole or not at
// all. When it returns, nothing that the new rules deny can be served from
// disk. Reloads run one after the other. Errors, one line each: outcome.Invalid
// when the configuration is wrong or changes what needs a restart, and the old
// one stays in force; outcome.Busy when the view could not be swept, although
// the new one is in force, or when the server is closed.
func (s *Server) Reload(ctx context.Context) (*Report, error) {
	return s.ReloadPlugins(ctx, plugin.Reload{})
}

// ReloadPlugins is Reload with a say in the plugins. With a filter the configuration is not read anew. Who asks for
// the same while a reload waits for its turn shares its result; one that began before he asked is none of his.
// Errors: as Reload; ctx.Err, while the reload goes on.
func (s *Server) ReloadPlugins(ctx context.Context, r plugin.Reload) (*Report, error) {
	return s.asked.do(ctx, r, &s.reloading, func() (*Report, error) { return s.reload(s.lifetime, r) })
}

// reload does one reload. The caller holds s.reloading.
func (s *Server) reload(ctx context.Context, r plugin.Reload) (*Report, error) {
	if s.lifetime.Err() != nil {
		return nil, outcome.New(outcome.Busy, "the daemon is stopping")
	}
	start := time.Now()
	next, err := s.read(ctx, r)
	if err != nil {
		s.metrics.reloads.WithLabelValues("failed").Inc()
		s.log.Error("reload failed, the configuration of before stays in force", "error", err)
		return nil, err
	}
	report := next.pluginReport()
	removed, withdrawn, err := s.enforce(next)
	if err != nil {
		s.metrics.reloads.WithLabelValues("unswept").Inc()
		s.log.Error("reload put the rules in force, but what they deny is still on disk: reload again", "error", err)
		return nil, err
	}
	took := time.Since(start).Milliseconds()
	s.metrics.reloads.WithLabelValues("done").Inc()
	s.log.Info("reload", "removed", len(removed), "components_removed", len(withdrawn), "dur_ms", took)
	return &Report{
		Reloaded: true, Removed: removed, Components: withdrawn,
		VisibleWithin: max(next.config.Nginx.CachePeriod, next.config.NegativeCacheTime).String(), DurationMS: took, Plugins: report,
	}, nil
}

// read builds what the configuration says now. Nothing of it is in force yet.
func (s *Server) read(ctx context.Context, r plugin.Reload) (*generation, error) {
	if r.Filter != "" {
		return s.rebuild(ctx, s.current().config, r)
	}
	c, err := s.options.Load()
	if err != nil {
		return nil, refused(err)
	}
	if keys := c.RestartKeys(s.current().config); len(keys) > 0 {
		return nil, outcome.New(outcome.Invalid, "a restart is needed to change %s", strings.Join(keys, ", "))
	}
	return s.rebuild(ctx, c, r)
}

func (s *Server) rebuild(ctx context.Context, c *config.Config, r plugin.Reload) (*generation, error) {
	next, err := s.generation(ctx, c, r)
	if err != nil {
		return nil, refused(err)
	}
	return next, nil
}

// enforce swaps the generations and clears the view of what is denied now.
func (s *Server) enforce(next *generation) (removed, withdrawn []string, err error) {
	s.cache.SetPackBytes(next.config.Cache.Packs)
	s.setBudget(next.config)
	s.obeyComponents(next)
	old := s.put(next)
	removed, err = s.registry.Swap(next.registry)
	withdrawn, serr := next.sweepComponents()
	err = errors.Join(err, serr)
	if old.client != next.client {
		old.client.CloseIdle()
	}
	for _, note := range next.notes {
		s.log.Warn("configuration", "note", note)
	}
	if err != nil {
		return nil, nil, outcome.Wrap(outcome.Busy, flat{err}, "the new configuration is in force, but the view could not be swept")
	}
	if removed == nil {
		removed = []string{}
	}
	return removed, withdrawn, nil
}

// refused turns problems with a configuration into one line for whoever asked
// for the reload; the cause is of no use to a program.
func refused(err error) error { return outcome.New(outcome.Invalid, "%s", lineOf(err)) }

// flat is an error in one line, whatever was joined in it.
type flat struct{ err error }

// Error is part of error.
func (f flat) Error() string { return lineOf(f.err) }

// Unwrap returns the error with all its lines.
func (f flat) Unwrap() error { return f.err }

func lineOf(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
