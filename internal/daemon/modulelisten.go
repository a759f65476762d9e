package daemon

import (
	"context"
	"log"
	"net"
	"net/http"
	"sync"
)

// listenModules opens the listeners that serve modules alone. Errors: as listen.
func (s *Server) listenModules() ([]net.Listener, error) {
	c := s.current().config.Modules
	if c == nil {
		return nil, nil
	}
	return listen(c.Listen, nil)
}

// serveModules serves operations at "/" until the function that it returns is called, which lets what is under way
// finish for as long as the configuration allows.
func (s *Server) serveModules(listeners []net.Listener) (stop func()) {
	hs := &http.Server{
		// By the configuration that is in force when the request comes in: what listens is not switched off without a restart.
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.current().moduleRoot.ServeHTTP(w, r) }),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: log.New(complaints{s}, "", 0),
	}
	var serving sync.WaitGroup
	for _, l := range listeners {
		s.log.Info("modules are served at / too", "address", l.Addr().String())
		serving.Go(func() { _ = hs.Serve(l) }) // it ends with stop
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), s.drainTime())
		defer cancel()
		if err := hs.Shutdown(ctx); err != nil {
			hs.Close()
		}
		serving.Wait()
	}
}
