package pkgref

import (
	"strings"

	"github.com/registryd/registryd/internal/outcome"
)

// Kind says what a spec is. The zero value is no kind.
type Kind uint8

// The kinds of spec, as a URL may ask for them.
const (
	KindExact Kind = iota + 1 // an exact version
	KindPin                   // the pin "main"
	KindTag                   // a dist-tag, "latest" included
	KindRange                 // any other npm range
)

const (
	// Latest is the dist-tag that an absent spec means.
	Latest = "latest"
	// Main is the pin: a version that an admin or the first request chose.
	Main = "main"
	// MaxTagLen is the longest dist-tag in bytes.
	MaxTagLen = 128
)

// Spec is what a URL asks for after the package name.
type Spec struct {
	Kind    Kind    // which of the following are set
	Text    string  // decoded, as asked; "latest" for an absent spec
	Version Version // of a KindExact
	Range   *Range  // of a KindRange
}

// ParseSpec classifies a decoded spec by the table of kinds; "" is the tag
// latest. Where a text could be a range or a tag, it is a range. Errors:
// outcome.Invalid.
func ParseSpec(s string) (Spec, error) {
	switch s {
	case "", Latest:
		return Spec{Kind: KindTag, Text: Latest}, nil
	case Main:
		return Spec{Kind: KindPin, Text: s}, nil
	}
	if isDigit(s[0]) {
		if v, err := ParseVersion(s); err == nil {
			return Spec{Kind: KindExact, Text: s, Version: v}, nil
		}
	}
	// No range begins with any other letter.
	if isLetter(s[0]) && strings.IndexByte("vxX", s[0]) < 0 && isTag(s) {
		return Spec{Kind: KindTag, Text: s}, nil
	}
	r, err := ParseRange(s)
	if err == nil {
		return Spec{Kind: KindRange, Text: s, Range: r}, nil
	}
	if isTag(s) {
		return Spec{Kind: KindTag, Text: s}, nil
	}
	return Spec{}, outcome.Wrap(outcome.Invalid, err, "neither a version, a range nor a tag")
}

// isTag reports whether s is spelled like a dist-tag.
func isTag(s string) bool {
	if len(s) > MaxTagLen || !isLetter(s[0]) {
		return false
	}
	for i := range len(s) {
		if !isUnreserved(s[i]) || s[i] == '~' {
			return false
		}
	}
	return true
}
