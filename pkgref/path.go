package pkgref

import "github.com/registryd/registryd/internal/outcome"

// Ref is a parsed URL path below the public prefix.
type Ref struct {
	Name Name
	Spec Spec
	// Path is the decoded path inside the package, without a leading slash:
	// "" for the package root, "dist/" for a directory, "dist/a.js" for a file.
	Path string
	// Slash tells "/name/1.2.3/" from "/name/1.2.3" when Path is empty.
	Slash bool
	// At is set for the spelling name@spec.
	At bool
}

// CheckRaw applies the guard to a whole raw (escaped) request path, without
// its query: length, control bytes, backslashes, "//", dot segments, encoded
// slashes. pub is the public prefix, which a scope's encoded slash is looked
// for after. Errors: outcome.Invalid.
func CheckRaw(rawPath, pub string) error { return outcome.New(outcome.Invalid, "not implemented") }

// ParsePath parses a raw request path that starts with pub into a Ref. It
// applies CheckRaw first. Errors: outcome.Invalid.
func ParsePath(rawPath, pub string) (Ref, error) {
	return Ref{}, outcome.New(outcome.Invalid, "not implemented")
}

// Escape percent-encodes every byte of a decoded path except unreserved
// characters and "/".
func Escape(path string) string { panic("TODO") }
