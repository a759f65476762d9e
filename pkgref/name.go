package pkgref

import (
	"strings"

	"github.com/registryd/registryd/internal/outcome"
)

// MaxNameLen is the longest package name in bytes, scope included.
const MaxNameLen = 214

// Name is a package name with npm's grammar, with or without a scope. A value
// of this type has passed ParseName; convert no text to it by hand. The zero
// value is no name.
type Name string

// ParseName checks s against npm's rules for old and new package names. Case
// counts: JSONStream and jsonstream are two names. Errors: outcome.Invalid.
func ParseName(s string) (Name, error) {
	if s == "" {
		return "", outcome.New(outcome.Invalid, "the package name is missing")
	}
	if len(s) > MaxNameLen {
		return "", outcome.New(outcome.Invalid, "package name is longer than %d characters", MaxNameLen)
	}
	base := s
	if s[0] == '@' {
		scope, rest, found := strings.Cut(s[1:], "/")
		if !found {
			return "", outcome.New(outcome.Invalid, "package name %q has a scope but no name after it", s)
		}
		if err := checkScope(scope); err != nil {
			return "", err
		}
		base = rest
	} else if s[0] == '_' {
		// The registry keeps this prefix for itself; below a scope it is free.
		return "", outcome.New(outcome.Invalid, "package name %q begins with an underscore", s)
	}
	if err := checkBase(base); err != nil {
		return "", err
	}
	return Name(s), nil
}

// Scope returns "@scope", or "" for a name without one.
func (n Name) Scope() string {
	if n == "" || n[0] != '@' {
		return ""
	}
	scope, _, _ := strings.Cut(string(n), "/")
	return scope
}

// checkScope checks what stands between "@" and "/".
func checkScope(scope string) error {
	if scope == "" {
		return outcome.New(outcome.Invalid, "the scope of the package name is empty")
	}
	if scope[0] == '.' {
		return outcome.New(outcome.Invalid, "scope %q begins with a dot", scope)
	}
	return checkNameBytes(scope)
}

// checkBase checks a name without its scope.
func checkBase(base string) error {
	if base == "" {
		return outcome.New(outcome.Invalid, "the package name is missing")
	}
	// A leading dot would allow dot segments and names that hide in listings.
	if base[0] == '.' {
		return outcome.New(outcome.Invalid, "package name %q begins with a dot", base)
	}
	if strings.EqualFold(base, "node_modules") || strings.EqualFold(base, "favicon.ico") {
		return outcome.New(outcome.Invalid, "package name %q is reserved", base)
	}
	return checkNameBytes(base)
}

func checkNameBytes(s string) error {
	for i := range len(s) {
		if !isUnreserved(s[i]) {
			return outcome.New(outcome.Invalid, "package name has %q, only letters, digits and ._~- are allowed", s[i:i+1])
		}
	}
	return nil
}

// isUnreserved reports whether c needs no escaping anywhere in a URL. These
// are also the bytes a package name is made of.
func isUnreserved(c byte) bool {
	return isAlnum(c) || c == '.' || c == '_' || c == '~' || c == '-'
}

func isAlnum(c byte) bool { return isDigit(c) || isLetter(c) }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
