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
	servers  []*httptest.Server
	requests []Request
	faults   []*fault
}

// listen starts one more host; the test's end stops it.
func (f *front) listen(t testing.TB, h http.HandlerFunc) *httptest.Server {
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	f.servers = append(f.servers, s)
	return s
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
	body        []byte
	contentType string
	etag        string // "": none is offered
	packs       bool   // the body travels gzipped to who accepts that
}

// answer records a request, and serves its fault or what find says. find is
// called with mu held.
func (f *front) answer(w http.ResponseWriter, r *http.Request, kind Kind, find func() stock) {
	f.mu.Lock()
	f.requests = append(f.requests, Request{Kind: kind, Path: r.URL.EscapedPath(), Header: r.Header.Clone()})
	a := find()
	strike := f.strike(kind, r.URL.EscapedPath())
	f.mu.Unlock()
	switch {
	case strike != nil:
		strike.serve(w, r, a.body)
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
		a.body = compress(a.body)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a client that went away is no concern
}

func (f *front) strike(kind Kind, path string) *Fault {
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
