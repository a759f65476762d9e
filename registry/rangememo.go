package registry

import (
	"sync"

	"github.com/registryd/registryd/pkgref"
)

const (
	// maxRanges bounds what is remembered of one list: pages ask for few
	// ranges, and who asks for many is not worth the memory.
	maxRanges = 16
	// maxRangeLen is the longest range that is remembered, in bytes.
	maxRangeLen = 64
)

// rangeMemo remembers what ranges mean in one version list. Finding that out
// takes a look at one version after the other, of which there may be thousands.
// What is remembered goes with its list, and with the rules that it was found
// under. The zero value is empty; safe for concurrent use.
type rangeMemo struct {
	mu    sync.Mutex
	rules *Rules
	found map[string]inRange
}

// inRange is what choice.pick found.
type inRange struct {
	version pkgref.Version
	denied  error
}

func (m *rangeMemo) get(rules *Rules, text string) (found inRange, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rules == rules {
		found, ok = m.found[text]
	}
	return found, ok
}

func (m *rangeMemo) put(rules *Rules, text string, found inRange) {
	if len(text) > maxRangeLen {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rules != rules || len(m.found) >= maxRanges {
		m.rules, m.found = rules, map[string]inRange{}
	}
	m.found[text] = found
}

// find is pick with a memory. Who wants to know why a version was chosen has
// it chosen anew.
func (c *choice) find(held *heldList) pkgref.Version {
	if c.spec.Kind != pkgref.KindRange || c.trace != nil {
		return c.pick(held.versions)
	}
	found, ok := held.ranges.get(c.rules, c.spec.Text)
	if !ok {
		alone := choice{rules: c.rules, name: c.name, spec: c.spec}
		found.version = alone.pick(held.versions)
		found.denied = alone.denied
		held.ranges.put(c.rules, c.spec.Text, found)
	}
	if c.denied == nil {
		c.denied = found.denied
	}
	return found.version
}
