package fetch

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/registryd/registryd/internal/outcome"
)

const (
	maxSnippet = 512       // bytes of an error's body that are kept
	maxDelay   = time.Hour // the longest delay that a host may ask for
)

// StatusError carries the status of an answer that was no success.
type StatusError struct {
	Status int         // of the answer
	URL    string      // without user info and query
	Header http.Header // of the answer
	Body   string      // its first 512 bytes, for logs
}

// Error says the status in numbers and words.
func (e *StatusError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("status %d %s", e.Status, http.StatusText(e.Status)))
}

// refusal turns a response that is no success into the error of its kind, and
// keeps the delay that the host asks for.
func (x *exchange) refusal(resp *http.Response, b *body) error {
	status := &StatusError{
		Status: resp.StatusCode,
		URL:    clean(x.url),
		Header: resp.Header,
		Body:   strings.ToValidUTF8(b.discard(), "\uFFFD"),
	}
	switch resp.StatusCode {
	case http.StatusNotFound, http.StatusGone:
		return outcome.Wrap(outcome.NotFound, status, "get %s", status.URL)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		delay, ok := retryAfter(resp.Header.Get("Retry-After"), time.Now())
		if ok {
			x.client.hosts.hold(origin(x.url), delay)
			return outcome.After(delay, outcome.Wrap(outcome.Busy, status, "get %s", status.URL))
		}
		if resp.StatusCode == http.StatusTooManyRequests {
			return outcome.Wrap(outcome.Busy, status, "get %s", status.URL)
		}
	}
	return outcome.Wrap(outcome.Unavailable, status, "get %s", status.URL)
}

// heed keeps the delay that a host asks for in an answer that is handed out.
func (x *exchange) heed(resp *http.Response) {
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return
	}
	if delay, ok := retryAfter(resp.Header.Get("Retry-After"), time.Now()); ok {
		x.client.hosts.hold(origin(x.url), delay)
	}
}

// retryAfter reads the value of a Retry-After header, seconds or a date. It is
// capped at an hour; a value that asks for no positive delay is ignored.
func retryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0, false
	}
	if isDigits(value) {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n > int64(maxDelay/time.Second) {
			return maxDelay, true // more digits than any delay we would grant
		}
		return time.Duration(n) * time.Second, n > 0
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	d := at.Sub(now)
	return min(d, maxDelay), d > 0
}

func isDigits(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}
