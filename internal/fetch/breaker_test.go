package fetch_test

import (
	"errors"
	"net"
	"net/http"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
)

// flaky is an upstream that answers with what it is set to, and counts.
type flaky struct {
	status int // 0: err
	err    error
	asked  int
}

func (f *flaky) roundTrip(*http.Request) (*http.Response, error) {
	f.asked++
	if f.status == 0 {
		return nil, f.err
	}
	return respond(f.status, nil), nil
}

// ask sends one request and returns its error and how many went out for it.
func (f *flaky) ask(t *testing.T, c *fetch.Client) (int, error) {
	t.Helper()
	before := f.asked
	_, err := read(t, c, fetch.Request{URL: upstream, Limit: 100})
	return f.asked - before, err
}

func state(t *testing.T, c *fetch.Client) fetch.Upstream {
	t.Helper()
	list := c.Upstreams()
	if len(list) != 1 || list[0].Host != "up.test:443" {
		t.Fatalf("upstreams: %+v", list)
	}
	return list[0]
}

func TestBreakerOpensAndProbes_Fault13(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &flaky{status: 500}
		c := client(t, fetch.Config{Transport: roundTrip(up.roundTrip), Trusted: []string{"up.test:443"}})
		for i := range 5 {
			if n, err := up.ask(t, c); !errors.Is(err, outcome.Unavailable) || n != 1 {
				t.Fatalf("request %d: %d sent, %v", i, n, err)
			}
		}
		longest := time.Duration(0)
		for range 12 { // open, then a probe that fails, again and again
			u := state(t, c)
			if u.State != fetch.StateOpen || u.LastError != "status 500" {
				t.Fatalf("state: %+v", u)
			}
			n, err := up.ask(t, c)
			if !errors.Is(err, outcome.Busy) || n != 0 || outcome.RetryAfter(err) <= 0 {
				t.Fatalf("while open: %d sent, %v", n, err)
			}
			pause := time.Until(u.Next)
			if pause > time.Minute || pause < longest/2 {
				t.Errorf("a pause of %v after one of %v", pause, longest)
			}
			longest = max(longest, pause)
			time.Sleep(pause)
			if s := state(t, c).State; s != fetch.StateHalfOpen {
				t.Fatalf("after the pause: %v", s)
			}
			if n, err := up.ask(t, c); !errors.Is(err, outcome.Unavailable) || n != 1 {
				t.Fatalf("probe: %d sent, %v", n, err)
			}
		}
		if longest < 40*time.Second {
			t.Errorf("pauses grew to %v only", longest)
		}
		time.Sleep(time.Minute)
		up.status = 200
		if _, err := up.ask(t, c); err != nil {
			t.Fatal(err)
		}
		if u := state(t, c); u.State != fetch.StateClosed || u.Failures != 0 || c.Hosts() != 0 {
			t.Errorf("after success: %+v, %d hosts remembered", u, c.Hosts())
		}
	})
}

func TestBreakerStaysClosed_Fault13(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 401, 403, 404, 410, 429, 501} {
		up := &flaky{status: status}
		c := client(t, fetch.Config{Transport: roundTrip(up.roundTrip)})
		for range 20 {
			if n, _ := up.ask(t, c); n != 1 {
				t.Fatalf("status %d: %d sent", status, n)
			}
		}
	}
}

func TestBreakerNamesTheFailure_Fault11_Fault20(t *testing.T) {
	for name, tt := range map[string]struct {
		trip roundTrip
		want string
	}{
		"hang": {hang, "timeout"},
		"dns":  {func(*http.Request) (*http.Response, error) { return nil, &net.DNSError{IsNotFound: true} }, "dns"},
		"refused": {func(*http.Request) (*http.Response, error) {
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		}, "connect"},
		"reset": {func(*http.Request) (*http.Response, error) { return nil, syscall.ECONNRESET }, "broken"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := client(t, fetch.Config{Transport: tt.trip, Trusted: []string{"up.test:443"}})
				for range 5 {
					_, _ = read(t, c, fetch.Request{URL: upstream})
				}
				if u := state(t, c); u.State != fetch.StateOpen || u.LastError != tt.want || u.Failures != 5 {
					t.Errorf("got %+v", u)
				}
			})
		})
	}
}

// One request shows whether a host is back, however many want to know, and one
// whose client left gives the place to the next.
func TestBreakerSingleProbe_Fault11(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := &flaky{err: syscall.ECONNRESET}
		c := client(t, fetch.Config{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if up.status == 1 {
				up.asked++
				return hang(r)
			}
			return up.roundTrip(r)
		}), Concurrency: 100})
		for range 5 {
			_, _ = up.ask(t, c)
		}
		time.Sleep(2 * time.Second)
		up.status, up.asked = 1, 0
		for range 50 {
			go func() { _, _ = read(t, c, fetch.Request{URL: upstream}) }()
		}
		synctest.Wait()
		if up.asked != 1 {
			t.Errorf("%d probes at once", up.asked)
		}
		time.Sleep(13 * time.Second) // the probe ran into its timeout, its pause is over
		up.status = 200
		if n, err := up.ask(t, c); err != nil || n != 1 {
			t.Errorf("%d sent, %v", n, err)
		}
	})
}
