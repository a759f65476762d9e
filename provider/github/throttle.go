package github

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
)

const (
	maxDelay = time.Hour // the longest that is granted: the window of the API's limit
	minDelay = time.Second
	// usualDelay is what GitHub asks for where no header tells more.
	usualDelay = time.Minute
)

// throttle remembers which tokens the API has had enough of. A limit holds for
// a token, or for all who have none; going on asking prolongs it. There are as
// many as the configuration has tokens. The zero value holds nobody.
type throttle struct {
	mu    sync.Mutex
	until map[secret]time.Time
}

// check fails with outcome.Busy while the token is held.
func (t *throttle) check(token secret) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	left := time.Until(t.until[token])
	if left <= 0 {
		return nil
	}
	return outcome.After(left, outcome.New(outcome.Busy, "rate limit of the API: not asked for another %v", left.Round(time.Second)))
}

func (t *throttle) hold(token secret, d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.until == nil {
		t.until = make(map[secret]time.Time)
	}
	t.until[token] = time.Now().Add(d)
}

// limited reports whether an answer means "not now". GitHub says so with 429
// or with 403; the latter it also says to those who may not, so the headers or
// the text of its two kinds of limits decide.
func limited(s *fetch.StatusError) bool {
	if s.Status != http.StatusForbidden {
		return s.Status == http.StatusTooManyRequests
	}
	text := strings.ToLower(s.Body)
	return s.Header.Get("Retry-After") != "" || exhausted(s.Header) ||
		strings.Contains(text, "rate limit") || strings.Contains(text, "abuse detection")
}

func exhausted(h http.Header) bool { return h.Get("X-Ratelimit-Remaining") == "0" }

// delay is how long to leave the API alone: what Retry-After says, else the
// time until the limit's window ends, else the usual.
func delay(h http.Header, now time.Time) time.Duration {
	if at, err := http.ParseTime(h.Get("Date")); err == nil {
		now = at // its own clock is the one that its times are of
	}
	if d, ok := retryAfter(h.Get("Retry-After"), now); ok {
		return bounded(d)
	}
	if exhausted(h) {
		if reset, err := strconv.ParseInt(h.Get("X-Ratelimit-Reset"), 10, 64); err == nil && reset > 0 {
			return bounded(time.Unix(reset, 0).Sub(now))
		}
	}
	return usualDelay
}

// bounded rounds up what is no delay at all: the window has just ended, and
// the next request finds a new one.
func bounded(d time.Duration) time.Duration { return max(minDelay, min(d, maxDelay)) }

// retryAfter reads seconds or a date. ok is false for anything else, and for
// what asks for no delay.
func retryAfter(value string, now time.Time) (d time.Duration, ok bool) {
	if n, err := strconv.ParseUint(value, 10, 64); err == nil {
		return time.Duration(min(n, uint64(maxDelay/time.Second))) * time.Second, n > 0
	}
	at, err := http.ParseTime(value)
	return at.Sub(now), err == nil && at.After(now)
}
