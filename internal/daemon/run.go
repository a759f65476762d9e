package daemon

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

const (
	headerTimeout = 10 * time.Second
	// bodyTimeout is how long a request may take to send a body, where its route
	// does not say otherwise: the connection is of use again only behind it.
	bodyTimeout = 10 * time.Second
	// idleTimeout is longer than nginx keeps its connections, so that it is nginx
	// who closes them: the other way round a request could meet a closed one.
	idleTimeout    = 120 * time.Second
	maxHeaderBytes = 32 << 10
	// cutTimeout is how long handlers get to notice that their clients were cut off.
	cutTimeout = 5 * time.Second
)

// Run listens and answers until ctx ends, then drains: from then on readiness
// says no and new requests are answered with 503, while those under way are
// finished, at most timeouts.drain long. Where every listener is inherited, its
// giver keeps it open for the daemon that comes next: then new connections are
// left waiting for that one, and nobody is refused. Run it once. Errors, one
// line each: an address that cannot be listened on, a listener that fails, or
// cache.ErrGone and cache.ErrHeld, where the data directory was taken away.
func (s *Server) Run(ctx context.Context) error {
	if ctx.Err() != nil {
		return nil // told to stop before it began
	}
	listeners, err := listen(s.current().config.Listen, s.options.Inherited)
	if err != nil {
		return err
	}
	modules, err := s.listenModules()
	if err != nil {
		for _, l := range listeners {
			l.Close()
		}
		return err
	}
	s.announce(listeners)
	s.tell(daemon.SdNotifyReady)
	watching, stopWatching := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { s.registry.Watch(watching) })
	watch.Go(func() { s.count(watching) })
	lost := make(chan error, 1)
	watch.Go(func() { s.guard(watching, lost) })
	watch.Go(func() { s.sample(watching) })
	watch.Go(func() { s.watchModules(watching) })
	defer watch.Wait()
	defer stopWatching()
	defer s.serveModules(modules)()
	return s.serve(ctx, listeners, lost)
}

// guardEvery is how often it is seen to that the data directory is still ours.
const guardEvery = 5 * time.Second

// guard tells, once, when there is no data directory to work on any more. What
// starts the daemon again helps then; to serve on would fill a place that nobody
// can find.
func (s *Server) guard(ctx context.Context, lost chan<- error) {
	tick := time.NewTicker(guardEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.cache.Intact(); err != nil {
			lost <- err
			return
		}
	}
}

func (s *Server) serve(ctx context.Context, listeners []net.Listener, lost <-chan error) error {
	hs := &http.Server{
		Handler: s, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: log.New(complaints{s}, "", 0),
	}
	lobby := newLobby(placesHere(), func() { s.closeIdle(hs) })
	hs.ConnState = lobby.state
	var serving sync.WaitGroup
	defer serving.Wait()
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		in := lobby.listener(l)
		serving.Go(func() { failed <- hs.Serve(in) })
	}
	select {
	case err := <-failed:
		s.cut(hs)
		return fmt.Errorf("listener failed: %w", err)
	case err := <-lost:
		s.cut(hs)
		return fmt.Errorf("%s: %w", s.cache.Dir(), err)
	case <-ctx.Done():
	}
	s.drain(ctx, hs, lobby)
	return nil
}

// drain lets what is under way finish, for as long as the configuration allows.
func (s *Server) drain(ctx context.Context, hs *http.Server, lobby *lobby) {
	atMost := s.current().config.Timeouts.Drain
	s.log.Info("draining", "at_most", atMost.String())
	s.tell(daemon.SdNotifyStopping)
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), atMost)
	defer cancel()
	s.gate.leaving.Store(true)
	if len(s.options.Inherited) == len(s.current().config.Listen) {
		lobby.handOver(bounded, hs)
	} else {
		// The listeners stay open for as long as something is under way, so that who
		// asks meanwhile is told to come back, rather than refused.
		s.gate.shut.Store(true)
		hs.SetKeepAlivesEnabled(false)
	}
	if err := errors.Join(s.gate.drain(bounded), hs.Shutdown(bounded)); err != nil {
		s.log.Warn("requests were still under way when the time to drain was over")
		s.cut(hs)
	}
}

// tell lets a service manager know how far the daemon is; without one that
// asked for it nothing happens.
func (s *Server) tell(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.log.Warn("cannot tell the service manager", "state", state, "error", err)
	}
}

// closeIdle closes the connections that wait for a request.
func (s *Server) closeIdle(hs *http.Server) {
	hs.SetKeepAlivesEnabled(false)
	hs.SetKeepAlivesEnabled(!s.gate.leaving.Load())
}

// cut closes all connections, which ends the contexts of their requests, and
// waits a moment for handlers to see it: behind us the data directory closes.
func (s *Server) cut(hs *http.Server) {
	hs.Close()
	ctx, cancel := context.WithTimeout(context.Background(), cutTimeout)
	defer cancel()
	_ = s.gate.drain(ctx) // who does not see it gets errors from the closed directory
}

// complaints logs what the HTTP server complains of, such as being out of file
// descriptors.
type complaints struct{ s *Server }

// Write is part of io.Writer; log.Logger calls it once a line.
func (c complaints) Write(p []byte) (int, error) {
	c.s.log.Warn("HTTP server", "error", strings.TrimSpace(string(p)))
	return len(p), nil
}
