package pkgref

import (
	"strconv"
	"strings"
)

// partial is a version in which parts may be missing or be a wildcard, as it
// stands in ranges: "1", "1.x", "v1.2.3-rc.1". An absent part is "".
type partial struct{ major, minor, patch, pre string }

// The longest runs that npm's patterns take. They matter only where a range
// drops a part unread, as in "~x.1".
const (
	maxDigits = MaxVersionLen + 1
	maxWord   = MaxVersionLen - 6
)

// parsePartial reads all of s, a prefix of v, = and blanks included.
func parsePartial(s string) (partial, bool) {
	p, end := scanPartial(s, 0)
	return p, end > 0 && end == len(s)
}

// scanPartial reads a partial at s[i:] and returns where it ends, or 0 if
// there is none. Build metadata has been stripped before.
func scanPartial(s string, i int) (p partial, end int) {
	i = skipPrefix(s, i)
	end = scanPart(s, i)
	if end == i {
		return p, 0
	}
	p.major = s[i:end]
	for _, part := range []*string{&p.minor, &p.patch} {
		next := end
		if end < len(s) && s[end] == '.' {
			next = scanPart(s, end+1)
		}
		if next <= end+1 {
			return p, end
		}
		*part, end = s[end+1:next], next
	}
	if next := scanPrerelease(s, end); next > end {
		p.pre, end = s[end+1:next], next
	}
	return p, end
}

// skipPrefix passes over what may stand before a version in a range.
func skipPrefix(s string, i int) int {
	for i < len(s) && (s[i] == 'v' || s[i] == '=' || s[i] == ' ') {
		i++
	}
	return i
}

// scanPart reads a number or a wildcard and returns its end, i if there is none.
func scanPart(s string, i int) int {
	if i < len(s) && isWildcard(s[i]) {
		return i + 1
	}
	return scanNumber(s, i)
}

// scanNumber reads a number without leading zeros.
func scanNumber(s string, i int) int {
	if i < len(s) && s[i] == '0' {
		return i + 1
	}
	return scanDigits(s, i, maxDigits)
}

func scanDigits(s string, i, limit int) int {
	end := i
	for end < len(s) && end-i < limit && isDigit(s[end]) {
		end++
	}
	return end
}

// scanPrerelease reads "-" and dotted identifiers.
func scanPrerelease(s string, i int) int {
	if i >= len(s) || s[i] != '-' {
		return i
	}
	return scanDotted(s, i+1, i, scanIdentifier)
}

// scanDotted reads identifiers with dots between them at s[i:]. It returns
// none where there is not even one.
func scanDotted(s string, i, none int, scan func(string, int) int) int {
	end := scan(s, i)
	if end == i {
		return none
	}
	for end < len(s) && s[end] == '.' {
		next := scan(s, end+1)
		if next == end+1 {
			break
		}
		end = next
	}
	return end
}

// scanIdentifier reads one prerelease identifier: a word, else a number
// without leading zeros.
func scanIdentifier(s string, i int) int {
	if end := scanWord(s, i); end > i {
		return end
	}
	return scanNumber(s, i)
}

// scanWord reads an identifier that has a letter or hyphen in it.
func scanWord(s string, i int) int {
	first := scanDigits(s, i, MaxVersionLen)
	if first == len(s) || !isLetter(s[first]) && s[first] != '-' {
		return i
	}
	end := first + 1
	for end < len(s) && end-first <= maxWord && isIdentifierByte(s[end]) {
		end++
	}
	return end
}

func isIdentifierByte(c byte) bool { return isAlnum(c) || c == '-' }

func isWildcard(c byte) bool { return c == 'x' || c == 'X' || c == '*' }

// isX reports whether a part of a partial stands for any number.
func isX(part string) bool { return part == "" || isWildcard(part[0]) }

// next returns the number after n. What would exceed MaxNumber becomes a
// number that no version may have, so that the comparator is refused later.
func next(n string) string {
	i, err := strconv.ParseUint(n, 10, 64)
	if err != nil || i > MaxNumber {
		i = MaxNumber
	}
	return strconv.FormatUint(i+1, 10)
}

// dotted joins three parts.
func dotted(major, minor, patch string) string {
	return strings.Join([]string{major, minor, patch}, ".")
}
