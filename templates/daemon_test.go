package templates_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/pkgref"
)

// daemon is a fake registryd. It answers by the first word of the package's
// name (see plays) and remembers what it was asked.
type daemon struct {
	t        testing.TB
	pub, fs  string
	listener net.Listener
	server   *http.Server

	mu    sync.Mutex
	seen  []seen
	plays map[string]http.HandlerFunc
}

// seen is one request as it arrived.
type seen struct {
	method, target, host, body string
	header                     http.Header
}

// newDaemon listens until the test ends.
func newDaemon(t testing.TB, c *config.Config, network string) *daemon {
	t.Helper()
	d := &daemon{t: t, pub: c.Root.Pub, fs: c.Root.FS}
	address := "127.0.0.1:0"
	if network == "unix" {
		dir, err := os.MkdirTemp("", "rn") // a socket's path must be short
		must(t, err)
		t.Cleanup(func() { os.RemoveAll(dir) })
		address = filepath.Join(dir, "s")
	} else {
		network = "tcp"
	}
	var err error
	d.listener, err = net.Listen(network, address)
	must(t, err)
	d.plays = d.script()
	d.server = &http.Server{Handler: http.HandlerFunc(d.serve)}
	go d.server.Serve(d.listener)
	t.Cleanup(d.stop)
	return d
}

// stop ends it: nobody answers at its address any more.
func (d *daemon) stop() { d.server.Close() }

// address is where it listens.
func (d *daemon) address() config.Address {
	return config.Address{Network: d.listener.Addr().Network(), Address: d.listener.Addr().String()}
}

// play replaces what is answered for names that start with word.
func (d *daemon) play(word string, h http.HandlerFunc) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.plays[word] = h
}

// asked lists the requests whose target contains text.
func (d *daemon) asked(text string) []seen {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []seen
	for _, s := range d.seen {
		if strings.Contains(s.target, text) {
			all = append(all, s)
		}
	}
	return all
}

// serve remembers the request and plays its part.
func (d *daemon) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	rest := strings.TrimPrefix(r.RequestURI, d.pub)
	word, _, _ := strings.Cut(rest, "/")
	word, _, _ = strings.Cut(word, "-")
	d.mu.Lock()
	d.seen = append(d.seen, seen{r.Method, r.RequestURI, r.Host, string(body), r.Header})
	h := d.plays[word]
	d.mu.Unlock()
	switch {
	case strings.HasPrefix(r.RequestURI, "/api/") || strings.HasPrefix(r.RequestURI, "/staff/"):
		d.route(w, r, string(body))
	case r.URL.RawQuery == "meta":
		d.meta(w, r)
	case h == nil:
		d.fail(w, http.StatusNotFound)
	default:
		h(w, r)
	}
}

// script says who answers what.
func (d *daemon) script() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"made":  d.made,
		"dir":   d.directory,
		"range": d.redirect,
		"gone": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Accel-Expires", "60")
			d.fail(w, http.StatusNotFound)
		},
		"never": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Accel-Expires", "0")
			d.fail(w, http.StatusNotFound)
		},
		"conceal": d.refuse(http.StatusNotFound), "denied": d.refuse(http.StatusForbidden),
		"broken": d.refuse(http.StatusInternalServerError), "bad": d.refuse(http.StatusBadGateway),
		"busy": d.refuse(http.StatusServiceUnavailable), "slow": d.refuse(http.StatusGatewayTimeout),
		"gz": func(w http.ResponseWriter, _ *http.Request) { d.body(w, "application/gzip", "\x1f\x8bshipped") },
	}
}

// decoded is the request's path as the daemon understands it.
func decoded(r *http.Request) string { return r.URL.Path }

// made puts the file into the view and points nginx at it. main is a version
// like any other for nginx; the daemon resolves it.
func (d *daemon) made(w http.ResponseWriter, r *http.Request) {
	inside := strings.TrimPrefix(decoded(r), d.pub)
	inside = strings.Replace(inside, "/main/", "/1.0.0/", 1)
	if strings.HasSuffix(inside, "/") {
		inside += "index.html"
	}
	file := filepath.Join(d.fs, "www", d.pub, filepath.FromSlash(inside))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		d.fail(w, http.StatusInternalServerError)
		return
	}
	if err := os.WriteFile(file, []byte("made "+filepath.Base(file)), 0o644); err != nil {
		d.fail(w, http.StatusInternalServerError)
		return
	}
	w.Header()["Content-Type"] = nil
	w.Header().Set("X-Accel-Redirect", "/ilib/"+pkgref.Escape(inside))
}

// directory redirects to the slash and lists behind it.
func (d *daemon) directory(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/") {
		w.Header().Set("Location", r.URL.EscapedPath()+"/")
		w.WriteHeader(http.StatusFound)
		return
	}
	d.body(w, "text/html; charset=utf-8", "<a href=x>x</a>")
}

// redirect answers like a range.
func (d *daemon) redirect(w http.ResponseWriter, r *http.Request) {
	w.Header()["Content-Type"] = nil
	w.Header().Set("Location", d.pub+"range/1.2.3/a.js")
	w.WriteHeader(http.StatusFound)
}

// body answers with bytes of the daemon's own, and with headers that nginx
// must not double.
func (d *daemon) body(w http.ResponseWriter, kind, text string) {
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Access-Control-Allow-Origin", "https://one.example")
	h.Set("Content-Security-Policy", "default-src 'self'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Registryd-Cache", "forged")
	h.Set("Set-Cookie", "a=b")
	io.WriteString(w, text)
}

// meta answers ?meta.
func (d *daemon) meta(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	fmt.Fprintf(w, `{"path":%q}`, r.URL.Path)
}

// route answers for everything that is no package.
func (d *daemon) route(w http.ResponseWriter, r *http.Request, body string) {
	w.Header().Set("Cache-Control", "no-cache")
	if strings.HasPrefix(r.URL.Path, "/api/components/held") {
		w.Header()["Content-Type"] = nil
		w.Header().Set("X-Integrity", "sha256-abc")
		w.Header().Set("Dynamico-Component-Version", "1.0.0")
		w.Header().Set("X-Accel-Redirect", "/ilib/.components/held/1.0.0/c.js")
		return
	}
	fmt.Fprintf(w, "%s %s %s", r.Method, r.RequestURI, body)
}

// refuse answers with an error that nobody may keep.
func (d *daemon) refuse(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		d.fail(w, status)
	}
}

// fail answers with an error.
func (d *daemon) fail(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"type":"%d"}`, status)
}
