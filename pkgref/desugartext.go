package pkgref

import "strings"

// collapseBlanks trims s and turns each run of blanks into one space.
func collapseBlanks(s string) string {
	plain := true
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x80 || c == ' ' && (i == 0 || i == len(s)-1 || s[i-1] == ' ') {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	return strings.Join(strings.FieldsFunc(s, isBlank), " ")
}

// isBlank reports whether r is white space to JavaScript: what Unicode calls
// a space separator, the line ends, and the byte order mark.
func isBlank(r rune) bool {
	switch r {
	case '\t', '\n', '\v', '\f', '\r', ' ', 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff:
		return true
	}
	return r >= 0x2000 && r <= 0x200a
}

// stripBuild removes build metadata wherever it stands.
func stripBuild(s string) string {
	if strings.IndexByte(s, '+') < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] == '+' {
			if end := scanDotted(s, i+1, i, scanBuild); end > i {
				i = end
				continue
			}
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String()
}

func scanBuild(s string, i int) int {
	for i < len(s) && isIdentifierByte(s[i]) {
		i++
	}
	return i
}

// rewriteHyphen turns "1.2 - 3" into ">=1.2.0 <4.0.0-0" and leaves any other
// text as it is.
func rewriteHyphen(s string, prereleases bool) string {
	left, right, found := cutHyphen(s)
	if !found {
		return s
	}
	from, ok := parsePartial(left)
	to, ok2 := parsePartial(right)
	if !ok || !ok2 {
		return s
	}
	return strings.Trim(hyphenFrom(from, left, prereleases)+" "+hyphenTo(to, right, prereleases), " ")
}

// cutHyphen splits at the hyphen between blanks. One blank at either end of
// the text is not part of a side; more are a fault, except before a side.
func cutHyphen(s string) (left, right string, found bool) {
	s = strings.TrimSuffix(strings.TrimPrefix(s, " "), " ")
	return strings.Cut(s, " - ")
}

// hyphenFrom returns the lower bound. text is the whole side: a prefix before
// a full version stays in front of it, and decides later whether it is valid.
func hyphenFrom(p partial, text string, prereleases bool) string {
	zero := ""
	if prereleases {
		zero = "-0"
	}
	switch {
	case isX(p.major):
		return ""
	case isX(p.minor) || isX(p.patch):
		return p.from(zero)
	case p.pre != "":
		return ">=" + text
	}
	return ">=" + text + zero
}

// hyphenTo returns the upper bound. What is missing there may be any number.
func hyphenTo(p partial, text string, prereleases bool) string {
	switch {
	case isX(p.major):
		return ""
	case isX(p.minor):
		return p.belowMajor()
	case isX(p.patch):
		return p.belowMinor()
	case p.pre != "":
		return "<=" + dotted(p.major, p.minor, p.patch) + "-" + p.pre
	case prereleases:
		return p.belowPatch()
	}
	return "<=" + text
}

// joinOperators removes the blank between an operator and its version.
func joinOperators(s string) string {
	var b strings.Builder
	copied := 0
	for i := 0; i < len(s); {
		start := i
		if s[i] == '<' || s[i] == '>' {
			i++
		} else if skipPrefix(s, i) == i && scanPart(s, i) == i {
			i++
			continue
		}
		i = skipPrefix(s, i)
		if i == len(s) || !isDigit(s[i]) && !isWildcard(s[i]) {
			continue
		}
		if blank := blankAfterOperator(s, start); blank > 0 {
			b.WriteString(s[copied:blank])
			copied = blank + 1
		}
		i = scanVersion(s, i)
	}
	return b.String() + s[copied:]
}

// blankAfterOperator returns where the blank stands that follows the operator
// at s[i:], which may have one before it; 0 if there is none.
func blankAfterOperator(s string, i int) int {
	if s[i] == ' ' {
		i++
	}
	op, rest := cutOperator(s[i:])
	if rest != "" && rest[0] == ' ' {
		return i + len(op)
	}
	return 0
}

// scanVersion passes over a version, in npm's loose grammar if it can: a "v"
// at its end is no prefix of what follows.
func scanVersion(s string, i int) int {
	if end := scanLoose(s, i); end > i {
		return end
	}
	_, end := scanPartial(s, i)
	return max(end, i+1)
}

// scanLoose reads three numbers, which may have leading zeros, and a
// prerelease, which may lack its hyphen.
func scanLoose(s string, i int) int {
	end := i
	for part := range 3 {
		if part > 0 {
			if end == len(s) || s[end] != '.' {
				return i
			}
			end++
		}
		number := scanDigits(s, end, MaxVersionLen)
		if number == end {
			return i
		}
		end = number
	}
	if end < len(s) && s[end] == '-' {
		if pre := scanDotted(s, end+1, end, scanLooseIdentifier); pre > end {
			return pre
		}
	}
	return scanDotted(s, end, end, scanLooseIdentifier)
}

func scanLooseIdentifier(s string, i int) int {
	if end := scanWord(s, i); end > i {
		return end
	}
	return scanDigits(s, i, MaxVersionLen)
}

// joinAfter removes the blank after each mark, and the ">" of "~> ".
func joinAfter(s string, mark byte) string {
	if strings.IndexByte(s, mark) < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		b.WriteByte(s[i])
		if s[i] != mark {
			continue
		}
		rest := s[i+1:]
		if mark == '~' {
			rest = strings.TrimPrefix(rest, ">")
		}
		if rest != "" && rest[0] == ' ' {
			i = len(s) - len(rest)
		}
	}
	return b.String()
}
