package pkgref

import "github.com/registryd/registryd/internal/outcome"

// Version is one exact semantic version. The zero value is no version. It is
// a small value, immutable, safe for concurrent use.
type Version struct{ text string }

// ParseVersion parses an exact version with npm's strict grammar ("1.2.3",
// "2.0.0-beta.1", "1.3.0+build"; no "v", no blanks). Errors: outcome.Invalid.
func ParseVersion(s string) (Version, error) {
	return Version{}, outcome.New(outcome.Invalid, "not implemented")
}

// String returns the version literally as it was parsed, build metadata included.
func (v Version) String() string { return v.text }

// IsZero reports whether v is no version.
func (v Version) IsZero() bool { return v.text == "" }

// Compare orders by semver precedence: build metadata plays no part.
func (v Version) Compare(w Version) int { panic("TODO") }

// IsPrerelease reports whether v has a prerelease part.
func (v Version) IsPrerelease() bool { panic("TODO") }
