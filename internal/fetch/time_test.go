package fetch_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/iotest"
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

// Each Get that sends something ends once, whatever becomes of it, and tells
// nothing that may be secret.
func TestEnded(t *testing.T) {
	t.Parallel()
	reset := &net.OpError{Op: "read", Err: syscall.ECONNRESET}
	cut := io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(reset))
	large := strings.Repeat("x", 100<<10)
	for _, tt := range []struct {
		name    string
		request fetch.Request
		answers []*http.Response // nil: no answer
		read    int64            // bytes of the body that are wanted; -1: all
		want    fetch.Ended
	}{
		{"all of it", fetch.Request{}, []*http.Response{respond(200, strings.NewReader("abc"))}, -1, fetch.Ended{Status: 200, Requests: 1, Bytes: 3}},
		{"a part", fetch.Request{}, []*http.Response{respond(200, strings.NewReader("abc"))}, 1, fetch.Ended{Status: 200, Requests: 1, Bytes: 1}},
		{"nothing new", fetch.Request{Validator: "x"}, []*http.Response{respond(304, nil)}, -1, fetch.Ended{Status: 304, Requests: 1}},
		{"cut off", fetch.Request{}, []*http.Response{respond(200, cut)}, -1, fetch.Ended{Status: 200, Requests: 1, Bytes: 3, Err: outcome.Unavailable}},
		{"not there", fetch.Request{}, []*http.Response{respond(404, strings.NewReader("no"))}, -1, fetch.Ended{Status: 404, Requests: 1, Bytes: 2, Err: outcome.NotFound}},
		{"redirected", fetch.Request{}, []*http.Response{respond(302, strings.NewReader(large), "Location", "https://other.test/y?secret"), respond(200, strings.NewReader("abc"))}, -1,
			fetch.Ended{Host: "other.test", Status: 200, Requests: 2, Bytes: 16<<10 + 1 + 3}},
		{"second try", fetch.Request{}, []*http.Response{nil, respond(200, strings.NewReader("abc"))}, -1, fetch.Ended{Status: 200, Requests: 2, Bytes: 3}},
		{"no answer", fetch.Request{}, []*http.Response{nil, nil, nil}, -1, fetch.Ended{Requests: 3, Err: outcome.Unavailable}},
		{"no gzip", fetch.Request{Compress: true}, []*http.Response{respond(200, strings.NewReader("abc"), "Content-Encoding", "gzip")}, -1,
			fetch.Ended{Status: 200, Requests: 1, Bytes: 3, Err: outcome.Unavailable}},
		{"other method", fetch.Request{Method: "PUT", AnyStatus: true}, []*http.Response{respond(500, strings.NewReader("abc"))}, -1, fetch.Ended{Method: "PUT", Status: 500, Requests: 1, Bytes: 3}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var ended []fetch.Ended
				answers := tt.answers
				f := client(t, fetch.Config{
					Ended: func(ctx context.Context, e fetch.Ended) { ended = append(ended, e) },
					Transport: roundTrip(func(*http.Request) (resp *http.Response, err error) {
						if resp, answers = answers[0], answers[1:]; resp == nil {
							err = reset
						}
						return resp, err
					}),
				}).For("npm")
				request := tt.request
				request.URL, request.Limit = "https://user:secret@up.test/x?secret#secret", 1<<20
				if resp, err := f.Get(t.Context(), request); err == nil {
					_, _ = io.CopyN(io.Discard, resp.Body, map[bool]int64{true: 1 << 20, false: tt.read}[tt.read < 0])
					resp.Body.Close()
					resp.Body.Close()
				}
				if len(ended) != 1 {
					t.Fatalf("told %d times", len(ended))
				}
				got, want := ended[0], tt.want
				want.Provider, want.URL, want.Duration = "npm", "https://up.test/x", got.Duration
				want.Host, want.Method = cmp.Or(want.Host, "up.test"), cmp.Or(want.Method, "GET")
				if !errors.Is(got.Err, want.Err) || want.Err == nil && got.Err != nil {
					t.Errorf("error %v, want %v", got.Err, want.Err)
				}
				got.Err, want.Err = nil, nil
				if got != want {
					t.Errorf("got  %+v\nwant %+v", got, want)
				}
			})
		})
	}
}

// Where nothing went out there is nothing to tell.
func TestEnded_NothingSent(t *testing.T) {
	t.Parallel()
	f := client(t, fetch.Config{Offline: true, Ended: func(context.Context, fetch.Ended) { t.Error("told of a request that was not sent") }})
	if _, err := f.Get(t.Context(), fetch.Request{URL: upstream}); !errors.Is(err, outcome.Busy) {
		t.Error(err)
	}
}

func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := client(t, fetch.Config{Concurrency: 1, Transport: roundTrip(hang)})
		for range 3 {
			go f.For("x").Get(t.Context(), fetch.Request{URL: upstream})
		}
		synctest.Wait()
		if n := f.Waiting(); n != 2 {
			t.Errorf("%d wait, want 2", n)
		}
		time.Sleep(time.Hour)
		if n := f.Waiting(); n != 0 {
			t.Errorf("%d wait still", n)
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
