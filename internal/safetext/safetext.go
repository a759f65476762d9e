// Package safetext shows people texts that somebody else chose.
package safetext

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible makes a text from an archive or an upstream safe to look at: what is
// no UTF-8, what controls a terminal or the direction of text, and what cannot
// be seen at all is written as an escape, so that no name can pose as another.
func Visible(s string) string {
	if !strings.ContainsFunc(s, hidden) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case !hidden(r):
			b.WriteRune(r)
		case size == 1: // a control byte, or none of any character
			fmt.Fprintf(&b, `\x%02x`, s[0])
		default:
			fmt.Fprintf(&b, `\u{%x}`, r)
		}
		s = s[size:]
	}
	return b.String()
}

// blanks count as letters or symbols and show nothing.
const blanks = "\u115f\u1160\u2800\u3164\uffa0"

// hidden reports whether a rune cannot be trusted to be seen for what it is:
// all but letters, marks, numbers, punctuation, symbols and the plain space.
func hidden(r rune) bool {
	return r == utf8.RuneError || !unicode.IsPrint(r) || strings.ContainsRune(blanks, r)
}
