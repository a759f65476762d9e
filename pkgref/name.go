package pkgref

import "github.com/registryd/registryd/internal/outcome"

// Name is a package name with npm's grammar, with or without a scope. A value
// of this type has passed ParseName; convert no text to it by hand.
type Name string

// ParseName checks s against npm's rules for old and new package names.
// Errors: outcome.Invalid.
func ParseName(s string) (Name, error) { return "", outcome.New(outcome.Invalid, "not implemented") }

// Scope returns "@scope", or "" for a name without one.
func (n Name) Scope() string { panic("TODO") }
