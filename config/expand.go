package config

import "strings"

// expand replaces ${NAME} and ${NAME:-default} in a scalar of the file. It is
// done on values that YAML has been read into already, so that a variable
// cannot bring structure with it. "$${" is a literal "${". As in shells, a
// default counts for an empty variable too. changed tells that something was
// replaced.
func expand(text string, lookup func(string) (string, bool)) (out string, changed bool, c complaint) {
	var b strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			b.WriteString(text)
			return b.String(), changed, ""
		}
		if i > 0 && text[i-1] == '$' {
			b.WriteString(text[:i-1] + "${")
			text = text[i+2:]
			continue
		}
		b.WriteString(text[:i])
		inner, rest, closed := strings.Cut(text[i+2:], "}")
		if !closed {
			return "", false, "has a ${ without its }; write $${ for the two characters"
		}
		value, c := variable(inner, lookup)
		if c != "" {
			return "", false, c
		}
		b.WriteString(value)
		text, changed = rest, true
	}
}

// variable returns the value of what stands between the braces.
func variable(inner string, lookup func(string) (string, bool)) (string, complaint) {
	name, fallback, hasFallback := strings.Cut(inner, ":-")
	if !variableRE.MatchString(name) {
		return "", "has a ${…} that is not ${NAME} or ${NAME:-default}"
	}
	value, set := lookup(name)
	if hasFallback && value == "" {
		return fallback, ""
	}
	if !set && !hasFallback {
		return "", complaint("needs the environment variable " + name + ", which is not set; set it, or write ${" + name + ":-} for an empty value")
	}
	return value, ""
}
