package pkgref

import "fmt"

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
		if low, found := cs.low(); found && (lowest.IsZero() || lowest.Compare(low) > 0) {
			lowest = low
		}
	}
	if _, err := ParseVersion(lowest.text); err != nil || !r.Has(lowest) {
		return Version{}, false
	}
	return lowest, true
}

// low returns the highest of a set's lower bounds; found is false where it has
// none. The bound may have a number or a length that no version may have.
func (cs set) low() (v Version, found bool) {
	for _, c := range cs {
		bound := c.v
		if c.op == opGreater {
			bound = c.v.after()
		}
		if (c.op == opEqual || c.upward()) && (!found || bound.Compare(v) > 0) {
			v, found = bound, true
		}
	}
	return v, found
}

// after returns the lowest version above v, which may exceed a limit. v has no
// build metadata.
func (v Version) after() Version {
	if v.IsPrerelease() {
		v.text += ".0"
		v.end += 2
		return v
	}
	v.patch++
	v.text = fmt.Sprintf("%d.%d.%d", v.major, v.minor, v.patch)
	return v
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
	for i := range cs {
		for k := range ds {
			if !cs[i].intersects(&ds[k], prereleases) {
				return false
			}
		}
	}
	return true
}

// intersects is not symmetric, exactly like npm's: "*" meets a prerelease, a
// prerelease does not meet "*".
func (c *comparator) intersects(d *comparator, prereleases bool) bool {
	switch {
	case c.op == opEqual:
		return c.any() || set{*d}.has(&c.v, prereleases)
	case d.op == opEqual:
		return d.any() || set{*c}.has(&d.v, prereleases)
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
func (c *comparator) nothingBelow(prereleases bool) bool {
	if prereleases {
		return c.none()
	}
	return c.op == opLess && c.v.sameTriple(&Version{})
}
