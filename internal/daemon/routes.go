package daemon

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/julienschmidt/httprouter"

	"github.com/registryd/registryd/accel"
	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/plugin"
)

// routes builds the handler of one generation. Each prefix has one catch-all;
// packages and admin parse the rest themselves, from the raw path. They are
// behind the gate: what tells about the daemon is answered until its end.
func (s *Server) routes(g *generation) http.Handler {
	c := g.config
	adapter := &httpx.Adapter{
		Logger: s.log, Observe: s.metrics.answered,
		NegativeTTL: negativeTTL(c),
	}
	router := &httprouter.Router{HandleMethodNotAllowed: true} // no path is repaired: each is parsed by its owner
	guarded := func(route string, h httpx.HandlerFunc) http.Handler { return adapter.Handle(route, s.gate.guard(h)) }
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		router.Handler(method, "/-/livez", adapter.Handle("livez", s.livez))
		router.Handler(method, "/-/readyz", adapter.Handle("readyz", s.readyz))
	}
	router.Handler(http.MethodGet, "/-/metrics", adapter.Handle("metrics", s.metrics.serve))
	if c.Admin != nil && len(c.Admin.Tokens) > 0 {
		s.admin(c).Routes(router, guarded)
	}
	packages := guarded("packages", s.refusing(accel.New(accel.Config{
		Registry: s.registry, Pub: c.Root.Pub, Internal: c.Root.Internal, Nginx: c.Accel == "nginx", PublicURL: c.PublicURL, Period: c.Nginx.CachePeriod,
	}).Serve))
	unknown := guarded("unknown", func(http.ResponseWriter, *http.Request) error {
		return outcome.New(outcome.Declined, "no such route")
	})
	router.MethodNotAllowed = adapter.Handle("unknown", func(_ http.ResponseWriter, r *http.Request) error {
		return outcome.New(outcome.MethodNotAllowed, "%s is not allowed here", httpx.Clip(r.Method))
	})
	router.NotFound = unknown
	reserved := reserved(c)
	components := s.componentRoutes(g, adapter)
	var modules http.Handler
	if c.Modules != nil {
		modules = s.moduleServer(c, c.Modules.Prefix)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if modules != nil && strings.HasPrefix(r.URL.EscapedPath(), c.Modules.Prefix) {
			modules.ServeHTTP(w, r)
			return
		}
		if components != nil && belongs(r, c.Components.Prefix) {
			components.ServeHTTP(w, r)
			return
		}
		if belongs(r, c.Root.Pub) && !reserved(r.URL.Path) {
			packages.ServeHTTP(w, r) // most requests: spared the search for a route
			return
		}
		router.ServeHTTP(w, r)
	})
}

// negativeTTL is how long nginx keeps a 404. Without nginx the header that says
// so would reach clients, and tell them what is absent from what is concealed.
func negativeTTL(c *config.Config) func() time.Duration {
	return func() time.Duration {
		if c.Accel != "nginx" {
			return 0
		}
		return c.NegativeCacheTime
	}
}

// belongs reports whether a request is for the packages below pub. The raw
// path decides: a decoded one could pretend to be elsewhere.
func belongs(r *http.Request, pub string) bool {
	return strings.HasPrefix(r.RequestURI, pub) || strings.HasPrefix(r.URL.EscapedPath(), pub)
}

// reserved tells which paths a pub of "/" does not answer for: those below
// prefixes that are longer.
func reserved(c *config.Config) func(path string) bool {
	prefixes := []string{"/-/"}
	if c.Admin != nil {
		prefixes = append(prefixes, c.Admin.Prefix)
	}
	if c.Components != nil {
		prefixes = append(prefixes, c.Components.Prefix)
	}
	if c.Modules != nil {
		prefixes = append(prefixes, c.Modules.Prefix)
	}
	return func(path string) bool {
		for _, p := range prefixes {
			if strings.HasPrefix(path, p) {
				return true
			}
		}
		return false
	}
}

func (s *Server) admin(c *config.Config) *accel.Admin {
	tokens := make([]accel.AdminToken, len(c.Admin.Tokens))
	for i, t := range c.Admin.Tokens {
		tokens[i] = accel.AdminToken{ID: t.ID, Token: t.Token}
	}
	return accel.NewAdmin(accel.AdminConfig{
		Registry: s.registry, Prefix: c.Admin.Prefix, Tokens: tokens, Failures: s.failures, Period: c.Nginx.CachePeriod, Absent: c.NegativeCacheTime,
		Reload: func(ctx context.Context, r accel.ReloadRequest) (any, error) {
			return s.ReloadPlugins(ctx, plugin.Reload{Filter: r.Filter, Atomic: r.Atomic, Force: r.Force})
		},
		Status:  s.report,
		Modules: func() any { return s.loaded() },
		Switch:  s.modules.api.SetEnabled,
		Audit:   s.auditRecord,
	})
}

// auditRecord keeps one record. Errors: those of cache.Audit, which are logged.
func (s *Server) auditRecord(record any) error {
	err := s.cache.Audit(record)
	if err != nil {
		s.log.Error("cannot write the audit log", "error", err)
	}
	return err
}

// livez answers while the process can answer at all.
func (s *Server) livez(w http.ResponseWriter, r *http.Request) error {
	return writeState(w, http.StatusOK, map[string]any{"status": "ok"})
}

// readyz answers 200 when requests should be sent here. An upstream that is down
// is told of, and changes nothing about that: what is held is served.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) error {
	if s.gate.leaving.Load() {
		return writeState(w, http.StatusServiceUnavailable, map[string]any{"status": "draining", "reason": "the daemon is stopping"})
	}
	return writeState(w, http.StatusOK, map[string]any{
		"status": "ready", "providers": s.providers(),
		"offline": s.current().config.Offline, "upstreams": upstreamStates(s.upstreams()),
	})
}

// providers are the names of those that are asked, in their order; never nil.
func (s *Server) providers() []string {
	names := []string{}
	for _, e := range s.registry.Generation().Chain.Entries() {
		names = append(names, e.Provider.Name())
	}
	return names
}

func writeState(w http.ResponseWriter, status int, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n')) // the client may have left
	return nil
}
