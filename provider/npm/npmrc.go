package npm

import "strings"

// pair is one line of an .npmrc file.
type pair struct{ key, value string }

// parseNPMRC reads the lines key=value of an ini file as npm does: blanks
// around both are dropped, lines that begin with ; or # are comments, a value
// may be quoted, ${VAR} stands for a variable of the environment in keys and
// values. A key without a value is true. Sections and arrays have no meaning
// here and are passed over. Every text is accepted.
func parseNPMRC(text string, env func(string) (string, bool)) []pair {
	var pairs []pair
	text = strings.TrimPrefix(text, "\uFEFF")
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == ';' || line[0] == '#' {
			continue
		}
		if line[0] == '[' {
			break // what follows belongs to a section
		}
		key, value, found := strings.Cut(line, "=")
		if !found {
			value = "true"
		}
		key = expand(unquote(strings.TrimSpace(key)), env)
		if key == "" || strings.HasSuffix(key, "[]") {
			continue
		}
		pairs = append(pairs, pair{key, expand(unquote(strings.TrimSpace(value)), env)})
	}
	return pairs
}

// unquote takes off quotes, or else the comment that follows a blank and a
// mark, for ; and # inside a token are common.
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	for _, mark := range []string{" ;", " #", "\t;", "\t#"} {
		s, _, _ = strings.Cut(s, mark)
	}
	return strings.TrimSpace(s)
}

// expand replaces ${VAR}. Without such a variable the text stays, as with npm,
// but ${VAR?} becomes empty. A backslash before the dollar keeps it.
func expand(s string, env func(string) (string, bool)) string {
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		n := strings.IndexByte(s[i:], '}')
		if n < 0 {
			b.WriteString(s)
			return b.String()
		}
		whole := s[i : i+n+1]
		name, optional := strings.CutSuffix(whole[2:n], "?")
		value, ok := env(name)
		switch {
		case i > 0 && s[i-1] == '\\':
			b.WriteString(s[:i-1])
			b.WriteString(whole)
		case ok || optional:
			b.WriteString(s[:i])
			b.WriteString(value)
		default:
			b.WriteString(s[:i])
			b.WriteString(whole)
		}
		s = s[i+n+1:]
	}
}
