package provider

import (
	"strings"

	"github.com/registryd/registryd/pkgref"
)

// overlap finds two patterns, one of each list, that some name would match both.
func overlap(a, b []pkgref.Pattern) (p, q pkgref.Pattern, ok bool) {
	for _, p := range a {
		for _, q := range b {
			if intersect(namePart(p), namePart(q)) {
				return p, q, true
			}
		}
	}
	return pkgref.Pattern{}, pkgref.Pattern{}, false
}

// namePart is the pattern without the versions that may follow the name.
func namePart(p pkgref.Pattern) string {
	s := p.String()
	if i := strings.LastIndexByte(s, '@'); i > 0 {
		return s[:i]
	}
	return s
}

// intersect reports whether some text matches both patterns, in which "*"
// stands for any characters. reach[j] tells whether the part of a seen so far
// and the first j bytes of b can stand for the same text.
func intersect(a, b string) bool {
	reach := make([]bool, len(b)+1)
	reach[0] = true
	spread(reach, b)
	for i := range len(a) {
		next := make([]bool, len(b)+1)
		for j, ok := range reach {
			if !ok {
				continue
			}
			if a[i] == '*' {
				for k := j; k <= len(b); k++ {
					next[k] = true
				}
				break
			}
			if j < len(b) && b[j] == '*' {
				next[j] = true // the star of b stands for this byte too
			}
			if j < len(b) && b[j] == a[i] {
				next[j+1] = true
			}
		}
		spread(next, b)
		reach = next
	}
	return reach[len(b)]
}

// spread lets each star of b stand for nothing.
func spread(reach []bool, b string) {
	for j := range len(b) {
		if reach[j] && b[j] == '*' {
			reach[j+1] = true
		}
	}
}
