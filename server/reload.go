package server

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/registryd/registryd/internal/outcome"
)

// Report says what a reload did.
type Report struct {
	Reloaded bool `json:"reloaded"`
	// Removed are the releases that the rules took out of the view.
	Removed []string `json:"removed"`
	// VisibleWithin is how long nginx may still answer from what it keeps.
	VisibleWithin string `json:"visible_within"`
	DurationMS    int64  `json:"duration_ms"`
}

// Reload reads the configuration anew and puts it in force, whole or not at
// all. When it returns, nothing that the new rules deny can be served from
// disk. Reloads run one after the other. Errors: outcome.Invalid when the
// configuration is wrong or changes what needs a restart, the old one then
// stays in force; outcome.Busy when the view could not be swept.
func (s *Server) Reload(ctx context.Context) (*Report, error) {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	start := time.Now()
	report, err := s.reload(ctx)
	if err != nil {
		s.metrics.reloads.WithLabelValues("failed").Inc()
		s.log.Error("reload failed, the configuration of before stays in force", "error", err)
		return nil, err
	}
	report.DurationMS = time.Since(start).Milliseconds()
	s.metrics.reloads.WithLabelValues("done").Inc()
	s.log.Info("reload", "removed", len(report.Removed), "dur_ms", report.DurationMS)
	return report, nil
}

func (s *Server) reload(ctx context.Context) (*Report, error) {
	c, err := s.options.Load()
	if err != nil {
		return nil, outcome.Wrap(outcome.Invalid, err, "%s", oneLine(err))
	}
	if keys := c.RestartKeys(s.current().config); len(keys) > 0 {
		return nil, outcome.New(outcome.Invalid, "a restart is needed to change %s", strings.Join(keys, ", "))
	}
	next, err := s.generation(ctx, c)
	if err != nil {
		return nil, outcome.Wrap(outcome.Invalid, err, "%s", oneLine(err))
	}
	old := s.put(next)
	removed, err := s.registry.Swap(next.registry)
	old.client.CloseIdle()
	if err != nil {
		return nil, fmt.Errorf("the new configuration is in force, but the view could not be swept: %w", err)
	}
	if removed == nil {
		removed = []string{}
	}
	return &Report{Reloaded: true, Removed: removed, VisibleWithin: c.Nginx.CachePeriod.String()}, nil
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
