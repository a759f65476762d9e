package component

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// MaxNameLen is the longest name of a component in bytes, scope included.
const MaxNameLen = 255

// Name is the name of a component, with or without a scope. The zero value is
// no name. Names that differ in case alone are one component.
type Name struct{ text string }

// ParseName makes a name of what stands, decoded, in a URL. Characters that no
// file name may have on some system are left out, as they always were; so are
// blanks and dots at the end. Errors: outcome.Invalid where nothing is left, or
// what is left is reserved or too long.
func ParseName(s string) (Name, error) {
	scope, base, scoped := strings.Cut(s, "/")
	if !strings.HasPrefix(s, "@") || !scoped || strings.Contains(base, "/") {
		scope, base = "", s
	}
	text := sanitise(base)
	if scope != "" {
		scope = sanitise(scope)
		if scope == "@" || scope == "" || text == "" {
			return Name{}, outcome.New(outcome.Invalid, "%q is no name of a component", s)
		}
		if _, err := ParseVersion(text); err == nil || text[0] == '.' {
			// In the store this would be a version of the component "@scope".
			return Name{}, outcome.New(outcome.Invalid, "%q is no name of a component", s)
		}
		text = scope + "/" + text
	}
	if text == "" || text[0] == '.' || reservedName(text) || len(text) > MaxNameLen {
		return Name{}, outcome.New(outcome.Invalid, "%q is no name of a component", s)
	}
	return Name{text}, nil
}

// sanitise leaves out what file names cannot have.
func sanitise(s string) string {
	s = strings.Map(func(c rune) rune {
		if strings.ContainsRune(`/?<>\:*|"`, c) || unicode.IsControl(c) || c == utf8.RuneError {
			return -1
		}
		return c
	}, s)
	s = strings.TrimRight(s, ". ")
	if deviceName(s) {
		return ""
	}
	return s
}

// deviceName reports a name that Windows keeps for devices, with or without an
// extension.
func deviceName(s string) bool {
	base, _, _ := strings.Cut(strings.ToLower(s), ".")
	switch base {
	case "con", "prn", "aux", "nul":
		return true
	}
	return len(base) == 4 && (base[:3] == "com" || base[:3] == "lpt") && '0' <= base[3] && base[3] <= '9'
}

// reservedName reports a name that would hide a route, or the index in the store.
func reservedName(s string) bool {
	s = strings.ToLower(s)
	return s == "host" || s == revisionKey || strings.HasPrefix(s, indexKey)
}

// String returns the name as it was spelled, sanitised.
func (n Name) String() string { return n.text }

// Key returns the one spelling of the name that the store has.
func (n Name) Key() string { return strings.ToLower(n.text) }

// ParseVersion parses the version of a component as people write it: "v1.2.3"
// and " =1.2.3" are 1.2.3, and build metadata is dropped. Errors: ErrVersion.
func ParseVersion(s string) (pkgref.Version, error) {
	text := strings.TrimSpace(s)
	text = strings.TrimLeft(text, "=v")
	text = strings.TrimSpace(text)
	text, _, plus := strings.Cut(text, "+")
	v, err := pkgref.ParseVersion(text)
	if err != nil || plus && !validBuild(s) {
		return pkgref.Version{}, outcome.New(ErrVersion, "%q is no version", s)
	}
	return v, nil
}

func validBuild(s string) bool {
	_, build, _ := strings.Cut(strings.TrimSpace(s), "+")
	_, err := pkgref.ParseVersion("0.0.0+" + build)
	return err == nil
}
