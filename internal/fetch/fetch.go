// Package fetch is the one guarded HTTP client for everything that comes from
// upstream.
package fetch

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"
)

// Config of a Client. The zero value of each field means the stated default.
type Config struct {
	ConnectTimeout time.Duration // TCP and TLS; 5 s
	HeaderTimeout  time.Duration // until the response's header; 10 s
	StallTimeout   time.Duration // without a byte of the body; 30 s
	TotalTimeout   time.Duration // of one request with its body; 5 min
	// Concurrency limits the requests in flight to one host; 32.
	Concurrency int
	// Trusted are host:port pairs that the configuration itself names: only
	// they may resolve to private, loopback or link-local addresses.
	Trusted []string
	CAFile  string // PEM file of further roots; none
	// Proxy returns the proxy of a request; nil: from the environment.
	Proxy func(*http.Request) (*url.URL, error)
	// Offline refuses every request with outcome.Busy.
	Offline   bool
	UserAgent string       // "registryd"
	Logger    *slog.Logger // nil: discard
	// Observe, if set, is told of every request that went out.
	Observe func(host string, status int, err error, d time.Duration)
}

// Client sends guarded GET requests. Safe for concurrent use.
type Client struct{}

// New checks the configuration and reads CAFile.
func New(c Config) (*Client, error) { panic("TODO") }

// Request is one GET.
type Request struct {
	URL    string
	Accept string // "" for none
	// Validator is sent as If-None-Match; "" for none.
	Validator string
	// Authorization is the value of that header, for the host of URL alone: it
	// is never sent across a redirect to another scheme, host or port.
	Authorization string
	// Limit is the largest body in bytes that may be read; more is outcome.Refused.
	Limit int64
}

// Response of a GET that succeeded (200) or was not modified (304).
type Response struct {
	Status    int
	Header    http.Header
	Validator string        // ETag; "" if none
	URL       string        // after redirects
	Body      io.ReadCloser // reads fail with outcome.TooSlow, Unavailable or Refused
}

// Get sends the request. Errors: outcome.NotFound for 404 and 410;
// outcome.Busy with its delay for 429 and 503 with Retry-After;
// outcome.TooSlow; outcome.Unavailable for everything else that is no 200 or
// 304, and StatusError in the chain where there was a status.
func (c *Client) Get(ctx context.Context, r Request) (*Response, error) { panic("TODO") }

// CloseIdle closes idle connections, when the client is replaced.
func (c *Client) CloseIdle() {}

// StatusError carries the status of an answer that was no success.
type StatusError struct {
	Status int
	URL    string // without user info and query
	Header http.Header
	Body   string // its first 512 bytes, for logs
}

func (e *StatusError) Error() string { return http.StatusText(e.Status) }
