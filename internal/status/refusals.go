package status

import (
	"slices"
	"sync"
)

const maxRefusals = 50

// Refusals remembers the latest. Safe for concurrent use; the zero value has
// seen none.
type Refusals struct {
	mu  sync.Mutex
	all []Refusal // the latest last
}

// Add notes one. The same again takes the place of the first and counts it, so
// that one client who does not give up hides nobody else's.
func (r *Refusals) Add(n Refusal) {
	n.Count = 1
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.all, func(old Refusal) bool { return old.What == n.What && old.Outcome == n.Outcome })
	switch {
	case i >= 0:
		n.Count += r.all[i].Count
		r.all = slices.Delete(r.all, i, i+1)
	case len(r.all) == maxRefusals:
		r.all = slices.Delete(r.all, 0, 1)
	}
	r.all = append(r.all, n)
}

// Latest returns them, the latest first; never nil.
func (r *Refusals) Latest() []Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := append([]Refusal{}, r.all...)
	slices.Reverse(all)
	return all
}
