package fetch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/registryd/registryd/internal/outcome"
)

const (
	breakAfter = 5           // failures in a row
	firstBreak = time.Second // the first pause; each further one is twice as long
	longBreak  = time.Minute // the longest: a host that is back is noticed within it
	probeRetry = time.Second // what is told to those who come during a probe
)

// State of an upstream, as its breaker sees it.
type State string

// States of an upstream.
const (
	StateClosed   State = "closed"    // asked as usual
	StateOpen     State = "open"      // not asked: it failed several times in a row, or asked to be left alone
	StateHalfOpen State = "half-open" // asked once, to see whether it is back
)

// Upstream is what a Client knows of one host.
type Upstream struct {
	Host     string // host:port
	State    State  // what is done with requests to it
	Failures int    // in a row
	// LastError is the class of the last failure: "timeout", "dns", "connect",
	// "broken" or "status 502"; "" when the last answer was none.
	LastError string
	Next      time.Time // when it is asked again; zero unless it is open
}

// breaker keeps requests from a host that only fails. Its owner's mutex guards it.
type breaker struct {
	failures int
	pause    time.Duration // the one before the next probe; 0 while closed
	until    time.Time     // no request before
	probing  bool
	last     string
}

// admit reports how long nobody may ask, or that the caller is the probe.
func (b *breaker) admit() (wait time.Duration, probe bool) {
	if b.pause == 0 {
		return 0, false
	}
	if wait := time.Until(b.until); wait > 0 {
		return wait, false
	}
	if b.probing {
		return probeRetry, false
	}
	b.probing = true
	return 0, true
}

// failed counts a failure. One that was under way when the breaker opened does
// not make the pause longer.
func (b *breaker) failed(class string, probe bool) {
	b.failures++
	b.last = class
	switch {
	case probe:
		b.pause = min(2*b.pause, longBreak)
	case b.pause == 0 && b.failures >= breakAfter:
		b.pause = firstBreak
	default:
		return
	}
	// Up to a fifth less, so that several daemons do not come back together.
	b.until = time.Now().Add(b.pause - rand.N(b.pause/5+1))
}

func (b *breaker) state() State {
	switch {
	case b.pause == 0:
		return StateClosed
	case time.Until(b.until) > 0:
		return StateOpen
	}
	return StateHalfOpen
}

// failureClass says what an answer tells of the health of a host: "" for one
// that works, whatever it answered. known is false when nothing can be told,
// because our side gave up or would not ask.
func failureClass(ctx context.Context, resp *http.Response, err error) (class string, known bool) {
	if err == nil {
		if resp.StatusCode < http.StatusInternalServerError || resp.StatusCode == http.StatusNotImplemented {
			return "", true
		}
		return fmt.Sprintf("status %d", resp.StatusCode), true
	}
	if errors.Is(err, errForbidden) {
		return "", false
	}
	if ctx.Err() != nil {
		return "timeout", errors.Is(context.Cause(ctx), errHeader)
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "dns", true
	}
	if isTimeout(err) {
		return "timeout", true
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return "connect", true
	}
	return "broken", true
}

// report tells the breaker of a host how a request went.
func (h *hosts) report(p *place, class string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := p.host
	if class == "" {
		e.breaker, p.probe = breaker{}, false
		return
	}
	e.breaker.failed(class, p.probe)
	p.end()
}

// end lets somebody else be the probe. The caller holds the mutex of the hosts.
func (p *place) end() {
	if p.probe {
		p.probe, p.host.breaker.probing = false, false
	}
}

// open is the error of a host that is not asked.
func open(key string, b *breaker, wait time.Duration) error {
	return outcome.After(max(wait, time.Second), outcome.New(outcome.Busy,
		"%s is not asked for %v: it failed %d times in a row (%s)", key, wait.Round(time.Second), b.failures, b.last))
}

// Upstreams returns what is known of the hosts that the configuration names,
// and of every other that is in trouble or in use, in order of their names.
func (c *Client) Upstreams() []Upstream {
	all := map[string]Upstream{}
	for _, host := range c.config.Trusted {
		all[host] = Upstream{Host: host, State: StateClosed}
	}
	c.hosts.mu.Lock()
	defer c.hosts.mu.Unlock()
	for key, e := range c.hosts.m {
		u := e.upstream(hostOf(key))
		if old, ok := all[u.Host]; !ok || old.State == StateClosed {
			all[u.Host] = u
		}
	}
	list := make([]Upstream, 0, len(all))
	for _, u := range all {
		list = append(list, u)
	}
	slices.SortFunc(list, func(a, b Upstream) int { return strings.Compare(a.Host, b.Host) })
	return list
}

func (e *host) upstream(name string) Upstream {
	u := Upstream{Host: name, State: e.breaker.state(), Failures: e.breaker.failures, LastError: e.breaker.last}
	if u.State == StateOpen {
		u.Next = e.breaker.until
	}
	if time.Until(e.until) > 0 {
		u.State, u.Next = StateOpen, e.until
		if u.LastError == "" {
			u.LastError = "asked to be left alone"
		}
	}
	return u
}

// hostOf is the host and port of an origin.
func hostOf(origin string) string {
	_, host, _ := strings.Cut(origin, "://")
	return host
}
