package templates

import "strings"

// quote returns s as one nginx token. It is the last line of defence, behind
// the patterns of validate.go: text that would not survive inside double
// quotes never gets here.
func quote(s string) string { return `"` + s + `"` }

// quoteRegex returns the pattern s as one nginx token. nginx takes a backslash
// away only before the few letters it knows, so only there one is added.
func quoteRegex(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			b.WriteByte('\\')
		case s[i] == '\\' && i+1 < len(s):
			if strings.IndexByte(`"'\trn`, s[i+1]) >= 0 {
				b.WriteByte('\\')
			}
			b.WriteByte('\\')
			i++
			if s[i] == '\\' { // the second half of an escaped backslash
				b.WriteByte('\\')
			}
		}
		b.WriteByte(s[i])
	}
	b.WriteByte('"')
	return b.String()
}
