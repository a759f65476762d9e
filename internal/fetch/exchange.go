package fetch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/registryd/registryd/internal/outcome"
)

// The causes with which an exchange cancels itself.
var (
	errHeader = errors.New("no header in time")
	errStall  = errors.New("body stalled")
	errTotal  = errors.New("not done in time")
)

// exchange is one Get with its redirects and retries.
type exchange struct {
	client  *Client
	request Request
	url     *url.URL // of the current hop
	auth    string   // emptied for good when the first origin is left
	retries int
	release func() // gives back the place at the current host; nil: none held
	cancel  context.CancelCauseFunc
	total   *time.Timer
}

// end gives back everything that the exchange holds.
func (x *exchange) end() {
	x.leave()
	x.total.Stop()
	x.cancel(nil)
}

func (x *exchange) leave() {
	if x.release != nil {
		x.release()
		x.release = nil
	}
}

// follow sends the request from host to host until one answers it.
func (x *exchange) follow(ctx context.Context) (*Response, error) {
	for hop := 0; ; hop++ {
		if err := x.enter(ctx); err != nil {
			return nil, err
		}
		resp, err := x.attempt(ctx)
		if err != nil {
			return nil, failure(ctx, clean(x.url), err)
		}
		if !isRedirect(resp) {
			return x.answer(ctx, resp)
		}
		x.body(ctx, resp).discard()
		x.leave()
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
	release, err := x.client.hosts.acquire(ctx, origin(x.url), x.client.config.StallTimeout)
	if err == nil {
		x.release = release
		return nil
	}
	if outcome.Known(err) {
		return err
	}
	return failure(ctx, clean(x.url), err)
}

// send makes one round trip.
func (x *exchange) send(ctx context.Context) (*http.Response, error) {
	req, err := x.header(ctx)
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

func (x *exchange) header(ctx context.Context) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, x.url.String(), http.NoBody)
	if err != nil {
		// The text of err would quote the whole URL.
		return nil, errors.New("malformed URL")
	}
	h := req.Header
	h.Set("User-Agent", x.client.config.UserAgent)
	h.Set("Accept-Encoding", "identity")
	if x.request.Compress {
		h.Set("Accept-Encoding", "gzip")
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
	return req, nil
}

func (x *exchange) observe(ctx context.Context, resp *http.Response, err error, d time.Duration) {
	status := 0
	if resp != nil {
		status = resp.StatusCode
	}
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
	case resp.StatusCode != http.StatusOK:
		return nil, x.refusal(resp, body)
	case resp.ContentLength > x.request.Limit:
		body.abandon()
		return nil, outcome.New(outcome.Refused, "get %s: %d bytes announced, limit is %d",
			clean(x.url), resp.ContentLength, x.request.Limit)
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
