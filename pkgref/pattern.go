package pkgref

import "github.com/registryd/registryd/internal/outcome"

// Pattern matches package names, and versions when it carries a range:
// "left-pad", "@acme/*", "*", "event-stream@3.3.6", "d3-*@<2".
type Pattern struct{}

// ParsePattern parses a pattern. withPrereleases makes its range cover
// prereleases inside it, as a rule that denies needs. Errors: outcome.Invalid.
func ParsePattern(s string, withPrereleases bool) (Pattern, error) {
	return Pattern{}, outcome.New(outcome.Invalid, "not implemented")
}

// MatchName reports whether the name part matches.
func (p Pattern) MatchName(n Name) bool { panic("TODO") }

// HasVersions reports whether the pattern speaks of some versions only.
func (p Pattern) HasVersions() bool { panic("TODO") }

// Match reports whether name and version match.
func (p Pattern) Match(n Name, v Version) bool { panic("TODO") }

// String returns the pattern as written.
func (p Pattern) String() string { panic("TODO") }
