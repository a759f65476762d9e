package unpack

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/klauspost/compress/gzip"

	"github.com/registryd/registryd/internal/outcome"
)

// The classes that Reason returns.
const (
	reasonGzip      = "gzip"      // no gzip, damaged, or followed by something else
	reasonTruncated = "truncated" // ends within a member, or is empty
	reasonTar       = "tar"       // no tar, or damaged
	reasonLink      = "link"      // a symbolic or hard link
	reasonSpecial   = "special"   // a device, a fifo, or a type that is no file
	reasonSparse    = "sparse"    // a file with holes
	reasonPath      = "path"      // a name that leads out of the archive
	reasonLength    = "length"    // a path, component or depth beyond the limits
	reasonEntries   = "entries"   // too many members, directories, or names
	reasonUnpacked  = "unpacked"  // too many bytes
	reasonMeta      = "meta"      // too large extended headers
	reasonConflict  = "conflict"  // a path that is a file and a directory
	reasonEmpty     = "empty"     // no file
)

// refusal is an outcome.Refused that knows its class.
type refusal struct {
	reason string
	err    error
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// refuse returns a refusal of the given class, which its text names too: that
// is what a client gets to see.
func refuse(reason, format string, args ...any) error {
	return &refusal{reason: reason, err: outcome.New(outcome.Refused, "archive refused: "+reason+": "+format, args...)}
}

// Reason returns the class of a refusal by Tarball, one of a dozen short words
// fit for a metric's label: gzip, truncated, tar, link, special, sparse, path,
// length, entries, unpacked, meta, conflict, empty. It returns "" for any other
// error.
func Reason(err error) string {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.reason
	}
	return ""
}

// classify tells whose fault an error of the pass is. readErr is what the
// caller's reader failed with: whatever that led to is no fault of the archive.
func classify(err, readErr error) error {
	if _, ok := errors.AsType[*refusal](err); ok {
		return err
	}
	if _, ok := errors.AsType[*writeError](err); ok {
		return err
	}
	switch {
	case readErr != nil:
		return fmt.Errorf("reading an archive: %w", readErr)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return refuse(reasonTruncated, "the archive ends early")
	case errors.Is(err, gzip.ErrChecksum):
		return refuse(reasonGzip, "wrong checksum")
	case errors.Is(err, gzip.ErrHeader):
		return refuse(reasonGzip, "no gzip header")
	case isDamage(err):
		return refuse(reasonGzip, "%v", err)
	case errors.Is(err, tar.ErrInsecurePath):
		return refuse(reasonPath, "insecure path")
	case errors.Is(err, tar.ErrHeader), errors.Is(err, tar.ErrFieldTooLong):
		return refuse(reasonTar, "damaged header")
	}
	// The rest are the tar reader's complaints, which have no names.
	return refuse(reasonTar, "%v", err)
}

func isDamage(err error) bool {
	_, ok := errors.AsType[*damage](err)
	return ok
}

// maxQuoted is how much of a hostile name an error repeats, in bytes.
const maxQuoted = 200

// quote makes a name from an archive fit for an error and a log.
func quote(name string) string {
	if len(name) > maxQuoted {
		return strconv.QuoteToASCII(name[:maxQuoted]) + "…"
	}
	return strconv.QuoteToASCII(name)
}
