package daemon

import (
	"reflect"
	"slices"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/provider/npm"
)

// asks is all that decides how upstreams are asked.
type asks struct {
	providers   []config.Provider
	timeouts    config.Timeouts
	concurrency int
	proxy       string
	offline     bool
	npm         npm.Settings
}

func asksOf(c *config.Config, settings npm.Settings) asks {
	providers := slices.Clone(c.Providers)
	for i := range providers {
		providers[i].Line = 0
	}
	return asks{providers, c.Timeouts, c.Limits.UpstreamConcurrency, c.Proxy, c.Offline, settings}
}

// clientOf returns the client of the generation in force where nothing about
// upstreams changes: who asked to be left alone, or only fails, is not asked
// again because of a reload, and all its requests share one limit. A file of
// roots may have changed under its name, so with one the client is a new one.
func (s *Server) clientOf(c *config.Config, settings npm.Settings, now asks) (*fetch.Client, error) {
	old := s.current()
	if old != nil && c.CAFile == "" && settings.CAFile == "" && reflect.DeepEqual(old.asks, now) {
		return old.client, nil
	}
	return s.client(c, settings)
}
