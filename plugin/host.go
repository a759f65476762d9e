package plugin

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"
)

// Host is what the daemon does for the code of one plugin. Safe for concurrent use. What the manifest does not allow
// fails with a *Rejection, which an engine hands to the code as it would a thrown error of that name and message;
// other errors become an Error with their text.
//
// Engines supply the rest themselves, because it needs no daemon: timers, URL, text encoding, base64, structuredClone,
// randomUUID, deny, HttpError, lderror, and semver by pkgref.
type Host interface {
	// Fetch sends a request and reads the whole answer, whatever its status. What a server answered to a plain GET with
	// an ETag is kept, and answered again when the server says that it still holds; code that sends a condition of its
	// own sees what the server says to it. Nobody changes an answer: others may have the same one. ctx is that of the
	// call, which counts its requests against Limits.Fetches.
	// Errors: a *Rejection for a URL that the manifest does not allow, also behind a redirect, or for one request too
	// many; outcome.Refused for a body above Limits.Body; outcome.TooSlow, outcome.Busy, outcome.Unavailable; the
	// context's own.
	Fetch(ctx context.Context, r *Request) (*Response, error)
	// Open sends a request whose body stays with the host, and returns a handle of it for the code to return from its
	// fetch hook as {"stream": handle}. Only status 200 opens. Nobody need close it: what the call does not return
	// is closed when the call ends. Errors: as Fetch; outcome.NotFound for 404 and 410.
	Open(ctx context.Context, r *Request) (handle string, err error)
	// CacheGet returns what CacheSet stored under key, in any instance and any generation of the plugin; nil: nothing,
	// or forgotten. Errors: a *Rejection where the manifest does not allow the cache.
	CacheGet(ctx context.Context, key string) (json.RawMessage, error)
	// CacheSet stores a value for ttl, at most a day; zero or less: a day. The least recently used is forgotten
	// when the plugin's share is full. Errors: as CacheGet; a *Rejection for a value that is too large, or no JSON.
	CacheSet(ctx context.Context, key string, value json.RawMessage, ttl time.Duration) error
	// CacheDelete forgets a value. Errors: as CacheGet.
	CacheDelete(ctx context.Context, key string) error
	// VerifySRI reports whether data has the digest that a Subresource Integrity text names.
	// Errors: a *Rejection for a malformed text.
	VerifySRI(integrity string, data []byte) (bool, error)
	// Log writes a line to the log of the daemon, with the plugin's name, secrets taken out, cut to 4 KiB.
	Log(ctx context.Context, level slog.Level, message string)
}

// Request is what the code of a plugin sends.
type Request struct {
	URL    string      // absolute, http or https
	Method string      // "" is GET
	Header http.Header // nil: none; those that belong to the connection are left out
	Body   []byte      // nil: none
}

// Response is the answer to a Request.
type Response struct {
	Status int         // as sent
	Header http.Header // as sent
	URL    string      // after redirects, without user info and fragment
	Body   []byte      // at most Limits.Body bytes
}
