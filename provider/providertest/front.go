package providertest

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// front is the outside of a fake: its hosts, what they received, and what is
// to go wrong.
type front struct {
	mu       sync.Mutex // also guards what the fake behind it holds
	arrived  *sync.Cond // a request was recorded
	servers  []*httptest.Server
	requests []Request
	faults   []*fault
}

// fault is a Fault and what it strikes.
type fault struct {
	Fault
	kind Kind
	path string
	left int // -1: for ever
}

func matches(kind Kind, path string, gotKind Kind, gotPath string) bool {
	return (kind == Any || kind == gotKind) && (path == "" || path == gotPath)
}

// listen starts one more host, before anything else uses f; the test's end stops it.
func (f *front) listen(t testing.TB, h http.HandlerFunc) {
	f.arrived = sync.NewCond(&f.mu)
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	f.servers = append(f.servers, s)
}

// Hosts are the host:port of every host of the fake.
func (f *front) Hosts() []string {
	var hosts []string
	for _, s := range f.servers {
		hosts = append(hosts, strings.TrimPrefix(s.URL, "http://"))
	}
	return hosts
}

// Close stops the fake: from now on connections to it are refused.
func (f *front) Close() {
	for _, s := range f.servers {
		s.Close()
	}
}

// Fault lets a fault strike requests of a kind (Any: all) and an escaped path
// ("": all). A later fault goes before an earlier one. The result removes it.
func (f *front) Fault(kind Kind, path string, what Fault) (remove func()) {
	e := &fault{Fault: what, kind: kind, path: path, left: -1}
	if what.Times > 0 {
		e.left = what.Times
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = append([]*fault{e}, f.faults...)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		e.left = 0
	}
}

// Requests returns what was received so far, in order.
func (f *front) Requests() []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

// Count returns how many requests of a kind (Any: all) and an escaped path
// ("": all) were received.
func (f *front) Count(kind Kind, path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count(kind, path)
}

// Await blocks until n requests of the kind and path were received, which is
// how a test knows that a request has reached a fault that waits.
func (f *front) Await(kind Kind, path string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.count(kind, path) < n {
		f.arrived.Wait()
	}
}

func (f *front) count(kind Kind, path string) int {
	n := 0
	for i := range f.requests {
		if r := &f.requests[i]; matches(kind, path, r.Kind, r.Path) {
			n++
		}
	}
	return n
}

// stock is what a fake says when no fault strikes.
type stock struct {
	status      int
	body        []byte // nil: the one of all errors
	contentType string
	etag        string // "": none is offered
	packs       bool   // the body travels gzipped to who accepts that
	packed      []byte // the body gzipped; nil: not yet
}

// answer records a request, and serves its fault or what find says. find is
// called with mu held.
func (f *front) answer(w http.ResponseWriter, r *http.Request, kind Kind, find func() stock) {
	f.mu.Lock()
	strike := f.record(kind, r)
	a := find()
	f.mu.Unlock()
	switch {
	case strike != nil:
		strike.serve(w, r, a.body)
		return
	case a.body == nil && a.status != http.StatusOK:
		http.Error(w, `{"error":"not found"}`, a.status)
		return
	case a.etag != "" && r.Header.Get("If-None-Match") == a.etag:
		w.WriteHeader(http.StatusNotModified)
		return
	case a.etag != "":
		w.Header().Set("ETag", a.etag)
	}
	w.Header().Set("Content-Type", a.contentType)
	if a.packs && r.Header.Get("Accept-Encoding") == "gzip" {
		w.Header().Set("Content-Encoding", "gzip")
		if a.packed == nil {
			a.packed = compress(a.body)
		}
		a.body = a.packed
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a client that went away is no concern
}

// record notes a request and finds the fault that strikes it. The caller holds
// the lock.
func (f *front) record(kind Kind, r *http.Request) *Fault {
	path := r.URL.EscapedPath()
	f.requests = append(f.requests, Request{Kind: kind, Path: path, Header: r.Header.Clone()})
	f.arrived.Broadcast()
	for _, e := range f.faults {
		if e.left != 0 && matches(e.kind, e.path, kind, path) {
			if e.left > 0 {
				e.left--
			}
			return &e.Fault
		}
	}
	return nil
}
