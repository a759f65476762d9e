// Package providertest holds what tests of providers share: a registry that
// speaks npm's protocol over loopback, with faults on demand and counted
// requests, and a suite that every provider must pass (Run).
package providertest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Request is one request that a Registry received.
type Request struct {
	Kind   Kind        // what was asked for
	Path   string      // as sent, escaped: "/@acme%2fwidget/1.0.0"
	Header http.Header // as sent
}

// Registry is a fake upstream. It sends full documents gzipped to clients that
// accept nothing else. Safe for concurrent use.
type Registry struct {
	front
	packages map[string]*pack
	noRoute  int // status of the route of one version; 0: it exists
	before   func(*http.Request)
}

// pack is a package with what it is served as.
type pack struct {
	versions map[string]*release
	order    []string
	tags     map[string]string
	document *stock // nil: to be built
}

// NewRegistry starts a registry that has the packages; the test's end stops it.
func NewRegistry(t testing.TB, packages ...Package) *Registry {
	t.Helper()
	g := &Registry{packages: make(map[string]*pack)}
	g.listen(t, g.serve)
	g.Add(t, packages...)
	return g
}

// URL is the registry's base URL, without a slash at its end.
func (g *Registry) URL() string { return g.servers[0].URL }

// Host is its host:port.
func (g *Registry) Host() string { return g.Hosts()[0] }

// Add publishes packages; a version that exists is replaced. The first version
// of a package is latest until another one has that tag.
func (g *Registry) Add(t testing.TB, packages ...Package) {
	t.Helper()
	for i := range packages {
		r, err := newRelease(packages[i])
		if err != nil {
			t.Fatalf("building %s@%s: %v", packages[i].Name, packages[i].Version, err)
		}
		g.publish(r)
	}
}

func (g *Registry) publish(r *release) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.packages[r.Name]
	if p == nil {
		p = &pack{versions: make(map[string]*release), tags: map[string]string{"latest": r.Version}}
		g.packages[r.Name] = p
	}
	if p.versions[r.Version] == nil {
		p.order = append(p.order, r.Version)
	}
	p.versions[r.Version] = r
	for _, tag := range r.Tags {
		p.tags[tag] = r.Version
	}
	p.document = nil
}

// Remove takes a version back, or with version "" the whole package.
func (g *Registry) Remove(name, version string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := g.packages[name]
	if p == nil {
		return
	}
	if version == "" {
		delete(g.packages, name)
		return
	}
	delete(p.versions, version)
	p.order = slices.DeleteFunc(p.order, func(v string) bool { return v == version })
	p.document = nil
}

// Tag moves a dist-tag, also to a version that does not exist.
func (g *Registry) Tag(name, tag, version string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p := g.packages[name]; p != nil {
		p.tags[tag] = version
		p.document = nil
	}
}

// WithoutVersionRoute makes the registry one that has no documents of single
// versions: it answers such requests with status.
func (g *Registry) WithoutVersionRoute(status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.noRoute = status
}

// Before calls f ahead of each answer from now on; many at once.
func (g *Registry) Before(f func(*http.Request)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.before = f
}

// serve answers one request.
func (g *Registry) serve(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	before := g.before
	g.mu.Unlock()
	if before != nil {
		before(r)
	}
	q := route(r.URL.EscapedPath())
	g.answer(w, r, q.kind, func() stock { return g.find(q) })
}

func (g *Registry) find(q query) stock {
	if q.kind == Version && g.noRoute != 0 {
		return stock{status: g.noRoute}
	}
	p := g.packages[q.name]
	if p == nil {
		return stock{status: http.StatusNotFound}
	}
	if q.kind == Document {
		if p.document == nil {
			body := p.build(q.name, g.URL())
			p.document = &stock{
				status: http.StatusOK, body: body, contentType: "application/json", etag: etagOf(body), packs: true, packed: compress(body),
			}
		}
		return *p.document
	}
	r := p.versions[q.version]
	if r == nil {
		return stock{status: http.StatusNotFound}
	}
	if q.kind == Version {
		return stock{status: http.StatusOK, body: r.document(g.URL()), contentType: "application/json"}
	}
	return stock{status: http.StatusOK, body: r.tarball, contentType: "application/octet-stream"}
}

// query is what a request asks for.
type query struct {
	kind          Kind
	name, version string
}

func route(path string) query {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, p := range parts {
		parts[i], _ = url.PathUnescape(p) // what is no escape is no package
	}
	if strings.HasPrefix(parts[0], "@") && !strings.Contains(parts[0], "/") && len(parts) > 1 {
		parts = append([]string{parts[0] + "/" + parts[1]}, parts[2:]...)
	}
	q := query{kind: Other, name: parts[0]}
	base := q.name[strings.LastIndexByte(q.name, '/')+1:]
	switch {
	case len(parts) == 1:
		q.kind = Document
	case len(parts) == 2:
		q.kind, q.version = Version, parts[1]
	case len(parts) == 3 && parts[1] == "-":
		q.kind, q.version = Tarball, strings.TrimSuffix(strings.TrimPrefix(parts[2], base+"-"), ".tgz")
	}
	return q
}
