package fetch

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/registryd/registryd/internal/outcome"
)

// The causes with which an exchange cancels itself.
var (
	errHeader = errors.New("no header in time")
	errStall  = errors.New("body stalled")
	errTotal  = errors.New("not done in time")
)

// exchange is one request with its redirects and retries.
type exchange struct {
	client  *Client
	request Request
	url     *url.URL    // of the current hop
	auth    string      // emptied for good when the first origin is left
	header  http.Header // as auth
	method  string
	payload []byte // emptied with the method that had it
	retries int
	place   *place // at the current host; nil: none held
	cancel  context.CancelCauseFunc
	total   *time.Timer

	start  time.Time
	first  string                // the URL that was asked for, clean
	sent   int                   // requests
	status int                   // of the last answer
	bytes  atomic.Int64          // of bodies, which may be closed while they are read
	failed atomic.Pointer[error] // that whoever asked was given, by Get or by the body
}

// fail notes what whoever asked is given.
func (x *exchange) fail(err error) {
	if err != nil && err != io.EOF { //nolint:errorlint // the stream's own end, never wrapped
		x.failed.Store(&err)
	}
}

// end gives back everything that the exchange holds, and tells that it is over.
func (x *exchange) end(ctx context.Context) {
	x.leave()
	x.total.Stop()
	x.cancel(nil)
	f := x.client.config.Ended
	if f == nil || x.sent == 0 {
		return
	}
	ended := Ended{
		Provider: x.client.config.Provider, Method: cmp.Or(x.request.Method, http.MethodGet), URL: x.first, Host: x.url.Host,
		Status: x.status, Requests: x.sent, Bytes: x.bytes.Load(), Duration: time.Since(x.start),
	}
	if err := x.failed.Load(); err != nil {
		ended.Err = *err
	}
	f(context.WithoutCancel(ctx), ended)
}

func (x *exchange) leave() {
	if x.place != nil {
		x.place.release()
		x.place = nil
	}
}

// follow sends the request from host to host until one answers it.
func (x *exchange) follow(ctx context.Context) (*Response, error) {
	for hop := 0; ; hop++ {
		if err := x.enter(ctx); err != nil {
			return nil, err
		}
		resp, err := x.attempt(ctx)
		if class, known := failureClass(ctx, resp, err); known {
			x.client.hosts.report(x.place, class)
		}
		if err != nil {
			return nil, failure(ctx, clean(x.url), err)
		}
		if !isRedirect(resp) {
			return x.answer(ctx, resp)
		}
		x.body(ctx, resp).discard()
		x.leave()
		x.demote(resp.StatusCode)
		if hop == maxRedirects {
			return nil, outcome.New(outcome.Unavailable, "get %s: more than %d redirects", clean(x.url), maxRedirects)
		}
		if err := x.redirect(resp.Header.Get("Location")); err != nil {
			return nil, err
		}
	}
}

// enter waits for a place among the requests to the current host.
func (x *exchange) enter(ctx context.Context) error {
	place, err := x.client.hosts.acquire(ctx, origin(x.url), x.client.config.StallTimeout)
	if err == nil {
		x.place = place
		return nil
	}
	if outcome.Known(err) {
		return err
	}
	return failure(ctx, clean(x.url), err)
}

// send makes one round trip.
func (x *exchange) send(ctx context.Context) (*http.Response, error) {
	req, err := x.outgoing(ctx)
	if err != nil {
		return nil, err
	}
	timer := time.AfterFunc(x.client.config.HeaderTimeout, func() { x.cancel(errHeader) })
	defer timer.Stop()
	start := time.Now()
	resp, err := x.client.transport.RoundTrip(req)
	x.observe(ctx, resp, err, time.Since(start))
	return resp, err
}

func (x *exchange) outgoing(ctx context.Context) (*http.Request, error) {
	var body io.Reader = http.NoBody
	if len(x.payload) > 0 {
		body = bytes.NewReader(x.payload)
	}
	req, err := http.NewRequestWithContext(ctx, x.method, x.url.String(), body)
	if err != nil {
		// The text of err would quote the whole URL.
		return nil, errors.New("malformed URL or method")
	}
	h := req.Header
	for key, values := range x.header {
		if key = http.CanonicalHeaderKey(key); !connectionHeader(key) {
			h[key] = slices.Clone(values)
		}
	}
	for key, value := range map[string]string{
		"Accept":        x.request.Accept,
		"If-None-Match": x.request.Validator,
		"Authorization": x.auth,
	} {
		if value != "" {
			h.Set(key, value)
		}
	}
	if h.Get("User-Agent") == "" {
		h.Set("User-Agent", x.client.config.UserAgent)
	}
	h.Set("Accept-Encoding", "identity")
	if x.request.Compress {
		h.Set("Accept-Encoding", "gzip")
	}
	return req, nil
}

// connectionHeader reports headers that are the client's own business.
func connectionHeader(key string) bool {
	switch key {
	case "Accept-Encoding", "Connection", "Content-Length", "Expect", "Host", "Keep-Alive", "Proxy-Authorization",
		"Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// demote makes a GET of what is redirected otherwise than by 307 and 308.
func (x *exchange) demote(status int) {
	keeps := status == http.StatusTemporaryRedirect || status == http.StatusPermanentRedirect
	if keeps || x.method == http.MethodGet || x.method == http.MethodHead {
		return
	}
	x.method, x.payload = http.MethodGet, nil
}

func (x *exchange) observe(ctx context.Context, resp *http.Response, err error, d time.Duration) {
	status := 0
	x.sent++
	if resp != nil {
		status = resp.StatusCode
	}
	x.status = status
	if f := x.client.config.Observe; f != nil {
		f(x.url.Host, status, err, d)
	}
	x.client.config.Logger.LogAttrs(ctx, slog.LevelDebug, "upstream answered",
		slog.String("url", clean(x.url)), slog.Int("status", status),
		slog.Bool("failed", err != nil), slog.Int64("dur_ms", d.Milliseconds()))
}

// answer judges a response that is no redirect.
func (x *exchange) answer(ctx context.Context, resp *http.Response) (*Response, error) {
	body := x.body(ctx, resp)
	switch {
	case resp.StatusCode == http.StatusNotModified && x.request.Validator != "":
	case x.request.AnyStatus:
		x.heed(resp)
		if resp.ContentLength > x.request.Limit && x.method != http.MethodHead {
			body.abandon()
			return nil, oversize(x.url, resp.ContentLength, x.request.Limit)
		}
	case resp.StatusCode != http.StatusOK:
		return nil, x.refusal(resp, body)
	case resp.ContentLength > x.request.Limit:
		body.abandon()
		return nil, oversize(x.url, resp.ContentLength, x.request.Limit)
	}
	plain, err := x.decode(resp, body)
	if err != nil {
		body.abandon()
		return nil, err
	}
	return &Response{
		Status:    resp.StatusCode,
		Header:    resp.Header,
		Validator: resp.Header.Get("ETag"),
		URL:       x.url.String(),
		Body:      plain,
	}, nil
}

func oversize(u *url.URL, announced, limit int64) error {
	return outcome.New(outcome.Refused, "get %s: %d bytes announced, limit is %d", clean(u), announced, limit)
}

// failure turns the error of a round trip or of a read into one of the kinds
// that a caller decides by. The exchange's own timeouts come as the cause of
// ctx, because the transport reports no more than that it was cancelled.
func failure(ctx context.Context, where string, err error) error {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errHeader), errors.Is(cause, errStall), errors.Is(cause, errTotal):
		return outcome.New(outcome.TooSlow, "get %s: %v", where, cause)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return outcome.Wrap(outcome.TooSlow, context.DeadlineExceeded, "get %s", where)
	case ctx.Err() != nil:
		return fmt.Errorf("get %s: %w", where, ctx.Err())
	case isTimeout(err):
		return outcome.Wrap(outcome.TooSlow, err, "get %s", where)
	}
	return outcome.Wrap(outcome.Unavailable, err, "get %s", where)
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && t.Timeout()
}
