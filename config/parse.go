package config

import (
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/registryd/registryd/internal/quantity"
	"github.com/registryd/registryd/pkgref"
)

// parse reads one text as a value of the row's type. Relative paths are taken
// from dir. For a type that takes lists it reads one element.
func (r *row) parse(text, dir string) (any, complaint) {
	if c := r.raw(text); c != "" {
		return nil, c
	}
	v, c := r.typed(text, dir)
	if c == "" && r.check != nil {
		c = r.check(text)
	}
	return v, c
}

// raw refuses what no type wants: bytes that could end up in a log, a header
// or nginx's configuration as more than text.
func (r *row) raw(text string) complaint {
	if !utf8.ValidString(text) {
		return "must be UTF-8"
	}
	if strings.ContainsFunc(text, hidden) {
		return "must not hold a line break, a control character or an invisible one"
	}
	if r.nginx {
		return unsafeForNginx(text)
	}
	return ""
}

// hidden reports control and format characters, such as those that change the
// direction of what follows.
func hidden(c rune) bool {
	return unicode.IsControl(c) || unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp)
}

func unsafeForNginx(text string) complaint {
	i := strings.IndexFunc(text, func(c rune) bool { return strings.ContainsRune(";{}\"'\\$`#", c) || unicode.IsSpace(c) })
	if i < 0 {
		return ""
	}
	c, _ := utf8.DecodeRuneInString(text[i:])
	if unicode.IsSpace(c) {
		return "must not hold a blank: nginx would read two values"
	}
	return complaint("must not hold " + string(c) + ": nginx would read it as more than text")
}

func (r *row) typed(text, dir string) (any, complaint) {
	switch r.Type {
	case TypeEnum:
		return r.word(text)
	case TypeBool:
		if text != "true" && text != "false" {
			return nil, "must be true or false"
		}
		return text == "true", ""
	case TypeInt:
		return r.number(text)
	case TypeSize:
		return r.size(text)
	case TypeDuration:
		return r.duration(text)
	case TypePrefix:
		return r.prefix(text)
	case TypePath:
		return path(text, dir)
	case TypeAddresses:
		return parseAddress(text, dir)
	case TypePatterns:
		return text, r.pattern(text)
	case TypeURL, TypeScopes:
		return strings.TrimRight(text, "/"), ""
	default:
		return text, ""
	}
}

func path(text, dir string) (any, complaint) {
	if text == "~" || strings.HasPrefix(text, "~/") {
		return nil, "must be written out: ~ is a shell's; ${HOME} is replaced in the file"
	}
	return absolute(text, dir), ""
}

func absolute(path, dir string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

func (r *row) word(text string) (any, complaint) {
	if !slices.Contains(r.Enum, text) {
		return nil, complaint("must be " + orList(r.Enum))
	}
	if r.yes != "" {
		return text == r.yes, ""
	}
	return text, ""
}

// orList writes "a, b or c".
func orList(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

func (r *row) number(text string) (any, complaint) {
	n, ok := quantity.Digits(text)
	if !ok || n < r.Min || n > r.Max {
		return nil, complaint("must be a whole number" + between(r.Min, r.Max))
	}
	return n, ""
}

func between(low, high int64) string {
	if high == math.MaxInt64 {
		return " of at least " + strconv.FormatInt(low, 10)
	}
	return " from " + strconv.FormatInt(low, 10) + " to " + strconv.FormatInt(high, 10)
}

func (r *row) size(text string) (any, complaint) {
	const want = "must be a size such as 256MiB, 1GB or a whole number of bytes"
	n, ok := quantity.Size(text)
	if !ok {
		return nil, want
	}
	if n < 0 {
		return nil, "is more bytes than any disk has"
	}
	if n < r.Min {
		return nil, complaint("must be at least " + quantity.FormatSize(r.Min))
	}
	return n, ""
}

func (r *row) duration(text string) (any, complaint) {
	d, ok := quantity.Duration(text)
	switch {
	case !ok:
		return nil, "must be a duration such as 30s, 1m30s, 24h or 7d"
	case d < time.Duration(r.Min):
		return nil, complaint("must be at least " + quantity.FormatDuration(time.Duration(r.Min)))
	case d > time.Duration(r.Max):
		return nil, complaint("must be at most " + quantity.FormatDuration(time.Duration(r.Max)))
	case r.nginx && d%time.Second != 0:
		return nil, "must be whole seconds"
	}
	return d, ""
}

// prefix normalises to "/x/", or "/" where the row allows it.
func (r *row) prefix(text string) (any, complaint) {
	inner := strings.TrimSuffix(strings.TrimPrefix(text, "/"), "/")
	if inner == "" {
		if r.root && text == "/" {
			return "/", ""
		}
		return nil, "must be a URL prefix such as /lib/"
	}
	for segment := range strings.SplitSeq(inner, "/") {
		if segment == "" || segment == "." || segment == ".." || !plainSegment(segment) {
			return nil, "must be a URL prefix such as /lib/, of letters, digits, dots, dashes, _ and ~"
		}
	}
	return "/" + inner + "/", ""
}

func plainSegment(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool {
		return c >= utf8.RuneSelf || !(unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune("._~-", c))
	})
}

func (r *row) pattern(text string) complaint {
	p, err := pkgref.ParsePattern(text, r.deny)
	if err != nil {
		return complaint("is not a pattern: " + err.Error())
	}
	if p.HasVersions() && !r.versions {
		return "must be a name without a version: owning some versions only is not possible"
	}
	return ""
}
