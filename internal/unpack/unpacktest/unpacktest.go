// Package unpacktest is a corpus of hostile and odd archives, each with what
// must become of it: refused for a class of reasons, or exactly these files.
// The tests of package unpack and those of the whole daemon share it.
//
// The cases follow what public advisories about archive readers describe: write
// through links, names that lead out, header fields that lie, formats that
// readers understand differently, and archives that grow without bound. All of
// them are built here, the same bytes every time.
package unpacktest

import (
	"slices"
	"strings"
	"sync"

	"github.com/registryd/registryd/internal/unpack"
)

// Case is one archive.
type Case struct {
	Name    string // unique: lower-case words
	Archive []byte // gzipped, or meant to be; not to be changed
	// Reason is what unpack.Reason must say of the refusal; "" for an archive
	// that is accepted.
	Reason string
	// Files are all files that an accepted archive has, by path.
	Files map[string]string
	// Never are paths that nobody must get: what the archive tried to write, or
	// what is left out of it.
	Never []string
}

// Package is the name of the case as that of a package.
func (c Case) Package() string { return strings.ReplaceAll(c.Name, " ", "-") }

// Limits are those under which the cases have their outcomes. They are wide
// enough to let a careless reader waste memory.
func Limits() unpack.Limits {
	return unpack.Limits{Unpacked: 64 << 20, Entries: 5000, Path: 1024, Depth: 128}
}

// Cases returns all cases. Safe for concurrent use; the result is shared.
func Cases() []Case { return built() }

var built = sync.OnceValue(func() []Case {
	return slices.Concat(
		escapes(), lengths(), conflicts(), links(), specials(), sparse(),
		sizes(), structure(), records(), framing(), cuts(), counts(), bombs(),
		roots(), spellings(), alphabets(), contents(), formats(), headers(), framed(), manifests(),
	)
})

// refused is a case of which nothing may come.
func refused(name, reason string, archive []byte, never ...string) Case {
	return Case{Name: name, Reason: reason, Archive: archive, Never: never}
}

// accepted is a case that has exactly these files.
func accepted(name string, files map[string]string, archive []byte, never ...string) Case {
	return Case{Name: name, Files: files, Archive: archive, Never: never}
}

// good is the member that most cases have beside what they are about, so that
// there is something to lose.
func good() Entry { return File("package/a.js", "a") }

// onlyGood is what an archive has of which only good counts.
func onlyGood() map[string]string { return map[string]string{"a.js": "a"} }

// list is short for a list of files.
type list = map[string]string
