package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/registryd/registryd/pkgref"
)

// Digest is a SHA-256 of bytes. The zero value means that it is not known yet.
type Digest [sha256.Size]byte

// IsZero reports whether the digest is not known.
func (d Digest) IsZero() bool { return d == Digest{} }

// ModTime is the modification time that every copy of these bytes gets in the
// view. nginx derives its ETag from mtime and size, so this makes the ETag a
// hash of the content: 500,000,000 s plus the digest's first 30 bits keeps it
// in the past for ever.
func (d Digest) ModTime() time.Time {
	bits := int64(d[0])<<22 | int64(d[1])<<14 | int64(d[2])<<6 | int64(d[3])>>2
	return time.Unix(500_000_000+bits, 0)
}

// File is one file of a release.
type File struct {
	Path   string // no leading slash
	Size   int64  // bytes; -1 while it is not known
	SHA256 Digest // zero while it is not known
	Offset int64  // in the pack of an archive release
	// Integrity is what upstream published for this one file, as SRI text; ""
	// where the whole archive was verified or nothing was published.
	Integrity string
}

// Manifest lists the files of one release. It is immutable and safe for
// concurrent use.
type Manifest struct {
	Name     pkgref.Name    // of the package
	Version  pkgref.Version // exact
	Provider string         // that served it
	// Source is where the provider got it from, without secrets; "" if it does
	// not say.
	Source    string
	Published time.Time // zero: not known
	Fetched   time.Time // when it was taken in, in UTC
	// Blob is the SHA-512 of the verified tarball in hexadecimal; "" for a
	// files release.
	Blob     string
	BlobSize int64 // bytes
	// Integrity is the digest that upstream published, as SRI text.
	Integrity string
	// Generated: the tarball's bytes may change while its content does not.
	Generated bool
	// Open: a path that is not listed may exist (a files release that is
	// discovered file by file).
	Open bool
	// Assumed: nothing tells yet that the release exists. Such a manifest is
	// never stored; Begin makes it one that is held.
	Assumed bool
	// State is what tells whether a source that is edited by hand changed.
	State string

	files []File // sorted by Path
}

// WithFiles returns a copy of m that lists files, which it sorts and keeps.
func (m *Manifest) WithFiles(files []File) *Manifest {
	n := *m
	byPath := func(a, b File) int { return strings.Compare(a.Path, b.Path) }
	if !slices.IsSortedFunc(files, byPath) {
		slices.SortFunc(files, byPath)
	}
	n.files = files
	return &n
}

// WithFile returns a copy of m in which f replaces or joins the file of its path.
func (m *Manifest) WithFile(f File) *Manifest {
	n := *m
	i, found := m.search(f.Path)
	n.files = slices.Clone(m.files)
	if found {
		n.files[i] = f
	} else {
		n.files = slices.Insert(n.files, i, f)
	}
	return &n
}

// Ref returns name@version, for logs.
func (m *Manifest) Ref() string { return string(m.Name) + "@" + m.Version.String() }

// Archive reports whether the release came as a tarball.
func (m *Manifest) Archive() bool { return m.Blob != "" }

// Files returns all files in order of their paths. The caller does not change them.
func (m *Manifest) Files() []File { return m.files }

// File returns the file at path.
func (m *Manifest) File(path string) (File, bool) {
	i, found := m.search(path)
	if !found {
		return File{}, false
	}
	return m.files[i], true
}

// Has reports whether there is a file at path.
func (m *Manifest) Has(path string) bool {
	_, found := m.search(path)
	return found
}

// Below returns the files in the directory dir and its subdirectories. dir
// ends with a slash, or is "" for all.
func (m *Manifest) Below(dir string) []File {
	from, _ := m.search(dir)
	to := from + len(m.files[from:])
	if dir != "" {
		n, _ := slices.BinarySearchFunc(m.files[from:], dir, func(f File, dir string) int {
			if strings.HasPrefix(f.Path, dir) {
				return -1
			}
			return 1
		})
		to = from + n
	}
	return m.files[from:to:to]
}

// IsDir reports whether dir, without a trailing slash, is a directory.
func (m *Manifest) IsDir(dir string) bool { return dir == "" || len(m.Below(dir+"/")) > 0 }

// Shipped reports whether path is a precompressed sibling that the package
// itself ships beside the file it stands for. Such a file never enters the
// view: nginx would answer it in place of the other to clients that accept its
// encoding, and nothing says that it holds the same bytes. Of an open release
// nobody can tell whether there is such a file, so every path that could be a
// sibling counts.
func (m *Manifest) Shipped(path string) bool {
	for _, suffix := range []string{".gz", ".br"} {
		if base, ok := strings.CutSuffix(path, suffix); ok && (m.Open || m.Has(base)) {
			return true
		}
	}
	return false
}

// Unpacked returns the sum of the sizes that are known, in bytes.
func (m *Manifest) Unpacked() int64 {
	var sum int64
	for _, f := range m.files {
		sum += max(f.Size, 0)
	}
	return sum
}

// Content returns a digest over paths, sizes and hashes: what a release is,
// whatever its packaging.
func (m *Manifest) Content() string {
	h := sha256.New()
	var line []byte
	for _, f := range m.files {
		line = append(line[:0], f.Path...)
		line = append(line, 0)
		line = strconv.AppendInt(line, f.Size, 10)
		line = append(line, 0)
		line = append(line, f.SHA256[:]...)
		h.Write(line)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (m *Manifest) search(path string) (int, bool) {
	return slices.BinarySearchFunc(m.files, path, func(f File, path string) int {
		return strings.Compare(f.Path, path)
	})
}
