package daemon

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/safetext"
	"github.com/registryd/registryd/internal/status"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/registry"
)

// past is what the status page tells beside the present. It outlives a reload.
type past struct {
	started  time.Time
	history  status.History
	waits    status.Waits
	refusals status.Refusals
}

// sample keeps the history, until ctx ends.
func (s *Server) sample(ctx context.Context) {
	tick := time.NewTicker(status.HourStep)
	defer tick.Stop()
	for {
		s.past.history.Add(time.Now(), layers(s.registry.Lookups()))
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// layers sums lookups up for people. Whatever spared somebody upstream a request
// is a hit.
func layers(lookups []registry.Lookup) []status.Layer {
	var all []status.Layer
	for _, l := range lookups {
		i := slices.IndexFunc(all, func(known status.Layer) bool { return known.Name == l.Layer })
		if i < 0 {
			i = len(all)
			all = append(all, status.Layer{Name: l.Layer})
		}
		if l.Result == "miss" {
			all[i].Misses += l.Count
		} else {
			all[i].Hits += l.Count
		}
	}
	return all
}

// fetched notes a request that went out.
func (s *Server) fetched(host string, code int, err error, d time.Duration) {
	s.metrics.fetched(host, code, err, d)
	s.past.waits.Add(host, code == 0 || code >= http.StatusInternalServerError, d)
}

// refusing remembers what h refuses.
func (s *Server) refusing(h httpx.HandlerFunc) httpx.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := h(w, r)
		if err != nil && telling(err) {
			path, _, _ := strings.Cut(r.RequestURI, "?")
			kind, reason := httpx.Label(err), httpx.Reason(err)
			if d, denied := errors.AsType[*outcome.Denial](err); denied { // perhaps concealed from the client
				kind, reason = httpx.Label(d), d.Error()
			}
			s.past.refusals.Add(status.Refusal{
				At: time.Now().UTC(), What: safetext.Visible(httpx.Clip(path)), Outcome: kind, Reason: safetext.Visible(httpx.Clip(reason)),
			})
		}
		return err
	}
}

// telling reports whether an error is worth being remembered: not that
// something is absent, nor that a client does not know how to ask or left.
func telling(err error) bool {
	for _, kind := range []error{outcome.Forbidden, outcome.Refused, outcome.Unavailable, outcome.TooSlow, outcome.Busy} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// report writes down how the daemon does. Errors: that of ctx.
func (s *Server) report(ctx context.Context) (*status.Report, error) {
	now := time.Now().UTC()
	r := &status.Report{
		Version: s.options.Version, Started: s.past.started, Now: now, Providers: s.providers(),
		Layers: layers(s.registry.Lookups()), Refusals: s.past.refusals.Latest(), Upstreams: s.slowest(),
	}
	r.Hour, r.Day = s.past.history.Samples(now, r.Layers)
	names := s.registry.HeldNames()
	if err := s.recount(ctx, now, len(names)); err != nil {
		return nil, err
	}
	r.Held = s.held(len(names))
	r.Components = s.current().knownComponents()
	return r, s.pins(ctx, r, names)
}

// Where there are few packages what is held is counted for whoever looks, unless
// that was done just now.
const (
	fewPackages = 1000
	countStale  = 2 * time.Second
)

// recount counts what is held where that takes no time to speak of. Errors: that
// of ctx.
func (s *Server) recount(ctx context.Context, now time.Time, packages int) error {
	last := s.cache.Holding()
	if packages > fewPackages || last != nil && now.Sub(last.At) < countStale {
		return nil
	}
	_, err := s.cache.Count(ctx)
	return err
}

// held is what the data directory holds, as it was counted last.
func (s *Server) held(packages int) status.Held {
	h := status.Held{Packages: packages, Evictions: s.cache.Evictions(), Budget: status.Amount(budgetOf(s.current().config))}
	h.DiskFree, h.DiskSize = s.cache.Disk()
	if counted := s.cache.Holding(); counted != nil {
		h.Counted, h.Releases = counted.At.UTC(), counted.Releases
		h.View, h.Tarballs, h.Packs = status.Amount(counted.View), status.Amount(counted.Blobs), status.Amount(counted.Packs)
	}
	return h
}

// slowest joins how long hosts took with what is done with requests to them.
func (s *Server) slowest() []status.Upstream {
	all := s.past.waits.Upstreams()
	for _, u := range s.upstreams() {
		i := slices.IndexFunc(all, func(known status.Upstream) bool { return known.Host == u.Host })
		if i < 0 {
			i = len(all)
			all = append(all, status.Upstream{Host: u.Host})
		}
		all[i].State, all[i].LastError = string(u.State), u.LastError
	}
	return all
}

// maxPins bounds the table of pins.
const maxPins = 500

// pins adds the pins to a report, those that a person set first: those that
// followed from a first request say little. Errors: that of ctx.
func (s *Server) pins(ctx context.Context, r *status.Report, names []pkgref.Name) error {
	chosen, touched := []status.Pin{}, []status.Pin{}
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		p, err := s.registry.Pin(name)
		if err != nil {
			continue // none, or gone meanwhile
		}
		pin := status.Pin{Name: string(name), Version: p.Version, By: safetext.Visible(p.By), At: p.At.UTC()}
		if p.By == cache.FirstTouch {
			touched = append(touched, pin)
		} else {
			chosen = append(chosen, pin)
		}
	}
	r.Pins = append(chosen, touched...)
	r.MorePins = max(0, len(r.Pins)-maxPins)
	r.Pins = r.Pins[:len(r.Pins)-r.MorePins]
	return nil
}
