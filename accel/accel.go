// Package accel serves packages over HTTP: it parses the path, asks the
// registry what is there, and answers a file with X-Accel-Redirect, so that
// nginx sends it, or, without nginx, with the file itself. It also serves the
// admin routes. It opens no file of its own accord.
package accel

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/mediatype"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/registry"
)

// Config of a Handler.
type Config struct {
	Registry *registry.Registry // what is asked; not nil
	Pub      string             // URL prefix of packages, "/lib/" or "/"
	Internal string             // nginx-internal prefix, "/ilib/"
	// Nginx answers files with X-Accel-Redirect. Without it the daemon sends
	// the file, with the headers that nginx would add.
	Nginx     bool
	PublicURL string // for absolute links; "" derives it from the request
	// Period is how long nginx keeps what can change.
	Period time.Duration
}

// Handler answers package paths. Immutable and safe for concurrent use.
type Handler struct{ Config }

// New returns a handler.
func New(c Config) *Handler { return &Handler{c} }

// Serve answers one request below Pub. Errors: outcome.Invalid,
// outcome.MethodNotAllowed, and those of registry.Find.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request) error {
	if !h.Nginx {
		directHeaders(w.Header())
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
	case http.MethodOptions:
		preflight(w)
		return nil
	default:
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		return outcome.New(outcome.MethodNotAllowed, "%s is not allowed here", httpx.Clip(r.Method))
	}
	if r.Header.Get("Service-Worker") == "script" {
		return outcome.New(outcome.Invalid, "package files are not served as service workers")
	}
	q, err := pkgref.ParsePath(rawPath(r), h.Pub)
	if err != nil {
		return err
	}
	meta := r.URL.RawQuery == "meta"
	if q.At && q.Spec.Kind == pkgref.KindPin { // a pin has one spelling, or nginx would not find it
		h.redirect(w, &registry.Target{Name: q.Name, Release: "main", Path: q.Path}, query(meta))
		return nil
	}
	if meta {
		return h.meta(w, r, q)
	}
	for range attempts {
		if err = h.answer(w, r, q); !errors.Is(err, errVanished) {
			break
		}
	}
	return err
}

// attempts bounds how often a request is answered anew because its file left
// the view while it was answered.
const attempts = 5

var errVanished = outcome.New(outcome.Busy, "the file was replaced meanwhile")

// answer sends what is at a path. Errors: errVanished, before anything was
// sent; as Serve.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, q pkgref.Ref) error {
	a, err := h.Registry.Find(r.Context(), q)
	switch {
	case err != nil:
		return err
	case a.Redirect != nil:
		h.redirect(w, a.Redirect, "")
		return nil
	case a.Listing != nil:
		return h.listing(w, r, a.Listing)
	}
	return h.file(w, r, a.File)
}

// query is what a redirect keeps of the query: nothing but ?meta means anything.
func query(meta bool) string {
	if meta {
		return "?meta"
	}
	return ""
}

// rawPath is the path as the client sent it, before any decoding.
func rawPath(r *http.Request) string {
	if uri := r.RequestURI; strings.HasPrefix(uri, "/") {
		path, _, _ := strings.Cut(uri, "?")
		return path
	}
	return r.URL.EscapedPath()
}

// redirect leads to a path of an exact version. It carries no cache headers:
// browsers then do not keep it, and nginx does for its own period.
func (h *Handler) redirect(w http.ResponseWriter, t *registry.Target, query string) {
	header := w.Header()
	header.Set("Location", pkgref.Location(h.Pub, t.Name, t.Release, t.Path)+query)
	header.Set("Content-Length", "0")
	w.WriteHeader(http.StatusFound)
}

func (h *Handler) file(w http.ResponseWriter, r *http.Request, s *registry.Served) error {
	if h.Nginx && s.Loose == nil {
		h.accelerate(w, s)
		return nil
	}
	f, err := h.Registry.Open(s)
	if errors.Is(err, outcome.NotFound) && s.Manifest != nil {
		return errVanished // it exists: a 404 would be remembered
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if h.Nginx {
		return h.send(w, r, s, f)
	}
	w.Header().Set("Vary", "Accept-Encoding")
	sibling, err := h.Registry.OpenSibling(s, func(coding string) bool { return httpx.Accepts(r, coding) })
	if errors.Is(err, outcome.NotFound) {
		return h.send(w, r, s, f)
	}
	if err != nil {
		return err
	}
	defer sibling.Close()
	w.Header().Set("Content-Encoding", sibling.Encoding)
	return h.send(w, r, s, sibling.File)
}

// accelerate tells nginx to send a file of the view. nginx decodes the value
// once, so every byte that could mean something to it is encoded; a
// Content-Type of ours would win over its own table.
func (h *Handler) accelerate(w http.ResponseWriter, s *registry.Served) {
	header := w.Header()
	header.Set("X-Accel-Redirect", pkgref.Location(h.Internal, s.Name, s.Release, s.Path))
	header["Content-Type"] = nil
	header.Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
}

// send answers with the bytes themselves.
func (h *Handler) send(w http.ResponseWriter, r *http.Request, s *registry.Served, f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return outcome.Wrap(outcome.Busy, err, "look at %s", s.Path)
	}
	modified := info.ModTime()
	if s.Loose != nil {
		modified = s.File.SHA256.ModTime()
	}
	header := w.Header()
	header.Set("Content-Type", mediatype.Of(s.Path))
	header.Set("Cache-Control", cacheControl(s.Release))
	header.Set("X-Accel-Expires", "0") // the bytes are on disk once already
	header.Set("ETag", etag(modified, info.Size()))
	if !h.Nginx && mediatype.Scripts(mediatype.Of(s.Path)) {
		header.Set("Content-Security-Policy", "sandbox")
	}
	http.ServeContent(fileWriter{w}, sinceExactly(r, modified), "", modified, f)
	return nil
}

// sinceExactly leaves If-Modified-Since out of r unless it is just that time, as
// nginx does: the time of a file is a hash, and main may move to an earlier one.
func sinceExactly(r *http.Request, modified time.Time) *http.Request {
	const key = "If-Modified-Since"
	since := r.Header.Get(key)
	if since == "" {
		return r
	}
	if t, err := http.ParseTime(since); err == nil && t.Equal(modified.Truncate(time.Second)) {
		return r
	}
	q := *r
	q.Header = r.Header.Clone()
	q.Header.Del(key)
	return &q
}

// fileWriter keeps what is said about a file off the answer that it is not
// sent: with a precondition in his request anybody could have a shared cache
// keep that answer in the file's place.
type fileWriter struct{ http.ResponseWriter }

// WriteHeader sends the header.
func (w fileWriter) WriteHeader(code int) {
	if code >= http.StatusBadRequest {
		for _, key := range []string{"Cache-Control", "Content-Encoding", "ETag", "Last-Modified"} {
			w.Header().Del(key)
		}
	}
	w.ResponseWriter.WriteHeader(code)
}

// ReadFrom lets the file go out without a copy in user space.
func (w fileWriter) ReadFrom(src io.Reader) (int64, error) { return io.Copy(w.ResponseWriter, src) }

// etag has the form that nginx gives it, so that both agree.
func etag(modified time.Time, size int64) string {
	return `"` + strconv.FormatInt(modified.Unix(), 16) + "-" + strconv.FormatInt(size, 16) + `"`
}

const (
	immutable = "public, max-age=31536000, immutable"
	shortLife = "public, max-age=60, stale-while-revalidate=600"
)

// cacheControl is for ever for an exact version, and short for main.
func cacheControl(release string) string {
	if release == "main" {
		return shortLife
	}
	return immutable
}

// directHeaders are what nginx would add to every answer.
func directHeaders(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "Content-Length, ETag")
	h.Set("Timing-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("X-Content-Type-Options", "nosniff")
}

func preflight(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "*")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}
