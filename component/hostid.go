package component

import (
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Dependencies maps the names of packages to ranges of versions: what a host
// provides, or what a component needs. nil is none.
type Dependencies map[string]string

// size is about how many bytes d takes in the file of hosts.
func (d Dependencies) size() int64 {
	const punctuation = 6 // "":"",
	n := int64(40)
	for name, text := range d {
		n += int64(len(name) + len(text) + punctuation)
	}
	return n
}

// Equal reports whether both have the same names with the same ranges, letter
// by letter.
func (d Dependencies) Equal(e Dependencies) bool {
	if len(d) != len(e) {
		return false
	}
	for name, text := range d {
		if other, ok := e[name]; !ok || other != text {
			return false
		}
	}
	return true
}

// HostID returns the id of the host that provides d. Clients compute nothing
// like it: what matters is that it stays the same for ever.
func HostID(d Dependencies) uint32 { return murmur3(utf16.Encode([]rune(canonical(d)))) }

// canonical is the text that is hashed: an array of pairs, in the order in which
// the clients of old sorted names.
func canonical(d Dependencies) string {
	names := make([]string, 0, len(d))
	for name := range d {
		names = append(names, name)
	}
	slices.SortFunc(names, newCollator(names).compare)
	out := make([]byte, 0, 64*len(d)+2)
	out = append(out, '[')
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendString(append(out, '['), name)
		out = appendString(append(out, ','), d[name])
		out = append(out, ']')
	}
	return string(append(out, ']'))
}

// appendString writes s as JavaScript does. encoding/json escapes more, and so
// would give other ids.
func appendString(out []byte, s string) []byte {
	out = append(out, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', byte(c))
		case c < ' ':
			out = appendControl(out, byte(c))
		default:
			out = utf8.AppendRune(out, c)
		}
	}
	return append(out, '"')
}

func appendControl(out []byte, c byte) []byte {
	const short = "\bb\ff\nn\rr\tt"
	for i := 0; i < len(short); i += 2 {
		if short[i] == c {
			return append(out, '\\', short[i+1])
		}
	}
	if c < 0x10 {
		out = append(out, `\u000`...)
	} else {
		out = append(out, `\u00`...)
	}
	return strconv.AppendUint(out, uint64(c), 16)
}
