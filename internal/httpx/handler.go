package httpx

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/registryd/registryd/internal/outcome"
)

// HandlerFunc is a handler that leaves its failures to the table. It must not
// have written anything when it returns an error.
type HandlerFunc func(http.ResponseWriter, *http.Request) error

// Adapter turns HandlerFuncs into http.Handlers. Its fields are set once,
// before use; then it is safe for concurrent use.
type Adapter struct {
	Logger *slog.Logger // nil: discard
	// NegativeTTL is how long nginx may keep a 404; nil: not at all.
	NegativeTTL func() time.Duration
	// Observe, if set, is told of every answer.
	Observe func(route string, status int, label string, d time.Duration)
}

// Handle returns the http.Handler of h. route is its name in logs and metrics.
func (a *Adapter) Handle(route string, h HandlerFunc) http.Handler {
	named := a.Route(route)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { named.Serve(w, r, h) })
}

// Route answers for handlers that are known only when a request is there. Safe for concurrent use.
type Route struct {
	adapter *Adapter
	name    string
	logger  *slog.Logger
}

// Route returns a route by its name in logs and metrics.
func (a *Adapter) Route(name string) *Route {
	route := &Route{adapter: a, name: name, logger: a.Logger}
	if route.logger == nil {
		route.logger = slog.New(slog.DiscardHandler)
	}
	return route
}

// Serve answers a request by h, which is not kept.
func (route *Route) Serve(w http.ResponseWriter, r *http.Request, h HandlerFunc) {
	a, start := route.adapter, time.Now()
	rec := &recorder{ResponseWriter: w}
	err, row := call(h, rec, r), &success
	if err != nil {
		row = lookup(err) // once: it walks the chain of err for every row
	}
	if err != nil && !rec.written {
		a.write(rec, r, row, err)
		rec.answered = row
	}
	d := time.Since(start)
	if a.Observe != nil {
		a.Observe(route.name, rec.status(), row.label, d)
	}
	logAnswer(route.logger, r, answer{route.name, rec, row, err, d})
	if err != nil && row != rec.answered {
		// What was sent is not the whole: only a broken connection says so.
		panic(http.ErrAbortHandler)
	}
}

// call runs h; a panic becomes an error with its stack.
func call(h HandlerFunc, w http.ResponseWriter, r *http.Request) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if e, ok := p.(error); ok && errors.Is(e, http.ErrAbortHandler) {
				panic(p)
			}
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return h(w, r)
}

type body struct {
	Type   string `json:"type"`
	Error  string `json:"error,omitempty"`
	Rule   string `json:"rule,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// encode leaves "<" and ">" as they are: rules have them, and nobody takes this
// for HTML.
func (b *body) encode() []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(b) // strings only: cannot fail
	return out.Bytes()
}

func (a *Adapter) write(w http.ResponseWriter, r *http.Request, row *row, err error) {
	h := w.Header()
	if len(h) > 0 {
		for _, key := range bodyHeaders {
			delete(h, key)
		}
	}
	word, text := outcome.Type(err)
	keep := row.store
	if word != "" {
		keep = storeNever // such surfaces change from one moment to the next
	}
	a.storeHeaders(h, keep)
	if row.retry {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(outcome.RetryAfter(err).Seconds()))))
	}
	data := row.body(err)
	if word != "" {
		data = row.typed(word, text)
	}
	h["Content-Type"] = jsonType
	if reply := replyOf(err); reply != nil && reply.Plain {
		h["Content-Type"] = textType
	}
	h["X-Content-Type-Options"] = noSniff
	h["Content-Length"] = []string{strconv.Itoa(len(data))}
	w.WriteHeader(row.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(data) // the client may have left
	}
}

// Values of headers under their canonical keys. Answers share them: a known 404
// costs little else than its header.
var (
	jsonType = []string{"application/json; charset=utf-8"}
	textType = []string{"text/plain; charset=utf-8"}
	noSniff  = []string{"nosniff"}
)

// saying holds the bodies of the rows that have a text. Nobody changes it.
var saying = func() map[*row][]byte {
	m := map[*row][]byte{}
	say := func(row *row) {
		if row.text != "" {
			m[row] = (&body{Type: row.label, Error: row.text}).encode()
		}
	}
	for i := range table {
		say(&table[i])
	}
	say(&fault)
	return m
}()

// body is what a client is told of err. A row that has a text says that alone,
// in bytes that all its answers share.
func (row *row) body(err error) []byte {
	if data, ok := saying[row]; ok {
		return data
	}
	if reply := replyOf(err); reply != nil {
		return reply.body()
	}
	b := body{Type: row.label, Error: row.sentence(err)}
	if row.kind == outcome.Forbidden {
		if d, ok := errors.AsType[*outcome.Denial](err); ok {
			b.Rule, b.Reason = d.Rule, d.Reason
		}
	}
	return b.encode()
}

// Reason returns the sentence that a client is told of an error. Like the answer
// that it comes from it names no upstream and no place on the disk.
func Reason(err error) string {
	row, reply := lookup(err), replyOf(err)
	word, text := outcome.Type(err)
	switch {
	case word != "" && row.kind != outcome.Busy:
		return text
	case row.text != "":
		return row.text
	case reply != nil:
		return reply.Text
	}
	return row.sentence(err)
}

// sentence is what err itself says, for a client.
func (row *row) sentence(err error) string {
	text := outcome.Text(err)
	if row.kind == outcome.Refused {
		text = withoutURLs(text)
	}
	return cmp.Or(text, row.kind.Error())
}

// typed is what a client is told of an error with a word of its own. Its text
// was written for that client, unless the fault lies behind us.
func (row *row) typed(word, text string) []byte {
	if row.kind == outcome.Busy {
		text = row.text
	}
	return (&body{Type: word, Error: text}).encode()
}

// bodyHeaders are, in canonical form, what a handler may have said about a body
// that it did not get to send.
var bodyHeaders = [...]string{
	"Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Range", "Etag", "Last-Modified", "Location",
	"X-Accel-Expires", "X-Accel-Redirect",
}

var urls = regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]*://[^\s"]*`)

// withoutURLs keeps from a client where our upstreams are: a refusal tells what
// was wrong with their bytes.
func withoutURLs(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	return urls.ReplaceAllString(text, "upstream")
}

func (a *Adapter) storeHeaders(h http.Header, s store) {
	switch s {
	case storeNever:
		h.Set("Cache-Control", "no-store")
	case storeNegative:
		ttl := 0
		if a.NegativeTTL != nil {
			ttl = int(a.NegativeTTL().Seconds())
		}
		h.Set("X-Accel-Expires", strconv.Itoa(ttl))
	}
}

// answer is what one log line speaks of.
type answer struct {
	route string
	rec   *recorder
	row   *row
	err   error
	d     time.Duration
}

func logAnswer(logger *slog.Logger, r *http.Request, a answer) {
	level := a.row.level
	if !logger.Enabled(r.Context(), level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("route", a.route), slog.String("method", r.Method), slog.String("path", Clip(r.URL.EscapedPath())),
		slog.Int("status", a.rec.status()), slog.String("outcome", a.row.label), slog.Int64("bytes", a.rec.bytes),
		slog.Float64("dur_ms", float64(a.d.Microseconds())/1000), slog.String("request_id", RequestID(r)),
	}
	if a.err != nil {
		attrs = append(attrs, slog.String("error", a.err.Error()))
	}
	logger.LogAttrs(r.Context(), level, "answer", attrs...)
}

// maxLogged bounds a field of the log that a client chooses.
const maxLogged = 256

// Clip shortens text that comes from outside for a log line.
func Clip(s string) string {
	if len(s) <= maxLogged {
		return s
	}
	return strings.ToValidUTF8(s[:maxLogged], "") + "…"
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	code     int
	written  bool
	bytes    int64 // of the body
	answered *row  // of the error that was sent; nil: none was
}

func (r *recorder) WriteHeader(code int) {
	r.code, r.written = code, true
	r.ResponseWriter.WriteHeader(code)
}

func (r *recorder) Write(p []byte) (int, error) {
	r.written = true
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// ReadFrom lets a file go out without a copy in user space.
func (r *recorder) ReadFrom(src io.Reader) (int64, error) {
	r.written = true
	n, err := io.Copy(r.ResponseWriter, src)
	r.bytes += n
	return n, err
}

// Unwrap serves http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) status() int {
	if r.code == 0 {
		return http.StatusOK
	}
	return r.code
}
