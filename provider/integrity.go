package provider

import (
	"crypto/sha1" //nolint:gosec // npm's older field; stronger digests win wherever they are published
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"math"
	"slices"
	"strings"

	"github.com/registryd/registryd/internal/outcome"
)

// maxIntegrity bounds an SRI text in bytes, so that nothing published makes an
// index large. A sha512 takes 95.
const maxIntegrity = 4096

// Integrity is a published digest: the strongest algorithm of a Subresource
// Integrity text, with all digests given for it. The zero value knows nothing.
// Immutable, safe for concurrent use.
type Integrity struct {
	algorithm string
	digests   []string // base64, at least one
}

// algorithm is one row of the table of known digests.
type algorithm struct {
	name string
	size int // bytes of a digest
	hash func() hash.Hash
}

// algorithms returns the known ones, strongest first.
func algorithms() [4]algorithm {
	return [...]algorithm{
		{"sha512", sha512.Size, sha512.New},
		{"sha384", sha512.Size384, sha512.New384},
		{"sha256", sha256.Size, sha256.New},
		{"sha1", sha1.Size, sha1.New},
	}
}

// strength returns the row of an algorithm and its rank, 0 being the
// strongest; ok is false for an unknown one.
func strength(name string) (a algorithm, rank int, ok bool) {
	for i, a := range algorithms() {
		if a.name == name {
			return a, i, true
		}
	}
	return algorithm{}, 0, false
}

// ParseIntegrity reads an SRI text ("sha512-… sha1-…"); the strongest known
// algorithm counts, and any of its digests may match. Unknown algorithms are
// passed over, but a malformed digest of a known one fails the whole text, for
// else damage to the strong digest would leave the weak one to decide.
// Errors: outcome.Refused for a text without a well-formed digest of a known
// algorithm (sha512, sha384, sha256, sha1), with a malformed one, or of more
// than 4,096 bytes.
func ParseIntegrity(s string) (Integrity, error) {
	if len(s) > maxIntegrity {
		return Integrity{}, outcome.New(outcome.Refused, "integrity is longer than %d bytes", maxIntegrity)
	}
	var best Integrity
	bestRank := math.MaxInt
	for token := range strings.FieldsSeq(s) {
		name, digest, found := strings.Cut(token, "-")
		if !found {
			return Integrity{}, outcome.New(outcome.Refused, "integrity %q has no algorithm", token)
		}
		a, rank, known := strength(name)
		if !known {
			continue
		}
		digest, _, _ = strings.Cut(digest, "?") // options, which nobody defines
		if err := checkDigest(a, digest); err != nil {
			return Integrity{}, err
		}
		if rank < bestRank {
			best, bestRank = Integrity{algorithm: a.name}, rank
		}
		if rank == bestRank && !slices.Contains(best.digests, digest) {
			best.digests = append(best.digests, digest)
		}
	}
	if best.IsZero() {
		return Integrity{}, outcome.New(outcome.Refused, "integrity %.100q has no digest of a known algorithm", s)
	}
	return best, nil
}

// checkDigest accepts exactly one spelling of each digest: padded, standard
// base64 without stray bits.
func checkDigest(a algorithm, digest string) error {
	var sum [sha512.Size + 2]byte // room for what the padding promises
	enc := base64.StdEncoding.Strict()
	if len(digest) == enc.EncodedLen(a.size) && !strings.ContainsAny(digest, "\r\n") {
		if n, err := enc.Decode(sum[:], []byte(digest)); err == nil && n == a.size {
			return nil
		}
	}
	return outcome.New(outcome.Refused, "integrity has a malformed %s digest %.100q", a.name, digest)
}

// ParseShasum reads a hexadecimal SHA-1, npm's older field. Errors: outcome.Refused.
func ParseShasum(s string) (Integrity, error) {
	sum, err := hex.DecodeString(s)
	if err != nil || len(sum) != sha1.Size {
		return Integrity{}, outcome.New(outcome.Refused, "malformed shasum %.100q", s)
	}
	return integrityOf("sha1", sum), nil
}

// SHA256 returns the integrity of that digest.
func SHA256(sum [sha256.Size]byte) Integrity { return integrityOf("sha256", sum[:]) }

// SHA512 returns the integrity of that digest.
func SHA512(sum [sha512.Size]byte) Integrity { return integrityOf("sha512", sum[:]) }

func integrityOf(name string, sum []byte) Integrity {
	return Integrity{algorithm: name, digests: []string{base64.StdEncoding.EncodeToString(sum)}}
}

// IsZero reports whether nothing was published.
func (i Integrity) IsZero() bool { return i.algorithm == "" }

// Equal reports whether both say the same, digests in the same order.
func (i Integrity) Equal(o Integrity) bool {
	return i.algorithm == o.algorithm && slices.Equal(i.digests, o.digests)
}

// String returns the SRI text, "" for the zero value.
func (i Integrity) String() string {
	var b strings.Builder
	for n, d := range i.digests {
		if n > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(i.algorithm)
		b.WriteByte('-')
		b.WriteString(d)
	}
	return b.String()
}

// Algorithm returns "sha512", "sha384", "sha256" or "sha1", "" for the zero value.
func (i Integrity) Algorithm() string { return i.algorithm }

// Hash returns a new hash of the integrity's algorithm; nil for the zero value.
func (i Integrity) Hash() hash.Hash {
	a, _, ok := strength(i.algorithm)
	if !ok {
		return nil
	}
	return a.hash()
}

// Verify compares what was hashed with what was published; nothing contradicts
// the zero value. Errors: outcome.Refused, naming the wanted and the actual
// digest.
func (i Integrity) Verify(sum []byte) error {
	if i.IsZero() {
		return nil
	}
	got := base64.StdEncoding.EncodeToString(sum)
	if slices.Contains(i.digests, got) {
		return nil
	}
	return outcome.New(outcome.Refused, "digest differs: published %s, got %s-%s", i, i.algorithm, got)
}
