package operation

import (
	"strings"
	"unicode"
)

// Kebab writes a name in kebab-case: it is split where upper case begins, where digits begin and end, and at
// everything that is neither letter nor digit. repoURL is repo-url, image2name is image-2-name.
func Kebab(name string) string {
	var words []string
	var word []rune
	runes := []rune(name)
	flush := func() {
		if len(word) > 0 {
			words = append(words, strings.ToLower(string(word)))
			word = word[:0]
		}
	}
	for i, r := range runes {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			flush()
			continue
		}
		if i > 0 && boundary(runes, i) {
			flush()
		}
		word = append(word, r)
	}
	flush()
	return strings.Join(words, "-")
}

// boundary reports whether a word begins at i.
func boundary(runes []rune, i int) bool {
	before, here := runes[i-1], runes[i]
	switch {
	case unicode.IsDigit(before) != unicode.IsDigit(here):
		return true
	case unicode.IsUpper(here) && unicode.IsLower(before):
		return true
	}
	// The last capital of several belongs to the word behind it: HTTPServer.
	return unicode.IsUpper(here) && unicode.IsUpper(before) && i+1 < len(runes) && unicode.IsLower(runes[i+1])
}

// kebab renames the members of a body. A name that is declared is taken as it is; unknown ones are handed on.
func (c *Call) kebab(object map[string]any) (declared, more map[string]any) {
	declared = make(map[string]any, len(object))
	known := func(name string) bool { return c.op.param(name) >= 0 }
	for k, v := range object {
		if known(k) {
			declared[k] = v
		}
	}
	for k, v := range object {
		name := Kebab(k)
		switch _, there := declared[name]; {
		case known(k) || there:
		case known(name):
			declared[name] = v
		default:
			if more == nil {
				more = map[string]any{}
			}
			more[name] = v
		}
	}
	return declared, more
}
