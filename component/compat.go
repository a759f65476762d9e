package component

import "github.com/registryd/registryd/pkgref"

// Mismatch tells of a dependency of a compatible component that the lowest
// version of the host's range does not satisfy.
type Mismatch struct {
	Host      string `json:"host"`      // the host's range
	Component string `json:"component"` // the component's range
}

// Mismatches are those of one version of a component with one host, by the name
// of the dependency; never nil, so that it is an object in JSON.
type Mismatches map[string]Mismatch

// Compare reports whether a version that needs component fits a host that
// provides host, and what people should know of it. A range that cannot be
// parsed fits nothing.
func Compare(host, component Dependencies) (Mismatches, bool) {
	v := newVerdicts()
	return v.compare(v.ranges(host), v.ranges(component))
}

// verdict is what two ranges say about each other.
type verdict uint8

const (
	apart   verdict = iota + 1 // no version in common
	differs                    // compatible, with a mismatch
	fits
)

// span is one distinct text of a range. Spans of equal text are one pointer.
type span struct {
	text   string
	parsed *pkgref.Range // nil: none that can be parsed
	low    pkgref.Version
}

// needs are dependencies with their ranges.
type needs map[string]*span

// verdicts keeps ranges and what was found about pairs of them: thousands of
// hosts and components have few distinct ones. Not safe for concurrent use.
type verdicts struct {
	spans map[string]*span
	pairs map[[2]*span]verdict
}

// maxPairs is how many pairs are kept.
const maxPairs = 1 << 20

func newVerdicts() *verdicts {
	return &verdicts{spans: map[string]*span{}, pairs: map[[2]*span]verdict{}}
}

func (v *verdicts) span(text string) *span {
	s := v.spans[text]
	if s == nil {
		s = &span{text: text}
		if r, err := pkgref.ParseRange(text); err == nil {
			s.parsed = r
			s.low, _ = r.MinVersion()
		}
		v.spans[text] = s
	}
	return s
}

func (v *verdicts) ranges(d Dependencies) needs {
	n := make(needs, len(d))
	for name, text := range d {
		n[name] = v.span(text)
	}
	return n
}

// of compares a host's range with a component's.
func (v *verdicts) of(host, component *span) verdict {
	pair := [2]*span{host, component}
	if known := v.pairs[pair]; known != 0 {
		return known
	}
	found := fits
	switch {
	case host.text == "" || host.parsed == nil || component.parsed == nil || !host.parsed.Intersects(component.parsed):
		found = apart
	case !component.parsed.Has(host.low):
		found = differs
	}
	if len(v.pairs) >= maxPairs {
		clear(v.pairs) // who registers must not make it grow for ever
	}
	v.pairs[pair] = found
	return found
}

// compatible is compare for whom the mismatches do not matter.
func (v *verdicts) compatible(host, component needs) bool {
	for name, want := range component {
		have := host[name]
		if have == nil || v.of(have, want) == apart {
			return false
		}
	}
	return true
}

func (v *verdicts) compare(host, component needs) (Mismatches, bool) {
	if !v.compatible(host, component) {
		return nil, false
	}
	found := Mismatches{}
	for name, want := range component {
		if have := host[name]; v.of(have, want) == differs {
			found[name] = Mismatch{Host: have.text, Component: want.text}
		}
	}
	return found, true
}
