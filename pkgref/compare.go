package pkgref

import (
	"cmp"
	"strconv"
	"strings"
)

// Compare orders by semver precedence: build metadata plays no part. It
// returns -1, 0 or +1 and does not allocate. The zero value comes before
// every version except that it equals 0.0.0.
//
// It is written here because Masterminds' comparison splits both prereleases
// into slices and reads numbers above 64 bits as words, where npm reads them
// as doubles.
func (v Version) Compare(w Version) int { return compare(&v, &w) }

// compare takes pointers because the loops over long lists spend their time
// copying otherwise.
func compare(v, w *Version) int {
	if c := cmp.Compare(v.major, w.major); c != 0 {
		return c
	}
	if c := cmp.Compare(v.minor, w.minor); c != 0 {
		return c
	}
	if c := cmp.Compare(v.patch, w.patch); c != 0 {
		return c
	}
	switch {
	case v.pre == 0 && w.pre == 0:
		return 0
	case v.pre == 0:
		return 1
	case w.pre == 0:
		return -1
	}
	return comparePrerelease(v.prerelease(), w.prerelease())
}

// comparePrerelease compares identifier by identifier; of two where one is the
// beginning of the other, the longer one is the later.
func comparePrerelease(a, b string) int {
	for a != b {
		if a == "" {
			return -1
		}
		if b == "" {
			return 1
		}
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		if x != y {
			return compareIdentifier(x, y)
		}
	}
	return 0
}

// compareIdentifier compares two unequal identifiers: numbers come before
// words. Zero is possible for numbers too large to be told apart as doubles.
func compareIdentifier(a, b string) int {
	aNum, bNum := allDigits(a), allDigits(b)
	switch {
	case aNum && bNum:
		return compareNumbers(a, b)
	case aNum:
		return -1
	case bNum:
		return 1
	}
	return strings.Compare(a, b)
}

// exactDigits is how many decimal digits a double always keeps apart.
const exactDigits = 15

func compareNumbers(a, b string) int {
	if len(a) <= exactDigits && len(b) <= exactDigits {
		if len(a) != len(b) {
			return cmp.Compare(len(a), len(b))
		}
		return strings.Compare(a, b)
	}
	x, _ := strconv.ParseFloat(a, 64) // digits only, and MaxVersionLen rules out infinity
	y, _ := strconv.ParseFloat(b, 64)
	return cmp.Compare(x, y)
}

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}
