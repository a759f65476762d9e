package fetch

import (
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/registryd/registryd/internal/outcome"
)

// maxSent is the largest body of a request in bytes: it is held in memory, so
// that it can be sent again.
const maxSent = 1 << 20

// HTTP returns a client of the standard library whose requests are guarded as
// those of Get are, redirects included. Every status is an answer. A body of
// more than limit bytes is outcome.Refused, one to be sent of more than 1 MiB
// outcome.TooLarge.
func (c *Client) HTTP(limit int64) *http.Client {
	return &http.Client{Transport: &roundTripper{client: c, limit: limit}}
}

type roundTripper struct {
	client *Client
	limit  int64
}

// RoundTrip is part of http.RoundTripper.
func (t *roundTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := sent(r.Body)
	if err != nil {
		return nil, err
	}
	answer, err := t.client.Get(r.Context(), Request{
		URL: r.URL.String(), Method: r.Method, Header: r.Header, Body: body, Limit: t.limit, AnyStatus: true,
	})
	if err != nil {
		return nil, err
	}
	last := r
	if u, err := url.Parse(answer.URL); err == nil {
		last = r.Clone(r.Context())
		last.URL = u // where redirects led
	}
	return &http.Response{
		StatusCode: answer.Status, Status: fmt.Sprintf("%d %s", answer.Status, http.StatusText(answer.Status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: answer.Header, Body: answer.Body, ContentLength: -1, Request: last,
	}, nil
}

// sent reads what a request sends.
func sent(body io.ReadCloser) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, maxSent+1))
	if err == nil && len(data) > maxSent {
		err = outcome.New(outcome.TooLarge, "the request's body exceeds %d bytes", maxSent)
	}
	return data, err
}
