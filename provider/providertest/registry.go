// Package providertest holds what tests of providers share: a registry that
// speaks npm's protocol over loopback, with faults on demand and counted
// requests, and a suite that every provider must pass (Run).
package providertest

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
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
	server *httptest.Server

	mu       sync.Mutex
	arrived  *sync.Cond // a request was recorded
	packages map[string]*pack
	requests []Request
	faults   []*fault
	noRoute  int // status of the route of one version; 0: it exists
	before   func(*http.Request)
}

// pack is a package with what it is served as.
type pack struct {
	versions map[string]*release
	order    []string
	tags     map[string]string
	document []byte // nil: to be built
	packed   []byte // the document, gzipped
	etag     string
}

type fault struct {
	Fault
	kind Kind
	path string
	left int // -1: for ever
}

// NewRegistry starts a registry that has the packages; the test's end stops it.
func NewRegistry(t testing.TB, packages ...Package) *Registry {
	t.Helper()
	g := &Registry{packages: make(map[string]*pack)}
	g.arrived = sync.NewCond(&g.mu)
	g.Add(t, packages...)
	g.server = httptest.NewUnstartedServer(g) // known to g before the first request
	g.server.Start()
	t.Cleanup(func() {
		g.server.CloseClientConnections()
		g.server.Close()
	})
	return g
}

// URL is the registry's base URL, without a slash at its end.
func (g *Registry) URL() string { return g.server.URL }

// Host is its host:port.
func (g *Registry) Host() string { return strings.TrimPrefix(g.server.URL, "http://") }

// Close stops the registry: from now on connections to it are refused.
func (g *Registry) Close() { g.server.Close() }

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

// Fault lets a fault strike requests of a kind (Any: all) and an escaped path
// ("": all). A later fault goes before an earlier one. The result removes it.
func (g *Registry) Fault(kind Kind, path string, f Fault) (remove func()) {
	e := &fault{Fault: f, kind: kind, path: path, left: -1}
	if f.Times > 0 {
		e.left = f.Times
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = append([]*fault{e}, g.faults...)
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		e.left = 0
	}
}

// Before calls f ahead of each answer from now on; many at once.
func (g *Registry) Before(f func(*http.Request)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.before = f
}

// Requests returns what was received so far, in order.
func (g *Registry) Requests() []Request {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.requests)
}

// Count returns how many requests of a kind (Any: all) and an escaped path
// ("": all) were received.
func (g *Registry) Count(kind Kind, path string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.count(kind, path)
}

func (g *Registry) count(kind Kind, path string) int {
	n := 0
	for i := range g.requests {
		if r := &g.requests[i]; matches(kind, path, r.Kind, r.Path) {
			n++
		}
	}
	return n
}

// Await blocks until n requests of the kind and path were received, which is
// how a test knows that a request has reached a fault that waits.
func (g *Registry) Await(kind Kind, path string, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.count(kind, path) < n {
		g.arrived.Wait()
	}
}

func matches(kind Kind, path string, gotKind Kind, gotPath string) bool {
	return (kind == Any || kind == gotKind) && (path == "" || path == gotPath)
}

// ServeHTTP answers one request.
func (g *Registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	before := g.before
	g.mu.Unlock()
	if before != nil {
		before(r)
	}
	q := route(r.URL.EscapedPath())
	a, f := g.look(q, r.Header)
	switch {
	case f != nil:
		f.serve(w, r, a.body)
	case a.status != http.StatusOK:
		http.Error(w, `{"error":"not found"}`, a.status)
	case a.etag != "" && r.Header.Get("If-None-Match") == a.etag:
		w.WriteHeader(http.StatusNotModified)
	default:
		if a.etag != "" {
			w.Header().Set("ETag", a.etag)
		}
		w.Header().Set("Content-Type", "application/json")
		if q.kind == Tarball {
			w.Header().Set("Content-Type", "application/octet-stream")
		}
		if a.packed != nil && r.Header.Get("Accept-Encoding") == "gzip" {
			w.Header().Set("Content-Encoding", "gzip")
			a.body = a.packed
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
		_, _ = w.Write(a.body) // a client that went away is no concern
	}
}

// answer is what the registry says when no fault strikes.
type answer struct {
	body   []byte
	packed []byte // the same gzipped; nil: not offered
	etag   string
	status int
}

// look records the request and finds its ordinary answer and its fault.
func (g *Registry) look(q query, h http.Header) (answer, *Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests = append(g.requests, Request{Kind: q.kind, Path: q.path, Header: h.Clone()})
	g.arrived.Broadcast()
	a := g.find(q)
	for _, e := range g.faults {
		if e.left != 0 && matches(e.kind, e.path, q.kind, q.path) {
			if e.left > 0 {
				e.left--
			}
			return a, &e.Fault
		}
	}
	return a, nil
}

func (g *Registry) find(q query) answer {
	if q.kind == Version && g.noRoute != 0 {
		return answer{status: g.noRoute}
	}
	p := g.packages[q.name]
	if p == nil {
		return answer{status: http.StatusNotFound}
	}
	if q.kind == Document {
		if p.document == nil {
			p.document = p.build(q.name, g.server.URL)
			p.packed = compress(p.document)
			sum := sha256.Sum256(p.document)
			p.etag = `"` + hex.EncodeToString(sum[:8]) + `"`
		}
		return answer{p.document, p.packed, p.etag, http.StatusOK}
	}
	r := p.versions[q.version]
	if r == nil {
		return answer{status: http.StatusNotFound}
	}
	if q.kind == Version {
		return answer{body: r.document(g.server.URL), status: http.StatusOK}
	}
	return answer{body: r.tarball, status: http.StatusOK}
}

// query is what a request asks for.
type query struct {
	kind          Kind
	path          string // escaped
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
	q := query{kind: Other, path: path, name: parts[0]}
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
