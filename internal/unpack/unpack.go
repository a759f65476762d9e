// Package unpack reads a package tarball in one streaming pass.
//
// The bytes of all regular files go, one after the other, to one writer; what
// comes back is a list that tells where each file is and what its sha256 is.
// Nothing else of an archive has an effect: links, devices and other special
// members refuse the whole archive, as do names that lead out of it, and
// owners, times and modes are not looked at.
//
// Names are read as npm's own extraction does, with strip=1: the first
// segment goes, whatever it is ("package/a" and "lodash-4/a" are "a",
// "./package/a" is "package/a"), and empty and "." segments after it count for
// nothing. A member without a directory vanishes by that rule. Of two members
// of one path the last counts. Stricter than npm, which drops single members,
// an archive is refused for any "..", also one between backslashes, for an
// absolute name, also one that becomes absolute when its first segment goes,
// and for a path that is a file and a directory.
//
// Left out of the list, though read and counted, are names that no URL can ask
// for and no manifest can spell: with a backslash, a control byte, or a byte
// sequence that is not UTF-8. Paths judges lists of files by the same rules.
//
// Inflating runs ahead of everything else, in a goroutine that never outlives
// the call. Memory is bounded by the names (at most 32 MiB of them) and by a
// few fixed buffers, whatever the archive claims.
package unpack

import (
	"crypto/sha256"
	"io"
	"slices"
	"strings"
)

// Limits bound what an archive may cost. Every field must be set.
type Limits struct {
	Unpacked int64 // bytes of all members together, with extended headers and trailing bytes
	Entries  int   // members and implied directories together
	Path     int   // bytes of one path, after the leading directory is stripped
	Depth    int   // directories of one path
}

// File is one regular file of an archive.
type File struct {
	Path   string            // no leading slash, leading directory stripped
	Size   int64             // bytes
	Offset int64             // of its first byte in what was written
	SHA256 [sha256.Size]byte // of its bytes
}

// Tarball reads a gzipped tarball from r to its very end and writes the bytes
// of its regular files to w, one after the other. It returns the files sorted
// by path. The result must not be used before the digest of the whole stream
// is verified. The compressed size is the caller's to limit, in r. Errors:
// outcome.Refused with a Reason for a hostile, broken or too large archive, or
// one without a file; what r or w returned, wrapped, otherwise. After an error
// r is not read any further, but a read that is under way is waited for, and w
// may have got any part.
func Tarball(r io.Reader, w io.Writer, limits Limits) ([]File, error) {
	return read(r, &unpacker{limits: limits, out: newSink(w)})
}

// Upload is Tarball for an archive that somebody hands in, of whom more can be
// asked: names are taken whole, with their first segment; a name that Tarball
// leaves out of the list, and two files of one path, refuse the archive. Errors:
// as Tarball.
func Upload(r io.Reader, w io.Writer, limits Limits) ([]File, error) {
	return read(r, &unpacker{limits: limits, out: newSink(w), upload: true})
}

func read(r io.Reader, u *unpacker) ([]File, error) {
	src := &source{r: r}
	if err := u.run(src); err != nil {
		return nil, classify(err, src.err)
	}
	return u.finish()
}

// finish turns the members in archive order into the list.
func (u *unpacker) finish() ([]File, error) {
	members := len(u.files)
	files := latest(u.files)
	if u.upload && len(files) < members {
		return nil, refuse(reasonConflict, "two files of one path")
	}
	if len(files) == 0 {
		return nil, refuse(reasonEmpty, "no file in it")
	}
	for dir := range u.dirs.seen {
		if _, ok := slices.BinarySearchFunc(files, dir, func(f File, p string) int { return strings.Compare(f.Path, p) }); ok {
			return nil, refuse(reasonConflict, "%s is a file and a directory", quote(dir))
		}
	}
	return files, nil
}

// latest sorts files by path and keeps the last of each.
func latest(files []File) []File {
	// The sort is stable, so that duplicates keep their order.
	slices.SortStableFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	kept := files[:0]
	for i, f := range files {
		if i+1 == len(files) || files[i+1].Path != f.Path {
			kept = append(kept, f)
		}
	}
	return kept
}
