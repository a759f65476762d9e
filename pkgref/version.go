package pkgref

import (
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/registryd/registryd/internal/outcome"
)

const (
	// MaxVersionLen is the longest version in bytes.
	MaxVersionLen = 256
	// MaxNumber is the largest major, minor or patch number: what a double
	// holds exactly, which is npm's own limit.
	MaxNumber = 1<<53 - 1
)

// Version is one exact semantic version. The zero value is no version. It is
// a small value, immutable, safe for concurrent use. Two versions are equal by
// == when their texts are equal, so a Version may be the key of a map; use
// Compare for precedence.
type Version struct {
	text                string
	major, minor, patch uint64
	// The prerelease is text[pre:end]; pre is 0 where there is none. Both fit
	// because of MaxVersionLen.
	pre, end uint16
}

// ParseVersion parses an exact version with npm's strict grammar ("1.2.3",
// "2.0.0-beta.1", "1.3.0+build"; no "v", no blanks). Errors: outcome.Invalid.
func ParseVersion(s string) (Version, error) {
	if len(s) > MaxVersionLen {
		return Version{}, outcome.New(outcome.Invalid, "version is longer than %d characters", MaxVersionLen)
	}
	if v, ok := plainVersion(s); ok {
		return v, nil
	}
	sv, err := semver.StrictNewVersion(s)
	if err != nil {
		return Version{}, outcome.New(outcome.Invalid, "%q is no exact version: %v", s, err)
	}
	if sv.Major() > MaxNumber || sv.Minor() > MaxNumber || sv.Patch() > MaxNumber {
		return Version{}, outcome.New(outcome.Invalid, "version %q has a number above %d", s, MaxNumber)
	}
	v := Version{text: s, major: sv.Major(), minor: sv.Minor(), patch: sv.Patch()}
	if sv.Prerelease() != "" {
		v.pre = uint16(strings.IndexByte(s, '-') + 1)
		v.end = v.pre + uint16(len(sv.Prerelease()))
	}
	return v, nil
}

// plainVersion reads three numbers with nothing or "-0" behind them, as nearly
// all versions and all bounds of ranges are, without allocating.
func plainVersion(s string) (v Version, ok bool) {
	rest := s
	for i, n := range [...]*uint64{&v.major, &v.minor, &v.patch} {
		if i > 0 && (rest == "" || rest[0] != '.') {
			return Version{}, false
		}
		if *n, rest, ok = shortNumber(rest[min(i, 1):]); !ok {
			return Version{}, false
		}
	}
	if rest == "-0" {
		v.pre, v.end = uint16(len(s)-1), uint16(len(s))
	} else if rest != "" {
		return Version{}, false
	}
	v.text = s
	return v, true
}

// shortNumber reads the number at the front of s: at most 15 digits, which
// stay below MaxNumber, without needless zeros.
func shortNumber(s string) (n uint64, rest string, ok bool) {
	end := 0
	for end < len(s) && end < 16 && '0' <= s[end] && s[end] <= '9' {
		n = 10*n + uint64(s[end]-'0')
		end++
	}
	return n, s[end:], end > 0 && end < 16 && (s[0] != '0' || end == 1)
}

// String returns the version literally as it was parsed, build metadata included.
func (v Version) String() string { return v.text }

// IsZero reports whether v is no version.
func (v Version) IsZero() bool { return v.text == "" }

// IsPrerelease reports whether v has a prerelease part.
func (v Version) IsPrerelease() bool { return v.pre != 0 }

// prerelease returns the part between "-" and "+", "" where there is none.
func (v *Version) prerelease() string { return v.text[v.pre:v.end] }

// sameTriple reports whether v and w have the same three numbers.
func (v *Version) sameTriple(w *Version) bool {
	return v.major == w.major && v.minor == w.minor && v.patch == w.patch
}
