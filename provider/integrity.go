package provider

import (
	"hash"

	"github.com/registryd/registryd/internal/outcome"
)

// Integrity is a published digest: the strongest algorithm of a Subresource
// Integrity text, with all digests given for it. The zero value knows nothing.
type Integrity struct {
	algorithm string
	digests   []string // base64
}

// ParseIntegrity reads an SRI text ("sha512-… sha1-…"); the strongest known
// algorithm counts. Errors: outcome.Refused for a text without a
// well-formed digest of a known algorithm (sha512, sha384, sha256, sha1).
func ParseIntegrity(s string) (Integrity, error) {
	return Integrity{}, outcome.New(outcome.Refused, "not implemented")
}

// ParseShasum reads a hexadecimal SHA-1, npm's older field. Errors: outcome.Refused.
func ParseShasum(s string) (Integrity, error) {
	return Integrity{}, outcome.New(outcome.Refused, "not implemented")
}

// IsZero reports whether nothing was published.
func (i Integrity) IsZero() bool { return i.algorithm == "" }

// String returns the SRI text, "" for the zero value.
func (i Integrity) String() string { panic("TODO") }

// Hash returns a new hash of the integrity's algorithm; nil for the zero value.
func (i Integrity) Hash() hash.Hash { panic("TODO") }

// Verify compares what was hashed with what was published. Errors:
// outcome.Refused, naming the wanted and the actual digest.
func (i Integrity) Verify(sum []byte) error { panic("TODO") }
