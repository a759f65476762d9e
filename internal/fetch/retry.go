package fetch

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"syscall"
	"time"
)

const (
	maxRetries = 2
	// firstDelay is the longest wait before the first retry.
	firstDelay = 300 * time.Millisecond
)

// again reports whether sending the request twice changes nothing, and whether
// an answer, if there is one, is for us to judge.
func (x *exchange) again(err error) bool {
	return (x.method == http.MethodGet || x.method == http.MethodHead) && (err != nil || !x.request.AnyStatus)
}

// attempt makes the round trip, again if it is worth it. Nothing of a body was
// handed out yet, and a GET changes nothing, so trying again is safe.
func (x *exchange) attempt(ctx context.Context) (*http.Response, error) {
	for {
		resp, err := x.send(ctx)
		if x.retries == maxRetries || ctx.Err() != nil || !x.again(err) || !retryable(resp, err) {
			return resp, err
		}
		if resp != nil {
			x.body(ctx, resp).discard()
		}
		x.retries++
		if err := pause(ctx, x.retries); err != nil {
			return nil, err
		}
	}
}

// retryable reports whether the same request may well succeed a moment later:
// a gateway lost its backend, or a connection broke before an answer. Not a
// timeout, whose repetition makes the client wait three times as long, and
// nothing that is wrong for good, such as a certificate or a forbidden address.
func retryable(resp *http.Response, err error) bool {
	if err == nil {
		return resp.StatusCode == http.StatusBadGateway || resp.StatusCode == http.StatusGatewayTimeout
	}
	if isTimeout(err) || errors.Is(err, errForbidden) {
		return false
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return !dns.IsNotFound
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return true
	}
	for _, e := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.ECONNREFUSED, syscall.EPIPE} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// pause waits before the n-th retry: anything up to 300 ms, then up to 900 ms.
// Every length is as likely as any other, so a herd that failed together comes
// back spread over the whole of it; a least wait would only bring the others
// closer together.
func pause(ctx context.Context, n int) error {
	timer := time.NewTimer(jitter(n))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// jitter chooses the wait before the n-th retry.
func jitter(n int) time.Duration {
	longest := firstDelay
	for range n - 1 {
		longest *= 3
	}
	return rand.N(longest)
}
