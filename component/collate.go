package component

import (
	"cmp"
	"strings"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
)

// primaries is the order of ASCII in the root collation. Letters follow, in
// both cases alike. Control characters that are no white space have no place in
// it: they do not count.
const primaries = "\t\n\v\f\r _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz"

// collator compares names as a browser's locale-aware comparison does without
// a language of its own. Not safe for concurrent use.
type collator struct {
	full *collate.Collator // nil: the names are plain ASCII
}

// newCollator returns the order for these names. Nearly all names are plain
// ASCII, for which the rules are short.
func newCollator(names []string) *collator {
	for _, name := range names {
		for i := range len(name) {
			if primary(name[i]) < 0 {
				return &collator{full: collate.New(language.Und)}
			}
		}
	}
	return &collator{}
}

// compare orders names that look equal to the collation by their bytes, so that
// the result never depends on the order in which they came.
func (c *collator) compare(a, b string) int {
	order := 0
	if c.full != nil {
		order = c.full.CompareString(a, b)
	} else {
		order = compareASCII(a, b)
	}
	return cmp.Or(order, strings.Compare(a, b))
}

func compareASCII(a, b string) int {
	for i := range min(len(a), len(b)) {
		if order := cmp.Compare(primary(a[i]), primary(b[i])); order != 0 {
			return order
		}
	}
	if order := cmp.Compare(len(a), len(b)); order != 0 {
		return order
	}
	// Only case differs from here on, and lower case is less.
	return strings.Compare(b, a)
}

// primary is the place of c in primaries, -1 for none.
func primary(c byte) int {
	if 'A' <= c && c <= 'Z' {
		c |= 0x20
	}
	return strings.IndexByte(primaries, c)
}
