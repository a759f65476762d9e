package pkgref

import "github.com/registryd/registryd/internal/outcome"

// Kind says what a spec is.
type Kind uint8

// The kinds of spec, as a URL may ask for them.
const (
	KindExact Kind = iota + 1 // an exact version
	KindPin                   // the pin "main"
	KindTag                   // a dist-tag, "latest" included
	KindRange                 // any other npm range
)

// Latest is the dist-tag that an absent spec means.
const Latest = "latest"

// Spec is what a URL asks for after the package name.
type Spec struct {
	Kind    Kind
	Text    string  // decoded, as asked; "latest" for an absent spec
	Version Version // of a KindExact
	Range   *Range  // of a KindRange
}

// ParseSpec classifies a decoded spec by the table of kinds; "" is the tag
// latest. Errors: outcome.Invalid.
func ParseSpec(s string) (Spec, error) {
	return Spec{}, outcome.New(outcome.Invalid, "not implemented")
}
