package github

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
)

// document asks the API for a document below a repository; path is escaped and
// may have a query. Errors: those of send; outcome.Unavailable also when
// another host answers.
func (p *Provider) document(ctx context.Context, r repository, path, held string) (*fetch.Response, error) {
	resp, err := p.send(ctx, r, fetch.Request{
		URL:       p.below(r, path),
		Accept:    "application/vnd.github+json",
		Validator: held,
		Limit:     p.documentLimit,
		Compress:  true,
	})
	if err != nil {
		return nil, err
	}
	if !p.ours(resp.URL) {
		_ = resp.Body.Close() // nothing of it is used
		return nil, outcome.New(outcome.Unavailable, "document of %s comes from another host than the API's", r)
	}
	return resp, nil
}

// below is the URL of something below a repository.
func (p *Provider) below(r repository, path string) string {
	return p.api.String() + "/repos/" + r.owner + "/" + r.name + "/" + path
}

// send makes a request with the repository's token. Errors: those of
// fetch.Client.Get; outcome.Busy for a rate limit, while which the token is
// not sent again.
func (p *Provider) send(ctx context.Context, r repository, q fetch.Request) (*fetch.Response, error) {
	token := p.tokens.For(r)
	if err := p.throttle.check(token); err != nil {
		return nil, err
	}
	q.Authorization = token.header()
	resp, err := p.client.Get(ctx, q)
	if err != nil {
		return nil, p.judge(token, err)
	}
	return resp, nil
}

// judge tells a rate limit from what else a status may mean.
func (p *Provider) judge(token secret, err error) error {
	status, ok := errors.AsType[*fetch.StatusError](err)
	switch {
	case !ok:
		return err
	case limited(status):
		d := delay(status.Header, time.Now())
		if p.ours(status.URL) {
			p.throttle.hold(token, d)
		}
		return outcome.After(d, outcome.Wrap(outcome.Busy, status, "get %s: rate limit", status.URL))
	case status.Status == http.StatusConflict && p.ours(status.URL):
		// What asks for a tag of a repository without a commit gets to hear.
		return outcome.Wrap(outcome.NotFound, status, "get %s: the repository is empty", status.URL)
	}
	return err
}
