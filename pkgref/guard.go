package pkgref

import (
	"regexp"
	"strings"

	"github.com/registryd/registryd/internal/outcome"
)

// MaxPathLen is the longest raw request path in bytes, without its query.
const MaxPathLen = 1024

// GuardPattern is one line of the guard as a regular expression.
type GuardPattern struct {
	// Expr is written in what RE2 and PCRE have in common and is matched
	// against the raw request target, byte by byte. It has backslashes in it,
	// but no quotes and no dollar sign.
	Expr string
	// Refuse is the verdict for a target that matches.
	Refuse bool
}

// One raw byte of a decoded byte that a name is made of, and what may follow a
// name in its segment.
const (
	guardName     = `(?:[0-9a-z._~-]|%(?:2[de]|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae]))`
	guardNameHead = `(?:[0-9a-z_~-]|%(?:2d|3[0-9]|4[1-9a-f]|5[0-9af]|6[1-9a-f]|7[0-9ae]))`
	// guardRest is anything up to the query without another encoded slash.
	guardRest = `(?:[^?%]|%(?:[013-9a-f][0-9a-f]|2[0-9a-e]))*`
)

// GuardPatterns returns CheckRaw's rule for a front that has only regular
// expressions. They are tried in order, the first match decides, and a target
// that matches none is let through. pub is the public prefix.
//
// For an nginx configuration, put "~" before the expression, double its
// backslashes and quote it.
func GuardPatterns(pub string) []GuardPattern {
	return []GuardPattern{
		// Most targets are plain, and need no closer look: at most ten segments
		// of at most 100 bytes are short enough, too.
		{`^(?:/[0-9A-Za-z_@~+-][0-9A-Za-z_@~+.-]{0,99}){1,10}/?(?:\?|\z)`, false},
		// Go's regexp counts to 1000 at most.
		{`^[^?]{1000}[^?]{25}`, true},
		{`(?i)^[^?]*(?:[\x00-\x1f\x7f#\\]|%(?:[01][0-9a-f]|7f|5c)|%(?:\z|[^0-9a-f]|[0-9a-f](?:\z|[^0-9a-f]))` +
			`|//|/(?:\.|%2e){1,2}(?:[/?]|\z))`, true},
		{`(?i)^` + caseSensitive(pub) + `(?:@|%40)` + guardName + `+%2f` + guardNameHead + guardName + `*` +
			`(?:(?:[/@]|%40)` + guardRest + `)?(?:\?|\z)`, false},
		{`(?i)^[^?]*%2f`, true},
	}
}

// caseSensitive quotes s inside an expression that ignores case otherwise.
func caseSensitive(s string) string { return `(?-i:` + regexp.QuoteMeta(s) + `)` }

// CheckRaw applies the guard to a whole raw (escaped) request path: at most
// MaxPathLen bytes; no control bytes, backslashes or malformed escapes; no
// empty segments except at the end; no segment that decodes to "." or ".."; no
// encoded slash except the one between a scope and its name, which is looked
// for right after pub, the public prefix. A query, if there is one, is left
// out of it. A raw "#" is refused too, because servers disagree whether the
// path ends there. Errors: outcome.Invalid.
func CheckRaw(rawPath, pub string) error {
	rawPath, _, _ = strings.Cut(rawPath, "?")
	if len(rawPath) > MaxPathLen {
		return outcome.New(outcome.Invalid, "path is longer than %d bytes", MaxPathLen)
	}
	for i := range len(rawPath) {
		if err := checkAt(rawPath, i); err != nil {
			return err
		}
	}
	switch strings.Count(rawPath, "%2f") + strings.Count(rawPath, "%2F") {
	case 0:
		return nil
	case 1:
		if slashInScope(rawPath, pub) {
			return nil
		}
	}
	return outcome.New(outcome.Invalid, "path has an encoded slash that does not separate a scope from its name")
}

// checkAt checks what begins at path[i:]: an escape, a segment or a plain byte.
func checkAt(path string, i int) error {
	switch path[i] {
	case '%':
		decoded, ok := unhex(path, i)
		if !ok {
			return outcome.New(outcome.Invalid, "path has a malformed escape")
		}
		return checkByte(decoded)
	case '#':
		return outcome.New(outcome.Invalid, "path has a raw #")
	case '/':
		return checkSegment(path[i+1:])
	}
	return checkByte(path[i])
}

// checkByte refuses bytes that may stand in no path, raw or decoded.
func checkByte(c byte) error {
	switch {
	case c < ' ' || c == 0x7f:
		return outcome.New(outcome.Invalid, "path has a control byte")
	case c == '\\':
		return outcome.New(outcome.Invalid, "path has a backslash")
	}
	return nil
}

// checkSegment checks the segment that rest begins with, after its slash.
func checkSegment(rest string) error {
	if rest != "" && rest[0] == '/' {
		return outcome.New(outcome.Invalid, "path has an empty segment")
	}
	for range 2 {
		n := dotLen(rest)
		if n == 0 {
			return nil
		}
		if rest = rest[n:]; rest == "" || rest[0] == '/' {
			return outcome.New(outcome.Invalid, "path has a dot segment")
		}
	}
	return nil
}

// dotLen returns how many raw bytes at the start of s spell one dot.
func dotLen(s string) int {
	switch {
	case s != "" && s[0] == '.':
		return 1
	case len(s) >= 3 && strings.EqualFold(s[:3], "%2e"):
		return 3
	}
	return 0
}

// slashInScope reports whether the path's only encoded slash stands between a
// scope and a name right after pub. The escapes have been checked.
func slashInScope(rawPath, pub string) bool {
	rest, found := strings.CutPrefix(rawPath, pub)
	if !found {
		return false
	}
	segment, _, _ := strings.Cut(rest, "/")
	scope, base, found := strings.Cut(unescape(segment), "/")
	if !found || scope == "" || scope[0] != '@' {
		return false
	}
	base, _, _ = strings.Cut(base, "@")
	return checkNameBytes(scope[1:]) == nil && len(scope) > 1 &&
		checkNameBytes(base) == nil && base != "" && base[0] != '.'
}
