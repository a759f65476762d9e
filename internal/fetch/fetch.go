// Package fetch is the one guarded HTTP client for everything that comes from
// upstream. Providers send GET; what plugins send may have a method, a header
// and a body.
//
// What it guards against, in the order in which a request meets it:
//
//   - A host that asked to be left alone (Retry-After) is not asked again
//     before that time, and at most Config.Concurrency requests to one host
//     are in flight, their bodies included.
//   - A host that failed five times in a row (no answer, none in time, or a 5xx)
//     is not asked for a second; then one request shows whether it is back, and
//     each one that shows it is not doubles the pause, up to a minute. An answer
//     below 500 is none of these, whatever it says.
//   - The address that a name resolves to is checked while dialling, so
//     neither odd spellings of an address nor a name that changes its mind
//     between check and dial reach the inside of the network.
//   - Redirects are followed by hand: at most five, never from https to http,
//     never to anything but http and https, and without the credentials of
//     the first host as soon as the origin changes, for good.
//   - A header that does not come, a body that stalls or never ends, and a
//     body that is larger than asked for all end in an error of its own.
//
// Bodies are handed over byte for byte: no Content-Encoding is asked for and
// none is undone, because the digest of a tarball is taken of the bytes on the
// wire. Only a request that sets Compress has its body decoded.
//
// No error, log line or StatusError holds the user info or the query of a URL,
// where secrets live.
package fetch

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/registryd/registryd/internal/outcome"
)

// Config of a Client. The zero value of each field means the stated default.
type Config struct {
	ConnectTimeout time.Duration // TCP and TLS, each; 5 s
	// HeaderTimeout is the time from sending a request until its response's
	// header, connecting included; 10 s.
	HeaderTimeout time.Duration
	// StallTimeout is how long a read of the body may wait for a byte, and how
	// long a request may wait for its turn (see Concurrency); 30 s.
	StallTimeout time.Duration
	TotalTimeout time.Duration // of one request with its redirects, retries and body; 5 min
	// Concurrency limits the requests in flight to one host; 32.
	Concurrency int
	// Trusted are host:port pairs that the configuration itself names: only
	// they may resolve to private, loopback or link-local addresses.
	Trusted []string
	CAFile  string // PEM file of further roots; none
	// Proxy returns the proxy of a request; nil: from the environment. The
	// address of a proxy is trusted.
	Proxy func(*http.Request) (*url.URL, error)
	// Offline refuses every request with outcome.Busy.
	Offline   bool
	UserAgent string       // "registryd"
	Logger    *slog.Logger // nil: discard
	// Observe, if set, is told of every request that went out, redirects and
	// retries included: its host, the status (0 for none), the error and the
	// time until the header. It is called from many goroutines at once.
	Observe func(host string, status int, err error, d time.Duration)
	// Ended, if set, is told of every Get that sent a request, once nothing more of
	// it will happen. It is called from many goroutines at once.
	Ended func(context.Context, Ended)
	// Provider is whom the requests are for, see Ended and Client.For; "" for
	// nobody in particular.
	Provider string
	// Transport takes the place of the guarded transport: no dial guard, no
	// CAFile, no Proxy. It is there for tests without a network; nil: guarded.
	Transport http.RoundTripper
}

// Client sends guarded requests. Safe for concurrent use.
type Client struct {
	config    Config
	transport http.RoundTripper
	hosts     *hosts
}

// Ended tells how a Get ended, its body included. It holds no user info and no
// query of a URL.
type Ended struct {
	Provider string        // whom it was for
	Method   string        // of the request
	URL      string        // that was asked for first
	Host     string        // that answered last, after redirects
	Status   int           // of the last answer; 0: there was none
	Requests int           // that went out: redirects and retries count
	Bytes    int64         // of all bodies, as they came over the wire
	Duration time.Duration // of all of it, the wait for a place at the host included
	// Err is nil also where the reader of the body had enough before its end.
	Err error
}

// New checks the configuration and reads CAFile. Errors: plain ones, for a
// person who writes configuration.
func New(c Config) (*Client, error) {
	c = withDefaults(c)
	client := &Client{config: c, transport: c.Transport, hosts: newHosts(c.Concurrency)}
	if client.transport == nil {
		t, err := newTransport(c)
		if err != nil {
			return nil, err
		}
		client.transport = t
	}
	return client, nil
}

func withDefaults(c Config) Config {
	for _, d := range []struct {
		value *time.Duration
		def   time.Duration
	}{
		{&c.ConnectTimeout, 5 * time.Second},
		{&c.HeaderTimeout, 10 * time.Second},
		{&c.StallTimeout, 30 * time.Second},
		{&c.TotalTimeout, 5 * time.Minute},
	} {
		if *d.value <= 0 {
			*d.value = d.def
		}
	}
	if c.Concurrency <= 0 {
		c.Concurrency = 32
	}
	if c.UserAgent == "" {
		c.UserAgent = "registryd"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Request is one request, a GET unless it says otherwise.
type Request struct {
	URL    string // http or https
	Accept string // "" for none
	// Validator is sent as If-None-Match; "" for none.
	Validator string
	// Authorization is the value of that header, for the host of URL alone: it
	// is never sent across a redirect to another scheme, host or port.
	Authorization string
	// Limit is the largest body in bytes that may be read; more is
	// outcome.Refused. 0 allows an empty body only.
	Limit int64
	// Method, "" is GET. What is neither GET nor HEAD is never sent twice, and
	// becomes a GET without a body behind a redirect that is no 307 or 308.
	Method string
	// Header is sent beside what the other fields say, but for what belongs to
	// the connection. Like Authorization it is never sent to another origin.
	Header http.Header
	Body   []byte // nil: none
	// AnyStatus takes every answer that is no redirect for a success.
	AnyStatus bool
	// Allow, if set, is asked for every URL before it is requested, redirects
	// included. What it returns is what Get returns.
	Allow func(*url.URL) error
	// Compress lets the body travel compressed and hands it over decoded;
	// Limit then holds for both forms. Without it the body is handed over as
	// it is on the wire, whatever its Content-Encoding claims.
	Compress bool
}

// Response of a request that succeeded (200), was not modified (304), or asked
// for any status.
type Response struct {
	Status    int         // 200 or 304, unless Request.AnyStatus
	Header    http.Header // as upstream sent it
	Validator string      // ETag; "" if none
	URL       string      // after redirects, without user info and fragment
	// Body must be closed by the caller, also that of a 304: until then it
	// holds one of the host's places. Reads fail with outcome.TooSlow,
	// Unavailable or Refused, or with the context's own error.
	Body io.ReadCloser
}

// Get sends the request. ctx governs the body too. Errors: outcome.NotFound
// for 404 and 410; outcome.Busy with its delay for 429 and 503 with
// Retry-After, while such a delay runs, offline, and when no place among the
// requests to the host came free, or while it is not asked because it failed; outcome.TooSlow; outcome.Refused for a body
// announced as larger than Limit; outcome.Unavailable for everything else that
// is no 200 or 304; what Request.Allow returned. StatusError is in the chain where there was a status. A
// cancelled ctx gives context.Canceled and no outcome; its deadline gives
// context.DeadlineExceeded and outcome.TooSlow.
func (c *Client) Get(ctx context.Context, r Request) (*Response, error) {
	if c.config.Offline {
		return nil, outcome.New(outcome.Busy, "not asked upstream: working offline")
	}
	u, err := parseTarget(r.URL)
	if err != nil {
		return nil, err
	}
	if r.Allow != nil {
		if err := r.Allow(u); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	x := &exchange{
		start: time.Now(), first: clean(u), client: c, request: r, url: u, auth: r.Authorization, cancel: cancel,
		method: cmp.Or(r.Method, http.MethodGet), header: r.Header, payload: r.Body,
	}
	x.total = time.AfterFunc(c.config.TotalTimeout, func() { cancel(errTotal) })
	resp, err := x.follow(ctx)
	if err == nil {
		return resp, nil
	}
	x.fail(err)
	x.end(ctx)
	return nil, err
}

// For returns a client whose requests are for a provider. It shares all else
// with c: the places at each host, what is known of them, the connections.
func (c *Client) For(provider string) *Client {
	d := *c
	d.config.Provider = provider
	return &d
}

// Waiting returns how many requests wait for a place at their host.
func (c *Client) Waiting() int { return int(c.hosts.waiting.Load()) }

// CloseIdle closes idle connections, when the client is replaced. Requests in
// flight go on.
func (c *Client) CloseIdle() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}
