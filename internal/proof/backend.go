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
	config   *config.Config
	listener net.Listener
	server   *http.Server

	mu   sync.Mutex
	seen []string // targets, in the order in which they came
}

// newBackend listens on a free loopback port.
func newBackend(c *config.Config) (*backend, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &backend{config: c, listener: l}
	b.server = &http.Server{Handler: http.HandlerFunc(b.serve)}
	go b.server.Serve(l)
	return b, nil
}

func (b *backend) addr() string { return b.listener.Addr().String() }

func (b *backend) close() { b.server.Close() }

// asked counts the requests whose target holds text.
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
	b.seen = append(b.seen, r.RequestURI)
	b.mu.Unlock()
	inside := strings.TrimPrefix(r.URL.Path, b.config.Root.Pub)
	word, _, _ := strings.Cut(inside, "/")
	word, _, _ = strings.Cut(word, "-")
	switch word {
	case "made", "@private":
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
