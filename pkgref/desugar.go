package pkgref

import "strings"

// The stages below rewrite a range as text, in the order in which npm does:
// blanks, build metadata, hyphen, blanks after operators, then word by word
// caret, tilde, x-range, star. Text is what makes the odd cases agree, where
// one stage leaves something that a later one reads in its own way: "*1.2.3"
// is 1.2.3, and "~ >1" is "~>1".

// desugar rewrites one alternative, trimmed and with single blanks, into the
// words of its comparators. No words mean every version.
func desugar(text string, prereleases bool) []string {
	text = stripBuild(text)
	if strings.IndexByte(text, ' ') >= 0 { // else there is nothing to rewrite or to join
		text = rewriteHyphen(text, prereleases)
		text = joinOperators(text)
		text = joinAfter(text, '~')
		text = joinAfter(text, '^')
	}
	star := ">=0.0.0"
	if prereleases {
		star = ">=0.0.0-0"
	}
	words := make([]string, 0, 2)
	for word := range strings.SplitSeq(text, " ") {
		if word == "" {
			continue
		}
		for w := range strings.SplitSeq(desugarWord(word, prereleases), " ") {
			if w != "" && w != star {
				words = append(words, w)
			}
		}
	}
	return words
}

// desugarWord turns a word with its operator into primitive comparators.
func desugarWord(word string, prereleases bool) string {
	zero := ""
	if prereleases {
		zero = "-0"
	}
	switch word[0] {
	case '^':
		if p, ok := parsePartial(word[1:]); ok {
			return p.caret(zero)
		}
	case '~':
		if p, ok := parsePartial(strings.TrimPrefix(word[1:], ">")); ok {
			return p.tilde(zero)
		}
	default:
		op, rest := cutOperator(word)
		if p, ok := parsePartial(rest); ok && p.ordered() {
			word = p.xrange(op, word, zero)
		}
	}
	return stripStar(word)
}

// ordered reports whether no number follows a wildcard.
func (p partial) ordered() bool {
	return !(isX(p.major) && !isX(p.minor)) && !(isX(p.minor) && !isX(p.patch))
}

// from returns the lower bound of everything that begins with p; zero is its
// prerelease.
func (p partial) from(zero string) string {
	switch {
	case isX(p.minor):
		return ">=" + p.major + ".0.0" + zero
	case isX(p.patch):
		return ">=" + dotted(p.major, p.minor, "0") + zero
	case p.pre != "":
		return ">=" + dotted(p.major, p.minor, p.patch) + "-" + p.pre
	}
	return ">=" + dotted(p.major, p.minor, p.patch)
}

// caret allows changes right of the leftmost number that is not zero.
func (p partial) caret(zero string) string {
	switch {
	case isX(p.major):
		return ""
	case isX(p.minor) || p.major != "0":
		return p.from(zero) + " " + p.belowMajor()
	case isX(p.patch) || p.minor != "0":
		return p.from(zero) + " " + p.belowMinor()
	}
	return p.from(zero) + " " + p.belowPatch()
}

// tilde allows changes of the patch, or of the minor where only a major is given.
func (p partial) tilde(zero string) string {
	switch {
	case isX(p.major):
		return ""
	case isX(p.minor):
		return p.from(zero) + " " + p.belowMajor()
	}
	return p.from(zero) + " " + p.belowMinor()
}

// belowMajor, belowMinor and belowPatch exclude the next major, minor or patch
// with all its prereleases.
func (p partial) belowMajor() string { return "<" + next(p.major) + ".0.0-0" }
func (p partial) belowMinor() string { return "<" + p.major + "." + next(p.minor) + ".0-0" }
func (p partial) belowPatch() string { return "<" + dotted(p.major, p.minor, next(p.patch)) + "-0" }

// xrange replaces wildcards after an operator; word is what p was read from.
func (p partial) xrange(op operator, word, zero string) string {
	if isX(p.major) {
		if op == opGreater || op == opLess {
			return "<0.0.0-0" // nothing is allowed
		}
		return "*"
	}
	if !isX(p.patch) {
		return word
	}
	below := p.belowMinor()
	if isX(p.minor) {
		below = p.belowMajor()
	}
	low := p.from(zero)
	switch op {
	case opGreater: // above all that begin with p
		return ">=" + strings.TrimSuffix(below[1:], "-0") + zero
	case opGreaterEqual:
		return low
	case opLess:
		return "<" + strings.TrimSuffix(low[2:], zero) + "-0"
	case opLessEqual: // any that begins with p, too
		return below
	}
	return low + " " + below
}

// stripStar drops the first star with its operator: whatever it was joined to
// by "and" decides alone.
func stripStar(word string) string {
	end := strings.IndexByte(word, '*')
	if end < 0 {
		return word
	}
	start := end
	if start > 0 && word[start-1] == '=' {
		start--
	}
	if start > 0 && (word[start-1] == '<' || word[start-1] == '>') {
		start--
	}
	return word[:start] + word[end+1:]
}
