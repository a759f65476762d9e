// Package daemon builds the daemon from a configuration: it opens the data
// directory, builds the providers, listens, reloads and drains.
package daemon

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/registryd/registryd/accel"
	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/component"
	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/module"
	"github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/registry"
)

// Options of a Server.
type Options struct {
	// Load reads the configuration, once at the start and once for every reload.
	Load func() (*config.Config, error)
	// Version is what runs, for logs and metrics.
	Version string
	// Stderr receives logs and the start-up block; nil: os.Stderr. Writes to it
	// come one at a time.
	Stderr io.Writer
	// Inherited are sockets that listen already, opened by whoever started the
	// process and kept open by him, such as systemd for a socket unit. Each must be
	// one that the configuration's listen names, and Run takes it over. nil: all
	// addresses are opened by Run.
	Inherited []net.Listener
	// Providers build the providers of further types, by type. What Load returns
	// may name these and no others.
	Providers Providers
	// Modules make the modules written in Go, by name. They are served where the configuration has modules.
	Modules map[string]module.Factory
}

// Server is the daemon: an http.Handler with everything behind it. Safe for
// concurrent use. Make one with New, give it to Run, or to an HTTP server of
// one's own, and close it.
type Server struct {
	options  Options
	logging  *logging
	log      *slog.Logger
	metrics  *metrics
	failures *accel.FailureLimit
	cache    *cache.Cache
	registry *registry.Registry
	gate     *gate
	plugins  *plugin.Manager
	modules  *modules
	asked    reloadQueue
	past     past
	uses     *logUses // nil: files tell when they were used; held by a reload

	gen       atomic.Pointer[generation]
	reloading sync.Mutex // held by a reload, and by the end of everything

	asking     sync.Once // npm, for its registry
	background sync.WaitGroup
	lifetime   context.Context // the server's own, for what runs in the background
	end        context.CancelFunc
}

// generation is everything that a reload replaces. It is not changed once it is
// in force.
type generation struct {
	config   *config.Config
	registry *registry.Generation
	client   *fetch.Client // shared with generations that ask the same
	asks     asks
	change   *plugin.Change // of the plugins; nil once it is in force
	handler  http.Handler
	number   int       // 1 is that of the start
	applied  time.Time // when it was put in force
	// components is shared with other generations; nil: there is none.
	components *components
	// withdrawn is what its configuration says about versions of components.
	withdrawn component.Rules
	// goModules are the modules written in Go; nil once they are in force.
	goModules *module.SetChange
	table     *module.Table // of all modules
	seen      string        // of the files of plugins, when they were loaded; "": nobody watches them
	// moduleRoot serves modules at "/"; nil where they are off.
	moduleRoot http.Handler
	// notes are lines for the person who starts or reloads the daemon.
	notes []string
}

func (s *Server) current() *generation { return s.gen.Load() }

// put makes g what answers requests and returns what did before.
func (s *Server) put(g *generation) *generation {
	s.logging.configure(g.config.Log)
	s.modules.commit(g)
	g.change.Commit()
	g.change = nil
	g.handler = s.routes(g)
	g.number, g.applied = 1, time.Now()
	if old := s.current(); old != nil {
		g.number += old.number
	}
	if g.config.Modules != nil {
		g.moduleRoot = s.moduleServer(g.config, "/")
	}
	old := s.gen.Swap(g)
	s.retire(old, g)
	return old
}

// New opens the data directory and builds everything but the listeners. Errors,
// for the person who starts the daemon: those of Options.Load; else one line,
// which wraps what cache.Open returns, or says what is wrong with a provider.
func New(ctx context.Context, o Options) (*Server, error) {
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	c, err := o.Load()
	if err != nil {
		return nil, err
	}
	s := &Server{
		options: o, logging: newLogging(o.Stderr), metrics: newMetrics(o.Version),
		failures: accel.NewFailureLimit(nil), gate: newGate(), past: past{started: time.Now().UTC()},
	}
	s.log = slog.New(s.logging)
	s.metrics.registry.MustRegister(newBreakers(s.upstreams, s.metrics.host))
	s.countComponents()
	s.logging.configure(c.Log)
	s.cache, err = cache.Open(cache.Config{Dir: c.Root.FS, Pub: c.Root.Pub, PackBytes: c.Cache.Packs, Logger: s.log})
	if err != nil {
		return nil, err
	}
	s.metrics.registry.MustRegister(newHolding(s.cache))
	s.modules = newModules(o.Modules, s.log)
	plugins := PluginConfig(s.log)
	plugins.Accept = s.modules.accept
	s.plugins = plugin.NewManager(plugins)
	s.metrics.watchPlugins(s.loaded)
	s.lifetime, s.end = context.WithCancel(context.Background())
	if err := s.start(ctx, c); err != nil {
		if cerr := s.Close(); cerr != nil {
			s.log.Warn("cannot give the data directory back", "error", cerr)
		}
		return nil, err
	}
	return s, nil
}

// start puts the first generation in force.
func (s *Server) start(ctx context.Context, c *config.Config) error {
	g, err := s.generation(ctx, c, plugin.Reload{})
	if err != nil {
		return err
	}
	s.registry = registry.New(registry.Config{
		Cache: s.cache, Logger: s.log, Observe: s.metrics.event,
	}, g.registry)
	s.setBudget(c)
	s.obeyComponents(g)
	s.put(g)
	s.metrics.registry.MustRegister(newCollected(s))
	_, err = s.registry.Start()
	if _, serr := g.sweepComponents(); err == nil {
		err = serr
	}
	if err != nil {
		return fmt.Errorf("make the view obey the rules: %w", flat{err})
	}
	return nil
}

// Registry returns what answers requests, for commands that work on the data
// directory alone.
func (s *Server) Registry() *registry.Registry { return s.registry }

// Notes are lines for the person who started the daemon, about what was left out
// of the configuration in force and why. Run announces them.
func (s *Server) Notes() []string { return slices.Clone(s.current().notes) }

// Close ends background work, waits for a reload that is under way, and gives
// the data directory back. It is idempotent. Errors: those of cache.Close.
func (s *Server) Close() error {
	s.end()
	s.reloading.Lock()
	defer s.reloading.Unlock()
	s.background.Wait()
	if s.registry != nil {
		s.registry.Close()
	}
	if g := s.current(); g != nil {
		g.client.CloseIdle()
		g.components.close()
	}
	if s.modules != nil {
		if err := s.modules.close(s.drainTime()); err != nil {
			s.log.Error(err.Error())
		}
	}
	if s.plugins != nil {
		s.plugins.Revoke()
	}
	err := s.cache.Close()
	s.closeUses()
	return err
}

// drainTime is how long what is under way may take to end.
func (s *Server) drainTime() time.Duration {
	if g := s.current(); g != nil {
		return g.config.Timeouts.Drain
	}
	return 0
}

// ServeHTTP answers by the generation that is in force when the request comes
// in.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength != 0 {
		// Few read it, so it need not come; where the deadline cannot be set
		// somebody else looks after the connection.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	}
	s.current().handler.ServeHTTP(w, r)
}
