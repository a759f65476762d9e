package pkgref

import "strings"

const upperHex = "0123456789ABCDEF"

// Escape percent-encodes every byte of a decoded path except unreserved
// characters and "/".
func Escape(path string) string { return escapeExcept(path, "/") }

// escapeExcept percent-encodes every byte except unreserved characters and
// those in keep.
func escapeExcept(s, keep string) string {
	n := 0
	for i := range len(s) {
		if !isUnreserved(s[i]) && strings.IndexByte(keep, s[i]) < 0 {
			n++
		}
	}
	if n == 0 {
		return s
	}
	b := make([]byte, 0, len(s)+2*n)
	for i := range len(s) {
		if c := s[i]; isUnreserved(c) || strings.IndexByte(keep, c) >= 0 {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(b)
}

// unescape decodes s, whose escapes CheckRaw has found well formed. A "%"
// that begins none stays.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if decoded, ok := unhex(s, i); c == '%' && ok {
			c = decoded
			i += 2
		}
		b = append(b, c)
	}
	return string(b)
}

// unhex decodes the escape "%hh" at s[i:].
func unhex(s string, i int) (byte, bool) {
	if i+2 >= len(s) {
		return 0, false
	}
	hi, ok := nibble(s[i+1])
	lo, ok2 := nibble(s[i+2])
	return hi<<4 | lo, ok && ok2
}

func nibble(c byte) (byte, bool) {
	switch {
	case isDigit(c):
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}
