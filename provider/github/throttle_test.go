package github_test

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider/github"
	"github.com/registryd/registryd/provider/providertest"
)

// answering is an upstream in memory: it answers by what it is asked with.
type answering struct {
	mu     sync.Mutex
	count  int
	path   string // escaped, that was asked for last
	answer func(token string) (status int, header map[string]string, body string)
}

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.count++
	a.path = r.URL.EscapedPath()
	status, header, body := a.answer(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	h := http.Header{"Date": {time.Now().UTC().Format(http.TimeFormat)}}
	for key, value := range header {
		h.Set(key, value)
	}
	return &http.Response{
		StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}, nil
}

func overMemory(t *testing.T, a *answering) *github.Provider {
	t.Helper()
	client := providertest.Client(t, fetch.Config{Transport: a})
	p, err := github.New(github.Config{Client: client, Token: "all", Scope: map[string]string{"acme": "acme"}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const (
	primary   = `{"message":"API rate limit exceeded for user ID 1.","documentation_url":"https://docs.github.test/"}`
	secondary = `{"documentation_url":"https://docs.github.test/","message":"You have exceeded a secondary rate limit."}`
	forbidden = `{"message":"Resource not accessible by personal access token","documentation_url":"https://docs.github.test/"}`
)

func TestRateLimits_PG2(t *testing.T) {
	t.Parallel()
	in := func(d time.Duration) string { return strconv.FormatInt(time.Now().Add(d).Unix(), 10) }
	for _, tt := range []struct {
		name   string
		status int
		header func() map[string]string
		body   string
		want   time.Duration // 0: no limit, but trouble
	}{
		{"primary", 403, func() map[string]string {
			return map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": in(20 * time.Minute)}
		}, primary, 20 * time.Minute},
		{"primary as 429", 429, func() map[string]string {
			return map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": in(20 * time.Minute)}
		}, primary, 20 * time.Minute},
		{"its clock is ahead", 403, func() map[string]string {
			return map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": in(30 * time.Minute),
				"Date": time.Now().Add(20 * time.Minute).UTC().Format(http.TimeFormat)}
		}, primary, 10 * time.Minute},
		{"reset in a year", 403, func() map[string]string {
			return map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": in(8760 * time.Hour)}
		}, primary, time.Hour},
		{"reset just now", 403, func() map[string]string {
			return map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": in(-time.Minute)}
		}, primary, time.Second},
		{"no reset", 403, func() map[string]string { return map[string]string{"X-RateLimit-Remaining": "0"} }, primary, time.Minute},
		{"reset is garbage", 403, func() map[string]string {
			return map[string]string{"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "-5e9"}
		}, primary, time.Minute},
		{"secondary with a delay", 403, func() map[string]string { return map[string]string{"Retry-After": "90"} }, secondary, 90 * time.Second},
		{"secondary as 429", 429, func() map[string]string { return map[string]string{"Retry-After": "90"} }, secondary, 90 * time.Second},
		{"secondary without", 403, func() map[string]string { return nil }, secondary, time.Minute},
		{"secondary as 429 without", 429, func() map[string]string { return nil }, secondary, time.Minute},
		{"old words", 403, func() map[string]string { return nil }, `{"message":"You have triggered an abuse detection mechanism."}`, time.Minute},
		{"a date", 403, func() map[string]string {
			return map[string]string{"Retry-After": time.Now().Add(3 * time.Minute).UTC().Format(http.TimeFormat)}
		}, secondary, 3 * time.Minute},
		{"absurd delay", 403, func() map[string]string { return map[string]string{"Retry-After": "1000000000"} }, secondary, time.Hour},
		{"negative delay", 403, func() map[string]string { return map[string]string{"Retry-After": "-1"} }, secondary, time.Minute},
		{"garbage delay", 429, func() map[string]string { return map[string]string{"Retry-After": "soon"} }, secondary, time.Minute},
		{"forbidden", 403, func() map[string]string { return map[string]string{"X-RateLimit-Remaining": "41"} }, forbidden, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				a := &answering{answer: func(string) (int, map[string]string, string) { return tt.status, tt.header(), tt.body }}
				p := overMemory(t, a)
				_, err := p.Versions(t.Context(), "@acme/widget", "")
				if tt.want == 0 {
					if !errors.Is(err, outcome.Unavailable) || errors.Is(err, outcome.Busy) {
						t.Errorf("got %v", err)
					}
					return
				}
				if !errors.Is(err, outcome.Busy) || errors.Is(err, outcome.Unavailable) || errors.Is(err, outcome.NotFound) {
					t.Fatalf("got %v", err)
				}
				if got := outcome.RetryAfter(err).Round(time.Second); got != tt.want {
					t.Errorf("come back after %v, want %v", got, tt.want)
				}
				a.held(t, p, tt.want)
			})
		})
	}
}

// held fails unless the upstream is left alone for the delay, and no longer.
func (a *answering) held(t *testing.T, p *github.Provider, d time.Duration) {
	t.Helper()
	time.Sleep(d - time.Second/2)
	before := a.count
	_, err := p.Release(t.Context(), "@acme/gadget", providertest.ParseVersion(t, "1.0.0"))
	if !errors.Is(err, outcome.Busy) || outcome.RetryAfter(err) > time.Second || a.count != before {
		t.Errorf("asked again too early: %v", err)
	}
	time.Sleep(time.Second)
	_, _ = p.Release(t.Context(), "@acme/gadget", providertest.ParseVersion(t, "1.0.0"))
	if a.count == before {
		t.Error("never asked again")
	}
}

// A limit is one of a token: the others are not to suffer.
func TestRateLimitIsOfAToken_PG2(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &answering{answer: func(token string) (int, map[string]string, string) {
			if token == "all" {
				return 403, nil, secondary
			}
			return 200, nil, `[{"tag_name":"v1.0.0"}]`
		}}
		p := overMemory(t, a)
		if _, err := p.Versions(t.Context(), "@other/x", ""); !errors.Is(err, outcome.Busy) {
			t.Errorf("got %v", err)
		}
		if _, err := p.Versions(t.Context(), "@acme/widget", ""); err != nil {
			t.Errorf("another token: %v", err)
		}
	})
}

// The tarballs of the API are of the same limit, over a real connection too.
func TestRateLimitOfTarballs_PG2(t *testing.T) {
	t.Parallel()
	for _, fault := range []providertest.Fault{providertest.RateLimited(403, time.Hour/2), providertest.RateLimited(429, time.Hour/2), providertest.SecondaryLimit(403)} {
		g := providertest.NewGitHub(t)
		g.Release(t, widget("1.0.0"))
		p := over(t, g, nil)
		r, err := p.Release(t.Context(), "@acme/widget", providertest.ParseVersion(t, "1.0.0"))
		if err != nil {
			t.Fatal(err)
		}
		g.Fault(providertest.Tarball, "", fault)
		_, err = readArchive(t, p, r)
		if d := outcome.RetryAfter(err); !errors.Is(err, outcome.Busy) || d < time.Minute || d > time.Hour/2 {
			t.Errorf("got %v, to come back after %v", err, d)
		}
		if _, err := p.Versions(t.Context(), "@acme/widget", ""); !errors.Is(err, outcome.Busy) || g.Count(providertest.Releases) != 0 {
			t.Errorf("asked on: %v", err)
		}
	}
}
