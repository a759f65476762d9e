package pkgref

import (
	"slices"
	"strings"

	"github.com/registryd/registryd/internal/outcome"
)

const (
	// MaxRangeLen is the longest range in bytes.
	MaxRangeLen = 1024
	// MaxComparators is how many comparators a range may have after
	// desugaring, over all its alternatives; "^1" counts as two.
	MaxComparators = 64
)

// Range is a set of versions in npm's range grammar, desugared to comparator
// sets. Immutable, safe for concurrent use. The zero value has no version.
type Range struct {
	sets        []set
	prereleases bool // npm's option includePrerelease
}

// set is a list of comparators that must all hold.
type set []comparator

// ParseRange parses an npm range. Errors: outcome.Invalid.
func ParseRange(s string) (*Range, error) { return parseRange(s, false) }

// ParseRangeWithPrereleases parses like ParseRange, with npm's
// includePrerelease option: a prerelease needs no comparator that names its
// numbers, and "1.x" begins at 1.0.0-0. Errors: outcome.Invalid.
func ParseRangeWithPrereleases(s string) (*Range, error) { return parseRange(s, true) }

func parseRange(s string, prereleases bool) (*Range, error) {
	if len(s) > MaxRangeLen {
		return nil, outcome.New(outcome.Invalid, "range is longer than %d characters", MaxRangeLen)
	}
	r := &Range{prereleases: prereleases}
	left := MaxComparators
	for alternative := range strings.SplitSeq(collapseBlanks(s), "||") {
		cs, err := parseSet(strings.Trim(alternative, " "), prereleases)
		if err != nil {
			return nil, outcome.Wrap(outcome.Invalid, err, "range %q", s)
		}
		if left -= len(cs); left < 0 {
			return nil, outcome.New(outcome.Invalid, "range has more than %d comparators", MaxComparators)
		}
		r.sets = append(r.sets, cs)
	}
	r.sets = simplify(r.sets)
	return r, nil
}

// parseSet desugars one alternative, drops repeated comparators, and "any"
// beside others; one that nothing satisfies swallows the rest.
func parseSet(text string, prereleases bool) (set, error) {
	words := desugar(text, prereleases)
	cs := make(set, 0, len(words))
	var never set
	for _, word := range words {
		c, err := parseComparator(word)
		if err != nil {
			return nil, err
		}
		if c.none() {
			never = set{c}
		}
		if !c.any() && !slices.Contains(cs, c) {
			cs = append(cs, c)
		}
	}
	switch {
	case never != nil:
		return never, nil
	case len(cs) == 0:
		return set{{}}, nil
	}
	return cs, nil
}

// simplify drops alternatives that nothing satisfies, as long as one is left,
// and everything beside one that any version satisfies.
func simplify(sets []set) []set {
	if len(sets) == 1 {
		return sets
	}
	kept := make([]set, 0, len(sets))
	for _, cs := range sets {
		if !cs[0].none() {
			kept = append(kept, cs)
		}
	}
	if len(kept) == 0 {
		return sets[:1]
	}
	for _, cs := range kept {
		if cs[0].any() {
			return []set{cs}
		}
	}
	return kept
}

// String returns npm's normal form: comparators with blanks between them,
// alternatives with "||"; "*" for the range of every version.
func (r *Range) String() string {
	var b strings.Builder
	for i, cs := range r.sets {
		if i > 0 {
			b.WriteString("||")
		}
		for k, c := range cs {
			if k > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(c.String())
		}
	}
	if b.Len() == 0 {
		return "*"
	}
	return b.String()
}

// all reports whether every version is in the range, prereleases too.
func (r *Range) all() bool { return r.prereleases && len(r.sets) == 1 && r.sets[0][0].any() }

// Has reports whether v satisfies the range. The zero Version satisfies none.
// It does not allocate.
func (r *Range) Has(v Version) bool { return r.has(&v) }

func (r *Range) has(v *Version) bool {
	if v.IsZero() {
		return false
	}
	for _, cs := range r.sets {
		if cs.has(v, r.prereleases) {
			return true
		}
	}
	return false
}

// has tests all comparators. A prerelease also needs one that names a
// prerelease of the same three numbers, unless all prereleases are welcome.
func (cs set) has(v *Version, prereleases bool) bool {
	welcome := prereleases || !v.IsPrerelease()
	for i := range cs {
		if !cs[i].test(v) {
			return false
		}
		welcome = welcome || cs[i].v.IsPrerelease() && cs[i].v.sameTriple(v)
	}
	return welcome
}

// Max returns the index of the newest of versions that satisfies the range,
// or -1. Of versions that differ in build metadata alone it takes the first.
// It looks at every version and does not allocate; a list that is known to be
// sorted is searched faster by Has from its end.
func (r *Range) Max(versions []Version) int {
	best := -1
	for i := range versions {
		v := &versions[i]
		if (best < 0 || compare(v, &versions[best]) > 0) && r.has(v) {
			best = i
		}
	}
	return best
}
