package module

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/operation"
)

// Server answers the requests below one prefix. Safe for concurrent use.
type Server struct {
	// API has the operations. Required.
	API *API
	// Prefix begins and ends with a slash.
	Prefix string
	// Tasks keeps what runs longer than its request; nil: there are none.
	Tasks *operation.Tasks
	// Adapter answers errors. Required.
	Adapter *httpx.Adapter
	// Observe, if set, is told of every answer of an operation.
	Observe func(module, operation, outcome string, d time.Duration)
	// Logger gets a line per answer of an operation, at the level of the adapter's; nil: discard.
	Logger *slog.Logger
	// PublicURL is for absolute links; "": by the request, see httpx.BaseURL.
	PublicURL string
}

// ServeHTTP answers a request whose raw path begins with the prefix.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	rest, ok := strings.CutPrefix(path, s.Prefix)
	if !ok {
		s.refuse(w, r, outcome.New(outcome.Declined, "no such route"))
		return
	}
	if h := s.own(rest); h != nil {
		s.Adapter.Handle("modules", h).ServeHTTP(w, r)
		return
	}
	for {
		t := s.API.Table()
		m, err := t.router.Match(r.Method, path[len(s.Prefix)-1:])
		switch {
		case err != nil:
			s.refuse(w, r, err)
			return
		case m.Route == nil && m.Allow != nil:
			w.Header().Set("Allow", strings.Join(m.Allow, ", "))
			s.refuse(w, r, outcome.New(outcome.MethodNotAllowed, "this operation answers %s", strings.Join(m.Allow, ", ")))
			return
		case m.Route == nil:
			s.refuse(w, r, outcome.New(outcome.Declined, "no module has this path"))
			return
		}
		u := m.Route.Tag.(*Unit)
		if !s.API.Enabled(u.Name) {
			s.refuse(w, r, outcome.New(outcome.Declined, "the module is switched off"))
			return
		}
		if lease, ok := u.Enter(); ok {
			s.operate(w, r, t.route(s, u, m.Route.Operation), &m, lease)
			return
		}
		// Lost against a swap: another table is in force by now.
	}
}

// operate answers a request by the operation that was found, and gives the lease back.
func (s *Server) operate(w http.ResponseWriter, r *http.Request, route *httpx.Route, m *operation.Match, lease Lease) {
	defer lease.Leave()
	route.Serve(w, r, func(w http.ResponseWriter, r *http.Request) error {
		return m.Route.Operation.Serve(w, r, m.Path, lease)
	})
}

// routeKey is under which a table keeps the route of an operation for a server.
type routeKey struct {
	s  *Server
	op *operation.Operation
}

// route returns the route of an operation, made once: it names it in the log and the metrics.
func (t *Table) route(s *Server, u *Unit, op *operation.Operation) *httpx.Route {
	key := routeKey{s, op}
	if route, ok := t.routes.Load(key); ok {
		return route.(*httpx.Route)
	}
	a := *s.Adapter
	if s.Logger != nil {
		a.Logger = s.Logger.With("module", u.Name, "operation", op.Name())
	}
	observe := a.Observe
	a.Observe = func(route string, status int, label string, d time.Duration) {
		if observe != nil {
			observe(route, status, label, d)
		}
		if s.Observe != nil {
			s.Observe(u.Name, op.Name(), label, d)
		}
	}
	route, _ := t.routes.LoadOrStore(key, a.Route("operation"))
	return route.(*httpx.Route)
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	s.Adapter.Handle("modules", func(http.ResponseWriter, *http.Request) error { return err }).ServeHTTP(w, r)
}

// own returns what answers the paths that are reserved, nil for others.
func (s *Server) own(rest string) httpx.HandlerFunc {
	first, id, _ := strings.Cut(rest, "/")
	switch {
	case rest == "":
		return s.help
	case rest == "openapi.json":
		return s.openAPI
	case first == "tasks" && s.Tasks != nil:
		return func(w http.ResponseWriter, r *http.Request) error { return s.Tasks.Serve(w, r, id) }
	case first == "tasks" || first == "user":
		return func(http.ResponseWriter, *http.Request) error {
			return outcome.New(outcome.Declined, "nothing is here")
		}
	}
	return nil
}
