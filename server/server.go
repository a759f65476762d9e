// Package server builds the daemon from a configuration: it opens the data
// directory, builds the providers, listens, reloads and drains.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/registryd/registryd/accel"
	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/registry"
)

// Options of a Server.
type Options struct {
	// Load reads the configuration, at the start and for every reload.
	Load func() (*config.Config, error)
	// Version is what runs, for logs and metrics.
	Version string
	// Stderr receives logs and the start-up block; nil: os.Stderr.
	Stderr io.Writer
}

// Server is the daemon. Make one with New, give it to Run or Handler, and close it.
type Server struct {
	options  Options
	logging  *logging
	log      *slog.Logger
	metrics  *metrics
	failures *accel.FailureLimit
	cache    *cache.Cache
	registry *registry.Registry

	gen       atomic.Pointer[generation]
	reloading sync.Mutex
	draining  atomic.Bool

	asking     sync.Once // npm, for its registry
	background sync.WaitGroup
	lifetime   context.Context // the server's own, for what runs in the background
	end        context.CancelFunc
}

// generation is everything that a reload replaces.
type generation struct {
	config   *config.Config
	registry *registry.Generation
	client   *fetch.Client
	handler  http.Handler
	// notes are lines for the person who starts the daemon.
	notes []string
}

func (s *Server) current() *generation { return s.gen.Load() }

// put makes g what answers requests and returns what did before.
func (s *Server) put(g *generation) *generation {
	s.logging.configure(g.config.Log, s.options.Stderr)
	g.handler = s.routes(g.config)
	return s.gen.Swap(g)
}

// New opens the data directory and builds everything but the listeners.
// Errors, one line each for the person who starts the daemon: those of
// Options.Load and cache.Open, and what is wrong with a provider.
func New(ctx context.Context, o Options) (*Server, error) {
	if o.Stderr == nil {
		o.Stderr = os.Stderr
	}
	c, err := o.Load()
	if err != nil {
		return nil, err
	}
	s := &Server{options: o, logging: newLogging(o.Stderr), metrics: newMetrics(o.Version), failures: accel.NewFailureLimit(nil)}
	s.log = slog.New(s.logging)
	s.lifetime, s.end = context.WithCancel(context.Background())
	s.logging.configure(c.Log, o.Stderr)
	s.cache, err = cache.Open(cache.Config{Dir: c.Root.FS, Pub: c.Root.Pub, PackBytes: c.Cache.Packs, Logger: s.log})
	if err != nil {
		return nil, err
	}
	g, err := s.generation(ctx, c)
	if err != nil {
		s.end()
		return nil, errors.Join(err, s.cache.Close())
	}
	s.registry = registry.New(registry.Config{
		Cache: s.cache, Logger: s.log, Observe: s.metrics.event, FlightTimeout: 2 * c.Timeouts.Total,
	}, g.registry)
	s.put(g)
	if _, err := s.registry.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("make the view obey the rules: %w", err), s.Close())
	}
	return s, nil
}

// Registry returns what answers requests, for commands that work on the data
// directory alone.
func (s *Server) Registry() *registry.Registry { return s.registry }

// Close ends background work and gives the data directory back. Errors: those
// of cache.Close.
func (s *Server) Close() error {
	s.end()
	s.background.Wait()
	s.registry.Close()
	return s.cache.Close()
}

// ServeHTTP answers by the generation that is in force when the request comes in.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.current().handler.ServeHTTP(w, r)
}

const (
	headerTimeout = 10 * time.Second
	// idleTimeout is longer than nginx keeps its connections, so that it is nginx
	// who closes them: the other way round a request could meet a closed one.
	idleTimeout    = 120 * time.Second
	maxHeaderBytes = 32 << 10
)

// Run listens and answers until ctx ends, then drains: readiness says no,
// requests that are under way are answered, at most timeouts.drain long. Errors:
// an address that cannot be listened on, or a listener that fails.
func (s *Server) Run(ctx context.Context) error {
	c := s.current().config
	listeners, err := listen(c.Listen)
	if err != nil {
		return err
	}
	s.announce(c)
	watching, stopWatching := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { s.registry.Watch(watching) })
	defer watch.Wait()
	defer stopWatching()
	return s.serve(ctx, listeners, c.Timeouts.Drain)
}

func (s *Server) serve(ctx context.Context, listeners []net.Listener, drain time.Duration) error {
	hs := &http.Server{
		Handler: s, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(s.logging, slog.LevelDebug),
	}
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { failed <- hs.Serve(l) }() // ends with Shutdown or Close below
	}
	select {
	case err := <-failed:
		hs.Close()
		return fmt.Errorf("listener failed: %w", err)
	case <-ctx.Done():
	}
	s.draining.Store(true)
	s.log.Info("draining", "at_most", drain.String())
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := hs.Shutdown(bounded); err != nil {
		s.log.Warn("requests were still under way when the time to drain was over")
		hs.Close()
	}
	return nil
}
