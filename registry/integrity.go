package registry

import (
	"encoding/base64"
	"strings"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/provider"
)

// published returns what upstream published of one file's digest.
func published(f cache.File) (provider.Integrity, error) {
	if f.Integrity == "" {
		return provider.Integrity{}, nil
	}
	return provider.ParseIntegrity(f.Integrity)
}

// knownSHA256 returns the file's SHA-256 where that is what upstream
// published, so that a manifest can tell it before the file was fetched.
func knownSHA256(i provider.Integrity) (d cache.Digest) {
	text, ok := strings.CutPrefix(i.String(), "sha256-")
	if !ok {
		return d
	}
	if sum, err := base64.StdEncoding.DecodeString(text); err == nil && len(sum) == len(d) {
		copy(d[:], sum)
	}
	return d
}

// SRI returns the Subresource Integrity text of a file, "" while its digest is
// not known.
func SRI(f cache.File) string {
	if f.SHA256.IsZero() {
		return ""
	}
	return "sha256-" + base64.StdEncoding.EncodeToString(f.SHA256[:])
}
