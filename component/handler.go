package component

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/mediatype"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/unpack"
	"github.com/registryd/registryd/pkgref"
)

// HandlerConfig is what a Handler is made of.
type HandlerConfig struct {
	Registry *Registry // all that it answers from
	Prefix   string    // of its URLs, with slashes at both ends
	Internal string    // nginx-internal prefix of X-Accel-Redirect
	Nginx    bool      // nginx sends the files; false: the handler does
	Token    string    // for publishing; "": this machine alone may publish
	ReadOnly bool      // nobody may publish
	MaxBody  int64     // bytes of a request
	// Archive bounds a package, and all that are in memory at once while they are
	// published.
	Archive unpack.Limits
	// Scratch returns an empty file for what is uploaded, until it is known to be
	// good; nil: one among the temporary files of the system.
	Scratch func() (Scratch, error)
	Audit   func(record any) error // nil: nobody keeps a log
	// Published is told of every publication; nil: nobody is.
	Published func(label string)
}

// Handler is the registry over HTTP. Safe for concurrent use.
type Handler struct {
	HandlerConfig
	token  [sha256.Size]byte
	slots  chan struct{}
	memory *semaphore.Weighted // bytes of packages
	maxMap int64
}

// concurrentPublications bounds how many packages come at once.
const concurrentPublications = 4

// maxDependencies bounds a map of dependencies in bytes.
const maxDependencies = 1 << 20

// NewHandler returns the handler of one configuration.
func NewHandler(c HandlerConfig) *Handler {
	if c.Audit == nil {
		c.Audit = func(any) error { return nil }
	}
	if c.Published == nil {
		c.Published = func(string) {}
	}
	if c.Scratch == nil {
		c.Scratch = scratchFile
	}
	return &Handler{
		HandlerConfig: c, token: sha256.Sum256([]byte(c.Token)), memory: semaphore.NewWeighted(c.Archive.Unpacked),
		slots: make(chan struct{}, concurrentPublications), maxMap: min(maxDependencies, c.MaxBody),
	}
}

// Headers that are part of the answers.
const (
	versionHeader   = "Dynamico-Component-Version"
	integrityHeader = "X-Integrity"
)

// Serve answers one request below the prefix. Errors: those of the package, for
// the table of httpx.
func (h *Handler) Serve(w http.ResponseWriter, r *http.Request) error {
	cors(w.Header())
	raw := r.URL.EscapedPath()
	rest, ok := strings.CutPrefix(raw, h.Prefix)
	if !ok {
		return outcome.New(outcome.Declined, "no such route")
	}
	if r.Method == http.MethodOptions {
		return preflight(w)
	}
	t, err := parseTarget(rest)
	if err != nil {
		return err
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return h.get(w, r, t)
	case http.MethodPost:
		return h.post(w, r, t)
	}
	w.Header().Set("Allow", allowed)
	return outcome.New(outcome.MethodNotAllowed, "%s is not allowed here", httpx.Clip(r.Method))
}

const allowed = "GET, HEAD, POST, OPTIONS"

// cors lets pages of any origin use the registry: what it has is public, and no
// cookie is looked at.
func cors(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", versionHeader+", "+integrityHeader+", ETag")
}

func preflight(w http.ResponseWriter) error {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", allowed)
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-None-Match")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// target is what a path below the prefix means.
type target struct {
	list, register bool
	name           string   // decoded; checked by whoever wants it
	rest           []string // segments after the name, decoded
}

// parseTarget reads a path, still escaped. Errors: ErrMalformed for a wrong
// escape, outcome.NotFound for a path that can be none.
func parseTarget(raw string) (target, error) {
	if raw == "" {
		return target{list: true}, nil
	}
	segments := strings.Split(raw, "/")
	for i, s := range segments {
		decoded, err := url.PathUnescape(s)
		if err != nil {
			return target{}, outcome.New(ErrMalformed, "the path has a wrong escape")
		}
		if s == "" || i > 0 && strings.ContainsAny(decoded, "/\\") {
			return target{}, outcome.New(ErrNoComponent, "no component has this path")
		}
		segments[i] = decoded
	}
	if segments[0] == "host" {
		if len(segments) == 2 && segments[1] == "register" {
			return target{register: true}, nil
		}
		return target{}, outcome.New(ErrNoComponent, "no component has this path")
	}
	t := target{name: segments[0], rest: segments[1:]}
	if strings.HasPrefix(t.name, "@") && !strings.Contains(t.name, "/") && len(t.rest) > 0 {
		if _, err := ParseVersion(t.rest[0]); err != nil {
			t.name, t.rest = t.name+"/"+t.rest[0], t.rest[1:]
		}
	}
	return t, nil
}

func (h *Handler) get(w http.ResponseWriter, r *http.Request, t target) error {
	if t.list {
		return h.list(w)
	}
	if t.register {
		return outcome.New(ErrNoComponent, "no component has this path")
	}
	n, err := ParseName(t.name)
	if err != nil {
		return outcome.Wrap(ErrNoComponent, err, "no component has this name")
	}
	switch len(t.rest) {
	case 0:
		return h.code(w, r, n)
	case 1:
		return outcome.New(ErrNoComponent, "ask for a file of %s, or for %s alone", n, n)
	}
	v, err := ParseVersion(t.rest[0])
	if err != nil {
		return err
	}
	s, err := h.Registry.File(r.Context(), n, v, strings.Join(t.rest[1:], "/"))
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	return h.send(w, r, s, mediatype.Of(s.Path))
}

// code answers with the code of the version that the query asks for.
func (h *Handler) code(w http.ResponseWriter, r *http.Request, n Name) error {
	v, err := h.version(r, n)
	if err != nil {
		return err
	}
	s, err := h.Registry.File(r.Context(), n, v, "")
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-cache")
	return h.send(w, r, s, "application/javascript; charset=utf-8")
}

func (h *Handler) version(r *http.Request, n Name) (pkgref.Version, error) {
	query := r.URL.Query()
	if query.Has("componentVersion") {
		v, err := ParseVersion(query.Get("componentVersion"))
		if err != nil {
			return v, err
		}
		return h.Registry.Exact(r.Context(), n, v)
	}
	id, err := strconv.ParseUint(query.Get("hostId"), 10, 32)
	if err != nil {
		return pkgref.Version{}, outcome.New(ErrUnknownHost, "hostId is no id of a host")
	}
	return h.Registry.Version(r.Context(), uint32(id), n)
}

// send answers with a file of the view, by nginx or directly.
func (h *Handler) send(w http.ResponseWriter, r *http.Request, s Served, contentType string) error {
	head := w.Header()
	head.Set(versionHeader, s.Version.String())
	if sum, ok := (stored{SHA256: s.SHA256}).digestBytes(); ok {
		head.Set(integrityHeader, "sha256-"+base64.StdEncoding.EncodeToString(sum[:]))
	}
	if h.Nginx {
		head["Content-Type"] = nil
		head.Set("X-Accel-Redirect", h.Internal+".components/"+pkgref.Escape(s.Path))
		w.WriteHeader(http.StatusOK)
		return nil
	}
	f, err := h.Registry.Open(s)
	if err != nil {
		return outcome.Wrap(ErrStorage, err, "the file is gone, ask again")
	}
	defer f.Close()
	if s.SHA256 != "" {
		head.Set("ETag", `"`+s.SHA256[:32]+`"`)
	}
	head.Set("Content-Type", contentType)
	head.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, f)
	return nil
}

func (h *Handler) list(w http.ResponseWriter) error {
	if err := h.Registry.ready(); err != nil {
		return err
	}
	hosts, _, _ := h.Registry.Index().Size()
	return writeJSON(w, map[string]any{"components": h.Registry.Index().List(), "hosts": hosts})
}

func writeJSON(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // the client may have left
	return nil
}

func (h *Handler) post(w http.ResponseWriter, r *http.Request, t target) error {
	if t.register {
		return h.register(w, r)
	}
	if h.ReadOnly || t.list || len(t.rest) != 1 {
		unread(w)
		return outcome.New(ErrNoComponent, "no component has this path")
	}
	p, err := h.admit(w, r, t)
	if err != nil {
		unread(w)
		h.Published(httpx.Label(err))
		return err
	}
	moved, err := h.publish(w, r, p)
	h.Published(httpx.Label(err))
	if err != nil {
		return err
	}
	out := make(map[string]map[string]Mismatches, len(moved))
	for id, found := range moved {
		out[key(id)] = map[string]Mismatches{"mismatches": found}
	}
	return writeJSON(w, out)
}

func (h *Handler) register(w http.ResponseWriter, r *http.Request) error {
	deadline(w, time.Minute)
	data, err := body(w, r, h.maxMap)
	if err != nil {
		return err
	}
	d := Dependencies{}
	if len(data) > 0 {
		if d, err = parseDependencies(data); err != nil {
			return err
		}
	}
	out, err := h.Registry.Register(r.Context(), d)
	if err != nil {
		return err
	}
	return writeJSON(w, out)
}

// parseDependencies reads a JSON object of texts. Errors: ErrMalformed for what is
// no JSON, ErrDependencies for what is no such object.
func parseDependencies(data []byte) (Dependencies, error) {
	if !json.Valid(data) {
		return nil, outcome.New(ErrMalformed, "this is no JSON")
	}
	var d map[string]*string
	if err := json.Unmarshal(data, &d); err != nil || d == nil {
		return nil, outcome.New(ErrDependencies, "dependencies must be an object with the ranges of packages by their names")
	}
	out := make(Dependencies, len(d))
	for name, text := range d {
		if text == nil {
			return nil, outcome.New(ErrDependencies, "the range of %q must be a text", httpx.Clip(name))
		}
		out[name] = *text
	}
	return out, nil
}

// body reads a whole body. Errors: ErrTooLarge, ErrMalformed.
func body(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, outcome.New(ErrTooLarge, "the body has more than %d bytes", limit)
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if err != nil {
		return nil, unreadable(err)
	}
	return data, nil
}

// unreadable sorts out why a body could not be read.
func unreadable(err error) error {
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return outcome.New(ErrTooLarge, "the body has more than %d bytes", e.Limit)
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return outcome.Wrap(ErrMalformed, err, "the body cannot be read")
}

// deadline lets a body take its time to come; the server's own limit is for
// requests whose body nobody reads.
func deadline(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(d)) // where it cannot be set, somebody else looks after that
}
