package operation

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/julienschmidt/httprouter"

	"github.com/registryd/registryd/internal/outcome"
)

// Router finds the operation of a request. It does not change. Safe for concurrent use.
type Router struct {
	tree     *httprouter.Router
	used     []string  // methods that have routes
	matchers sync.Pool // of *matcher
}

// Route is one operation as a Router finds it.
type Route struct {
	Operation *Operation // that answers
	// Owner names what the operation belongs to, for reports of conflicts.
	Owner string
	// Tag is whatever the owner wants to find again.
	Tag any
}

// Match is what a Router found.
type Match struct {
	Route *Route            // nil: nothing
	Path  httprouter.Params // the placeholders
	Allow []string          // methods that the path has where this one is not among them
}

// matcher carries the route out of a handle of httprouter.
type matcher struct {
	http.ResponseWriter
	route *Route
}

// way is one pattern of a route.
type way struct {
	route    *Route
	segments []segment
}

// Conflict is two operations that no router can serve side by side.
type Conflict struct {
	First, Second Route  // in the order of their declaration
	Method        string // of both
}

// Error names both.
func (c *Conflict) Error() string {
	return fmt.Sprintf("%s %s of %s collides with %s of %s", c.Method, c.Second.Operation.descriptor.Path, c.Second.Owner,
		c.First.Operation.descriptor.Path, c.First.Owner)
}

// Is makes it match outcome.Conflict.
func (c *Conflict) Is(target error) bool { return target == outcome.Conflict }

// NewRouter builds a router. Errors: a *Conflict, which matches outcome.Conflict.
func NewRouter(routes []Route) (*Router, error) {
	t := &httprouter.Router{}
	r := &Router{tree: t}
	taken := map[string][]way{}
	for i := range routes {
		if err := r.add(&routes[i], taken); err != nil {
			return nil, err
		}
	}
	r.used = slices.DeleteFunc(slices.Clone(methods), func(m string) bool { return taken[m] == nil })
	return r, nil
}

// add adds the ways of one route to the trees of its methods. GET comes with HEAD, unless somebody has that.
func (r *Router) add(route *Route, taken map[string][]way) (err error) {
	defer func() {
		if p := recover(); p != nil { // what the check before did not see must not end the daemon
			err = outcome.New(outcome.Conflict, "%s of %s: %v", route.Operation.descriptor.Path, route.Owner, p)
		}
	}()
	for _, method := range route.Operation.methods() {
		for _, w := range route.ways() {
			for _, other := range taken[method] {
				if collide(other.segments, w.segments) {
					return &Conflict{First: *other.route, Second: *route, Method: method}
				}
			}
			taken[method] = append(taken[method], w)
			r.tree.Handle(method, pattern(w.segments), func(w http.ResponseWriter, _ *http.Request, _ httprouter.Params) {
				w.(*matcher).route = route
			})
		}
	}
	return nil
}

// methods lists those that the operation answers. HEAD follows GET when a request comes.
func (o *Operation) methods() []string {
	if o.descriptor.Method == "" {
		return methods
	}
	return []string{o.descriptor.Method}
}

// ways are the patterns of a route: one more for each optional placeholder at the end, and for the root of a tree.
func (route *Route) ways() []way {
	o := route.Operation
	list := []way{{route, o.segments}}
	for n := len(o.segments); n > 0; n-- {
		last := o.segments[n-1]
		if last.kind == rest && n > 1 {
			return append(list, way{route, o.segments[:n-1]})
		}
		if last.kind != placeholder || !o.optional(last.text) {
			break
		}
		list = append(list, way{route, o.segments[:n-1]})
	}
	return list
}

func (o *Operation) optional(name string) bool {
	i := o.param(name)
	return i >= 0 && !o.params[i].Required()
}

// Match finds the operation for a method and a path below the prefix, escaped, with a slash in front. A slash at its
// end is of no account. Errors: outcome.Invalid for a path that is not encoded as it should be.
func (r *Router) Match(method, path string) (Match, error) {
	if len(path) > 1 {
		path = strings.TrimRight(path, "/")
	}
	if path == "" {
		path = "/"
	}
	h, params, _ := r.tree.Lookup(method, path)
	if h == nil && method == http.MethodHead {
		h, params, _ = r.tree.Lookup(http.MethodGet, path)
	}
	if h == nil {
		return Match{Allow: r.allowed(path)}, nil
	}
	if strings.Contains(path, "%") {
		for i := range params {
			value, err := url.PathUnescape(params[i].Value)
			if err != nil {
				return Match{}, outcome.New(outcome.Invalid, "the path is not encoded as it should be")
			}
			params[i].Value = value
		}
	}
	m, ok := r.matchers.Get().(*matcher)
	if !ok {
		m = &matcher{}
	}
	defer r.matchers.Put(m)
	h(m, nil, params)
	return Match{Route: m.route, Path: params}, nil
}

// allowed says which methods the path has.
func (r *Router) allowed(path string) []string {
	var list []string
	for _, m := range r.used {
		if h, _, _ := r.tree.Lookup(m, path); h != nil {
			list = append(list, m)
			if m == http.MethodGet {
				list = append(list, http.MethodHead)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
