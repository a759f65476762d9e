package pkgref

import (
	"strings"

	"github.com/registryd/registryd/internal/outcome"
)

// Pattern matches package names, and versions when it carries a range:
// "left-pad", "@acme/*", "*", "event-stream@3.3.6", "d3-*@<2". A "*" stands
// for any characters, a slash included. The zero value matches nothing.
// Immutable, safe for concurrent use.
type Pattern struct {
	text  string
	parts []string // what stands between the stars of the name
	rng   *Range   // nil where every version matches
	exact Version  // instead of rng: a version with build metadata
}

// ParsePattern parses a pattern. withPrereleases makes its range cover
// prereleases inside it, as a rule that denies needs. A version stands for all
// that differ from it in build metadata alone, unless it has some itself: then
// it is taken literally. Errors: outcome.Invalid.
func ParsePattern(s string, withPrereleases bool) (Pattern, error) {
	name, spec, found := cutAt(s)
	if err := checkNamePattern(name); err != nil {
		return Pattern{}, outcome.Wrap(outcome.Invalid, err, "pattern %q", s)
	}
	p := Pattern{text: s, parts: strings.Split(name, "*")}
	if !found {
		return p, nil
	}
	if strings.Trim(spec, " ") == "" {
		return Pattern{}, outcome.New(outcome.Invalid, "pattern %q: no version or range follows the @", s)
	}
	if v, err := ParseVersion(spec); err == nil && strings.IndexByte(spec, '+') > 0 {
		p.exact = v
		return p, nil
	}
	rng, err := parseRange(spec, withPrereleases)
	if err != nil {
		return Pattern{}, outcome.Wrap(outcome.Invalid, err, "pattern %q: no version or range", s)
	}
	if !rng.all() {
		p.rng = rng
	}
	return p, nil
}

// cutAt splits at the first "@" that does not begin a scope.
func cutAt(s string) (name, spec string, found bool) {
	if s == "" {
		return "", "", false
	}
	i := strings.IndexByte(s[1:], '@')
	if i < 0 {
		return s, "", false
	}
	return s[:i+1], s[i+2:], true
}

// checkNamePattern checks the part that is matched with names.
func checkNamePattern(s string) error {
	if strings.IndexByte(s, '*') < 0 {
		_, err := ParseName(s)
		return err
	}
	if len(s) > MaxNameLen {
		return outcome.New(outcome.Invalid, "name is longer than %d characters", MaxNameLen)
	}
	before, after, slash := strings.Cut(strings.TrimPrefix(s, "@"), "/")
	if slash && s[0] != '@' && s[0] != '*' {
		return outcome.New(outcome.Invalid, "a name with a slash begins with @")
	}
	if slash && (before == "" || after == "") {
		return outcome.New(outcome.Invalid, "nothing stands beside the slash")
	}
	return checkNameBytes(strings.ReplaceAll(before+after, "*", ""))
}

// MatchName reports whether the name part matches. The time is at worst
// proportional to the length of the name times that of the pattern.
func (p Pattern) MatchName(n Name) bool {
	s := string(n)
	switch len(p.parts) {
	case 0:
		return false
	case 1:
		return s == p.parts[0]
	}
	first, last := p.parts[0], p.parts[len(p.parts)-1]
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	// The leftmost place for each part leaves the most for those after it, so
	// nothing ever has to be tried again.
	for _, part := range p.parts[1 : len(p.parts)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return true
}

// Lower returns the pattern that matches the lower case of names.
func (p Pattern) Lower() Pattern {
	lower := make([]string, len(p.parts))
	for i, part := range p.parts {
		lower[i] = strings.ToLower(part)
	}
	p.parts = lower
	return p
}

// HasVersions reports whether the pattern speaks of some versions only.
func (p Pattern) HasVersions() bool { return p.rng != nil || !p.exact.IsZero() }

// Match reports whether name and version match. The zero Version matches only
// a pattern without versions.
func (p Pattern) Match(n Name, v Version) bool {
	if !p.MatchName(n) {
		return false
	}
	if !p.exact.IsZero() {
		return v == p.exact
	}
	return p.rng == nil || p.rng.Has(v)
}

// String returns the pattern as written.
func (p Pattern) String() string { return p.text }
