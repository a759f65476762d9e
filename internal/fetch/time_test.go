package fetch_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
)

const upstream = "https://up.test/"

func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestHeaderTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := client(t, fetch.Config{Transport: roundTrip(hang)})
		start := time.Now()
		_, err := f.Get(t.Context(), fetch.Request{URL: upstream})
		if d := time.Since(start); !errors.Is(err, outcome.TooSlow) || d != 10*time.Second {
			t.Errorf("got %v after %v", err, d)
		}
	})
}

func TestStallTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := client(t, fetch.Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			return respond(200, &silent{r.Context(), strings.NewReader("abc")}), nil
		})})
		resp, err := f.Get(t.Context(), fetch.Request{URL: upstream, Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		time.Sleep(time.Minute) // a slow reader is no stalled body
		start := time.Now()
		b, err := io.ReadAll(resp.Body)
		if d := time.Since(start); string(b) != "abc" || !errors.Is(err, outcome.TooSlow) || d != 30*time.Second {
			t.Errorf("got %q, %v after %v", b, err, d)
		}
	})
}

// trickle gives a byte every second, for ever.
type trickle struct{ ctx context.Context }

func (s trickle) Read(p []byte) (int, error) {
	select {
	case <-time.After(time.Second):
		p[0] = 'x'
		return 1, nil
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
}

func TestTotalTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := client(t, fetch.Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			return respond(200, trickle{r.Context()}), nil
		})})
		start := time.Now()
		_, err := read(t, f, fetch.Request{URL: upstream, Limit: 1 << 20})
		if d := time.Since(start); !errors.Is(err, outcome.TooSlow) || d != 5*time.Minute {
			t.Errorf("got %v after %v", err, d)
		}
	})
}

func TestCallersDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := client(t, fetch.Config{Transport: roundTrip(hang)}).Get(ctx, fetch.Request{URL: upstream})
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, outcome.TooSlow) {
			t.Errorf("got %v", err)
		}
	})
}

func TestErrorBodyThatStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := client(t, fetch.Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			return respond(404, &silent{r.Context(), strings.NewReader("gone")}), nil
		})})
		start := time.Now()
		_, err := f.Get(t.Context(), fetch.Request{URL: upstream})
		if d := time.Since(start); !errors.Is(err, outcome.NotFound) || d > 30*time.Second {
			t.Errorf("got %v after %v", err, d)
		}
	})
}

func TestRetries(t *testing.T) {
	t.Parallel()
	dial := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for _, tt := range []struct {
		name   string
		status int
		err    error
		tries  int64
		want   error
	}{
		{"bad gateway", 502, nil, 3, outcome.Unavailable},
		{"gateway timeout", 504, nil, 3, outcome.Unavailable},
		{"connection refused", 0, dial, 3, outcome.Unavailable},
		{"connection reset", 0, syscall.ECONNRESET, 3, outcome.Unavailable},
		{"closed before an answer", 0, io.EOF, 3, outcome.Unavailable},
		{"temporary DNS failure", 0, &net.DNSError{IsTemporary: true}, 3, outcome.Unavailable},
		{"no such host", 0, &net.DNSError{IsNotFound: true}, 1, outcome.Unavailable},
		{"DNS timeout", 0, &net.DNSError{IsTimeout: true}, 1, outcome.TooSlow},
		{"malformed answer", 0, errors.New("malformed HTTP response"), 1, outcome.Unavailable},
		{"internal error", 500, nil, 1, outcome.Unavailable},
		{"not found", 404, nil, 1, outcome.NotFound},
		{"throttled", 429, nil, 1, outcome.Busy},
		{"down", 503, nil, 1, outcome.Unavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var tries int64
				f := client(t, fetch.Config{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
					tries++
					if tt.err != nil {
						return nil, tt.err
					}
					return respond(tt.status, nil), nil
				})})
				start := time.Now()
				_, err := f.Get(t.Context(), fetch.Request{URL: upstream})
				d := time.Since(start)
				if !errors.Is(err, tt.want) || tries != tt.tries {
					t.Errorf("got %v after %d tries", err, tries)
				}
				if tt.tries > 1 && d > 1200*time.Millisecond { // of the bubble's clock
					t.Errorf("waited %v between tries", d)
				}
			})
		})
	}
}

// A herd that failed together comes back spread over the whole of the wait, the
// beginning included.
func TestRetries_FullJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		longest := []time.Duration{300 * time.Millisecond, 900 * time.Millisecond}
		var early, late [2]bool
		for i := range 200 {
			var tries []time.Time
			f := client(t, fetch.Config{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
				tries = append(tries, time.Now())
				return nil, syscall.ECONNRESET
			})})
			if _, err := read(t, f, fetch.Request{URL: upstream}); err == nil || len(tries) != 3 {
				t.Fatalf("herd %d: got %v after %d tries", i, err, len(tries))
			}
			for n, limit := range longest {
				wait := tries[n+1].Sub(tries[n])
				if wait >= limit {
					t.Errorf("waited %v before retry %d, want less than %v", wait, n+1, limit)
				}
				early[n] = early[n] || wait < limit/4
				late[n] = late[n] || wait > limit*3/4
			}
		}
		if early != [2]bool{true, true} || late != early {
			t.Errorf("waits in the first quarter: %v, in the last: %v; want all", early, late)
		}
	})
}

func TestRetrySucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		f := client(t, fetch.Config{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			if tries++; tries < 3 {
				return respond(502, nil), nil
			}
			return respond(200, strings.NewReader("ok")), nil
		})})
		if got, err := read(t, f, fetch.Request{URL: upstream, Limit: 2}); got != "ok" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

// A host that asked for a delay is left alone until it is over, others are not.
func TestHostIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		requests := 0
		f := client(t, fetch.Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			requests++
			if r.URL.Host == "up.test" && requests == 1 {
				return respond(429, nil, "Retry-After", "60"), nil
			}
			return respond(200, nil), nil
		})})
		get := func(u string) error { _, err := read(t, f, fetch.Request{URL: u}); return err }
		if err := get(upstream); !errors.Is(err, outcome.Busy) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		if err := get(upstream); !errors.Is(err, outcome.Busy) || requests != 1 || outcome.RetryAfter(err) != 40*time.Second {
			t.Errorf("held host: %v after %d requests", err, requests)
		}
		if err := get("https://other.test/"); err != nil {
			t.Errorf("other host: %v", err)
		}
		time.Sleep(40 * time.Second)
		if err := get(upstream); err != nil {
			t.Errorf("after the delay: %v", err)
		}
	})
}

func TestConcurrencyPerHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var flying, most atomic.Int64
		f := client(t, fetch.Config{Concurrency: 2, Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			if n := flying.Add(1); n > most.Load() {
				most.Store(n)
			}
			return respond(200, nil), nil
		})})
		for range 10 {
			go func() {
				resp, err := f.Get(t.Context(), fetch.Request{URL: upstream})
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(time.Second)
				flying.Add(-1)
				resp.Body.Close()
				resp.Body.Close() // gives its place back once
			}()
		}
		time.Sleep(time.Minute)
		if most.Load() != 2 || f.Hosts() != 0 {
			t.Errorf("%d at once, %d hosts remembered", most.Load(), f.Hosts())
		}
	})
}

func TestWaitingForAPlaceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := client(t, fetch.Config{Concurrency: 1, Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			return respond(200, nil), nil
		})})
		resp, err := f.Get(t.Context(), fetch.Request{URL: upstream})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := f.Get(t.Context(), fetch.Request{URL: upstream}); !errors.Is(err, outcome.Busy) || time.Since(start) != 30*time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := f.Get(ctx, fetch.Request{URL: upstream}); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		resp.Body.Close()
		if f.Hosts() != 0 {
			t.Error("the host is still remembered")
		}
	})
}

func TestObserve(t *testing.T) {
	t.Parallel()
	var seen []int
	n := 0
	f := client(t, fetch.Config{
		Observe: func(host string, status int, _ error, _ time.Duration) {
			if host != "up.test" {
				t.Errorf("host %q", host)
			}
			seen = append(seen, status)
		},
		Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			n++
			return respond([]int{302, 502, 200}[n-1], nil, "Location", "/b"), nil
		}),
	})
	if _, err := read(t, f, fetch.Request{URL: upstream}); err != nil || len(seen) != 3 || seen[0] != 302 || seen[1] != 502 || seen[2] != 200 {
		t.Errorf("got %v, %v", seen, err)
	}
}
