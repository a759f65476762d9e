package pkgref

import "github.com/registryd/registryd/internal/outcome"

// Range is a set of versions in npm's range grammar, desugared to comparator
// sets. Immutable, safe for concurrent use.
type Range struct{}

// ParseRange parses an npm range. Errors: outcome.Invalid.
func ParseRange(s string) (*Range, error) {
	return nil, outcome.New(outcome.Invalid, "not implemented")
}

// ParseRangeWithPrereleases parses like ParseRange, with npm's
// includePrerelease option. Errors: outcome.Invalid.
func ParseRangeWithPrereleases(s string) (*Range, error) {
	return nil, outcome.New(outcome.Invalid, "not implemented")
}

// Has reports whether v satisfies the range.
func (r *Range) Has(v Version) bool { panic("TODO") }

// MinVersion returns the lowest version that can satisfy the range; ok is
// false when there is none.
func (r *Range) MinVersion() (v Version, ok bool) { panic("TODO") }

// Intersects reports whether some version could satisfy both ranges.
func (r *Range) Intersects(s *Range) bool { panic("TODO") }

// Max returns the index of the newest of versions that satisfies the range,
// or -1.
func (r *Range) Max(versions []Version) int { panic("TODO") }
