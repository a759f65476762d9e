package pkgref

import "strconv"

// MinVersion returns the lowest version that can satisfy the range; ok is
// false when there is none.
//
// It follows npm: 0.0.0 is preferred to its prereleases where both satisfy the
// range, and of alternatives only the one that begins lowest is looked at.
// Where no valid version lies above a bound (a number would exceed MaxNumber)
// there is none.
func (r *Range) MinVersion() (v Version, ok bool) {
	for _, text := range []string{"0.0.0", "0.0.0-0"} {
		if v, err := ParseVersion(text); err == nil && r.Has(v) {
			return v, true
		}
	}
	var lowest Version
	for _, cs := range r.sets {
		low, found, valid := cs.low()
		if !valid {
			return Version{}, false
		}
		if found && (lowest.IsZero() || lowest.Compare(low) > 0) {
			lowest = low
		}
	}
	return lowest, r.Has(lowest)
}

// low returns the highest of a set's lower bounds. found is false where it has
// none; valid is false where a bound has no valid version above it.
func (cs set) low() (v Version, found, valid bool) {
	for _, c := range cs {
		bound := c.v
		if c.op == opGreater {
			var err error
			if bound, err = ParseVersion(after(c.v)); err != nil {
				return Version{}, false, false
			}
		}
		if (c.op == opEqual || c.upward()) && (!found || bound.Compare(v) > 0) {
			v, found = bound, true
		}
	}
	return v, found, true
}

// after returns the text of the next version after v.
func after(v Version) string {
	if v.IsPrerelease() {
		return v.text + ".0"
	}
	return dotted(strconv.FormatUint(v.major, 10), strconv.FormatUint(v.minor, 10), strconv.FormatUint(v.patch+1, 10))
}

// Intersects reports whether some version could satisfy both ranges, by npm's
// rules, which look at bounds in pairs. Prereleases count as included when both
// ranges include them.
func (r *Range) Intersects(s *Range) bool {
	prereleases := r.prereleases && s.prereleases
	for _, a := range r.sets {
		if !a.satisfiable(prereleases) {
			continue
		}
		for _, b := range s.sets {
			if b.satisfiable(prereleases) && a.meets(b, prereleases) {
				return true
			}
		}
	}
	return false
}

// satisfiable reports whether all pairs of comparators leave something over.
func (cs set) satisfiable(prereleases bool) bool {
	for i := len(cs) - 1; i > 0; i-- {
		if !cs[i:i+1].meets(cs[:i], prereleases) {
			return false
		}
	}
	return true
}

// meets reports whether each comparator of cs intersects each of ds.
func (cs set) meets(ds set, prereleases bool) bool {
	for _, c := range cs {
		for _, d := range ds {
			if !c.intersects(d, prereleases) {
				return false
			}
		}
	}
	return true
}

// intersects is not symmetric, exactly like npm's: "*" meets a prerelease, a
// prerelease does not meet "*".
func (c comparator) intersects(d comparator, prereleases bool) bool {
	switch {
	case c.op == opEqual:
		return c.any() || set{d}.has(c.v, prereleases)
	case d.op == opEqual:
		return d.any() || set{c}.has(d.v, prereleases)
	case c.nothingBelow(prereleases) || d.nothingBelow(prereleases):
		return false
	case c.upward() == d.upward():
		return true
	}
	lower, upper := c, d
	if d.upward() {
		lower, upper = d, c
	}
	if lower.v.text == upper.v.text && lower.inclusive() && upper.inclusive() {
		return true
	}
	return lower.v.Compare(upper.v) < 0
}

// nothingBelow reports whether c is an upper bound below which no version lies
// that a range may have.
func (c comparator) nothingBelow(prereleases bool) bool {
	if prereleases {
		return c.none()
	}
	return c.op == opLess && c.v.sameTriple(Version{})
}
