// Package unpack reads a package tarball in one streaming pass.
package unpack

import (
	"crypto/sha256"
	"io"

	"github.com/registryd/registryd/internal/outcome"
)

// Limits bound what an archive may cost. Every field must be set.
type Limits struct {
	Unpacked int64 // bytes of all members together
	Entries  int   // members and implied directories together
	Path     int   // bytes of one path, after the leading directory is stripped
	Depth    int   // directories of one path
}

// File is one regular file of an archive.
type File struct {
	Path   string // no leading slash, leading directory stripped
	Size   int64  // bytes
	Offset int64  // of its first byte in what was written
	SHA256 [sha256.Size]byte
}

// Tarball reads a gzipped tarball from r to its very end and writes the bytes
// of its regular files to w, one after the other. It returns the files sorted
// by path. The result must not be used before the digest of the whole stream
// is verified. Errors: outcome.Refused with a reason for a hostile, broken or
// too large archive; what r or w returned, wrapped, otherwise.
func Tarball(r io.Reader, w io.Writer, limits Limits) ([]File, error) {
	return nil, outcome.New(outcome.Refused, "not implemented")
}
