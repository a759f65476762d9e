package proof

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/pkgref"
)

// backend is a daemon of few words: the name of a package says what it
// answers.
type backend struct {
	config    *config.Config
	listeners []net.Listener // one, or one for each node
	server    *http.Server

	mu   sync.Mutex
	seen []string // addresses and targets, in the order in which they came
}

// newBackend listens on free loopback ports.
func newBackend(c *config.Config) (*backend, error) {
	b := &backend{config: c}
	b.server = &http.Server{Handler: http.HandlerFunc(b.serve)}
	b.server.SetKeepAlivesEnabled(len(c.Nginx.Nodes) == 0) // or a node that is gone would answer on
	for range max(1, len(c.Nginx.Nodes)) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			b.close()
			return nil, err
		}
		b.listeners = append(b.listeners, l)
		go b.server.Serve(l)
	}
	return b, nil
}

// addr is where the only daemon listens, or the first of them.
func (b *backend) addr() string { return b.listeners[0].Addr().String() }

// nodes are the addresses of several daemons; none where there is one.
func (b *backend) nodes() []string {
	if len(b.config.Nginx.Nodes) == 0 {
		return nil
	}
	var all []string
	for _, l := range b.listeners {
		all = append(all, l.Addr().String())
	}
	return all
}

func (b *backend) close() { b.server.Close() }

// asked counts the requests whose address or target holds text.
func (b *backend) asked(text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, target := range b.seen {
		if strings.Contains(target, text) {
			n++
		}
	}
	return n
}

// serve notes the request and answers by the first word of the package's name.
func (b *backend) serve(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	b.seen = append(b.seen, local.String()+" "+r.RequestURI)
	b.mu.Unlock()
	inside := strings.TrimPrefix(r.URL.Path, b.config.Root.Pub)
	word, rest, _ := strings.Cut(inside, "/")
	if strings.HasPrefix(word, "@") {
		word, _, _ = strings.Cut(rest, "/")
	}
	word, _, _ = strings.Cut(word, "-")
	switch word {
	case "made":
		b.made(w, inside)
	case "range":
		w.Header()["Content-Type"] = nil
		w.Header().Set("Location", b.config.Root.Pub+"disk/1.0.0/a.js")
		w.WriteHeader(http.StatusFound)
	case "denied":
		w.Header().Set("Cache-Control", "no-store")
		fail(w, http.StatusForbidden)
	case "broken":
		w.Header().Set("Cache-Control", "no-store")
		fail(w, http.StatusBadGateway)
	case "echo":
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Set-Cookie", "a=b")
		fmt.Fprintf(w, "%s %q", r.RequestURI, r.Header)
	default:
		fail(w, http.StatusNotFound)
	}
}

// made puts the file into the view and points nginx at it, or, with accel off,
// sends it.
func (b *backend) made(w http.ResponseWriter, inside string) {
	if b.config.Accel == "off" {
		io.WriteString(w, "made")
		return
	}
	file := filepath.Join(b.config.Root.FS, "www", b.config.Root.Pub, filepath.FromSlash(inside))
	if err := write(file, "made"); err != nil {
		fail(w, http.StatusInternalServerError)
		return
	}
	w.Header()["Content-Type"] = nil
	w.Header().Set("X-Accel-Redirect", b.config.Root.Internal+pkgref.Escape(inside))
}

// fail answers with an error.
func fail(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"type":"%d"}`, status)
}
