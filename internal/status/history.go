package status

import (
	"sync"
	"time"
)

// The two rings of samples: each has as many as a picture has room for.
const (
	perRing  = 240
	HourStep = time.Hour / perRing      // between two samples of the last hour
	dayStep  = 24 * time.Hour / perRing // between two of the last day
)

// Sample is what happened up to one moment, since the sample before.
type Sample struct {
	At     time.Time `json:"at"`     // the end of its time
	Layers []Layer   `json:"layers"` // in one order in all samples
}

// History remembers how counters grew. Safe for concurrent use; the zero value
// remembers nothing yet.
type History struct {
	mu        sync.Mutex
	hour, day ring
}

// ring holds the latest samples.
type ring struct {
	samples []Sample  // at most perRing
	last    []Layer   // the counters when the last one was taken
	at      time.Time // when
}

// Add takes in the counters of now. It is called every HourStep; what came
// between two calls counts for the latter.
func (h *History) Add(now time.Time, counters []Layer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hour.add(now, counters)
	if h.day.at.IsZero() || now.Sub(h.day.at) >= dayStep {
		h.day.add(now, counters)
	}
}

// add appends what was counted since the last time. The first time there is
// nothing to compare with.
func (r *ring) add(now time.Time, counters []Layer) {
	if !r.at.IsZero() {
		if len(r.samples) == perRing {
			r.samples = append(r.samples[:0], r.samples[1:]...)
		}
		r.samples = append(r.samples, Sample{now, since(r.last, counters)})
	}
	r.last, r.at = append([]Layer(nil), counters...), now
}

// since subtracts counters; one that went back began anew.
func since(before, now []Layer) []Layer {
	grown := append([]Layer(nil), now...)
	for i := range grown {
		if i < len(before) && before[i].Name == grown[i].Name && before[i].Hits <= grown[i].Hits && before[i].Misses <= grown[i].Misses {
			grown[i].Hits -= before[i].Hits
			grown[i].Misses -= before[i].Misses
		}
	}
	return grown
}

// Samples returns those of the last hour and of the last day, oldest first, and
// what was counted since as one more. Neither is nil, and the caller may keep
// them.
func (h *History) Samples(now time.Time, counters []Layer) (hour, day []Sample) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.hour.until(now, counters), h.day.until(now, counters)
}

// until returns the samples, and one for the time that has begun.
func (r *ring) until(now time.Time, counters []Layer) []Sample {
	all := append([]Sample{}, r.samples...)
	if r.at.IsZero() {
		return all
	}
	return append(all, Sample{now, since(r.last, counters)})
}
