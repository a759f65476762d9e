package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/registryd/registryd/component"
	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/status"
	"github.com/registryd/registryd/internal/unpack"
	"github.com/registryd/registryd/registry"
	"github.com/registryd/registryd/store"
	"github.com/registryd/registryd/store/file"
	"github.com/registryd/registryd/store/s3"
)

// components is a component registry with its store. Generations whose
// configurations name the same store and prefix share one.
type components struct {
	store    config.ComponentStore
	prefix   string
	registry *component.Registry
	closer   io.Closer // of the store
}

// startTime bounds how long a start waits for a store that does not answer.
const startTime = 30 * time.Second

// openComponents returns the component registry of a configuration: the one that
// runs, where it is the same; nil where the section is missing.
func (s *Server) openComponents(c *config.Config) (*components, error) {
	if c.Components == nil {
		return nil, nil
	}
	want := c.Components.Store
	if g := s.current(); g != nil && g.components != nil {
		old := g.components
		if old.store == want && old.prefix == c.Components.Prefix {
			return old, nil
		}
		if old.store.Type == "file" && want.Type == "file" && old.store.Path == want.Path { // it would be needed twice at once
			return nil, errors.New("components.prefix: a restart is needed to change it while the store stays")
		}
	}
	opened, closer, err := openStore(want)
	if err != nil {
		return nil, err
	}
	r := component.New(component.Config{
		Store: opened, Shared: want.Type == "s3", View: s.cache.ComponentView(c.Components.Prefix), Logger: s.log,
		Memory: s.cache, Place: want.Endpoint + " " + want.Bucket,
	})
	start := func() {
		ctx, cancel := context.WithTimeout(s.lifetime, startTime)
		defer cancel()
		r.Start(ctx)
	}
	if want.Type == "file" {
		start()
	} else {
		s.background.Go(start) // packages need not wait for it
	}
	return &components{store: want, prefix: c.Components.Prefix, registry: r, closer: closer}, nil
}

// componentRules compiles what a configuration says about versions of components.
func componentRules(c *config.Config) (component.Rules, error) {
	if c.Components == nil {
		return component.Rules{}, nil
	}
	gate, err := registry.NewComponentRules(config.Policy{Conceal: c.Policy.Conceal, Rules: c.Components.Rules})
	if err != nil {
		return component.Rules{}, fmt.Errorf("components.rules: %w", err)
	}
	return component.Rules{Gate: gate, MaxHosts: c.Components.MaxHosts}, nil
}

// obeyComponents puts the rules of a generation in force for its components, and
// for those of the generation before, which end what they began. The generation
// itself need not be in force yet.
func (s *Server) obeyComponents(g *generation) {
	if g.components == nil {
		return
	}
	g.components.registry.Obey(g.withdrawn)
	if old := s.current(); old != nil && old.components != nil && old.components != g.components {
		old.components.registry.Obey(g.withdrawn)
	}
}

// sweepComponents takes what its rules deny out of the view. Errors: those of
// component.Registry.Sweep.
func (g *generation) sweepComponents() ([]string, error) {
	if g.components == nil {
		return nil, nil
	}
	return g.components.registry.Sweep()
}

func openStore(c config.ComponentStore) (store.Store, io.Closer, error) {
	if c.Type == "s3" {
		b, err := s3.New(bucket(c))
		return b, b, err
	}
	f, err := file.Open(c.Path)
	return f, f, err
}

// bucket fills in from the usual variables what the configuration leaves out.
func bucket(c config.ComponentStore) s3.Config {
	b := s3.Config{
		Bucket: c.Bucket, Endpoint: c.Endpoint, Region: c.Region, PathStyle: c.PathStyle, AccessKey: c.AccessKey, SecretKey: c.SecretKey,
	}
	if b.AccessKey == "" && b.SecretKey == "" {
		b.AccessKey, b.SecretKey, b.Session = os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), os.Getenv("AWS_SESSION_TOKEN")
	}
	return b
}

// close ends a registry and gives its store back; nil is nothing.
func (c *components) close() {
	if c == nil {
		return
	}
	c.registry.Close()
	c.closer.Close()
}

// retire ends the registry of an old generation when its requests have had the
// time that a stopping daemon gives them.
func (s *Server) retire(old, next *generation) {
	if old == nil || old.components == nil || old.components == next.components {
		return
	}
	s.background.Go(func() {
		select {
		case <-time.After(old.config.Timeouts.Drain):
		case <-s.lifetime.Done():
		}
		old.components.close()
	})
}

// componentRoutes is the handler of everything below the prefix of components;
// nil where there are none.
func (s *Server) componentRoutes(g *generation, adapter *httpx.Adapter) http.Handler {
	if g.components == nil {
		return nil
	}
	c := g.config
	h := component.NewHandler(component.HandlerConfig{
		Registry: g.components.registry, Prefix: c.Components.Prefix, Internal: c.Root.Internal, Nginx: c.Accel == "nginx",
		Token: c.Components.Token, ReadOnly: c.Components.ReadOnly, MaxBody: c.Limits.Body, Archive: uploadLimits(c), Scratch: s.scratch,
		Audit: s.auditRecord, Published: func(label string) { s.metrics.publications.WithLabelValues(label).Inc() },
	})
	return adapter.Handle("components", s.gate.guard(h.Serve))
}

// scratch is a file of the data directory: temporary files of the system may be
// in memory.
func (s *Server) scratch() (component.Scratch, error) { return s.cache.Scratch() }

// uploadLimits are archiveLimits for a package whose files are in memory.
func uploadLimits(c *config.Config) unpack.Limits {
	limits := archiveLimits(c)
	limits.Unpacked = min(limits.Unpacked, c.Limits.Body)
	return limits
}

// countComponents registers how much the component registry knows.
func (s *Server) countComponents() {
	gauge := func(name, help string, one func(hosts, components, versions int) int) {
		s.metrics.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			if g := s.current(); g != nil && g.components != nil {
				return float64(one(g.components.registry.Index().Size()))
			}
			return 0
		}))
	}
	gauge("registryd_components_hosts", "Hosts that are registered.", func(n, _, _ int) int { return n })
	gauge("registryd_components_components", "Components that are published.", func(_, n, _ int) int { return n })
	gauge("registryd_components_versions", "Versions of components that are published.", func(_, _, n int) int { return n })
}

// knownComponents is what a report says of the component registry; nil: there is
// none.
func (g *generation) knownComponents() *status.Components {
	if g.components == nil {
		return nil
	}
	c := g.config.Components
	known := &status.Components{Store: c.Store.Type, MaxHosts: c.MaxHosts}
	known.Hosts, known.Names, known.Versions = g.components.registry.Index().Size()
	return known
}
