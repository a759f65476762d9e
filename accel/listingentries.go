package accel

import (
	"fmt"
	"iter"
	"path"
	"strings"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/safetext"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/registry"
)

// maxRows bounds the entries of one page: a browser shows no more of them with
// comfort. The metadata lists all.
const maxRows = 2000

// row is one entry of a directory.
type row struct {
	Name, URL, Size string
	Note            string // beside the size: how many files a directory holds
	// The following are set for a file alone.
	Absolute  string
	Integrity string // "" while it is not known
	Snippet   string // HTML that loads it; "" for what no page loads
}

// subdirectory is a directory in a directory, with all that is below it.
type subdirectory struct {
	name  string
	files int
	bytes int64
}

// entries are the immediate children of a directory.
type entries struct {
	h     *Handler
	l     *registry.Listing
	base  string
	dirs  []subdirectory
	files int
	below []cache.File
}

func newEntries(h *Handler, l *registry.Listing, base string) *entries {
	e := &entries{h: h, l: l, base: base, below: l.Manifest.Below(l.Path)}
	for _, f := range e.below {
		name, _, nested := strings.Cut(f.Path[len(l.Path):], "/")
		if !nested {
			e.files++
			continue
		}
		if n := len(e.dirs); n == 0 || e.dirs[n-1].name != name { // all below one are neighbours
			e.dirs = append(e.dirs, subdirectory{name: name})
		}
		d := &e.dirs[len(e.dirs)-1]
		d.files++
		d.bytes += max(f.Size, 0)
	}
	return e
}

// rows yields directories, then files, each in the order of their bytes, and
// stops at maxRows. A row is made when it is written.
func (e *entries) rows() iter.Seq[row] {
	return func(yield func(row) bool) {
		left := maxRows
		for _, d := range e.dirs[:min(left, len(e.dirs))] {
			if left--; !yield(e.dir(d)) {
				return
			}
		}
		for _, f := range e.below {
			if left == 0 {
				return
			}
			if strings.Contains(f.Path[len(e.l.Path):], "/") {
				continue
			}
			if left--; !yield(e.file(f)) {
				return
			}
		}
	}
}

func (e *entries) dir(d subdirectory) row {
	return row{
		Name: safetext.Visible(d.name) + "/", URL: pkgref.Location(e.h.Pub, e.l.Name, e.l.Release, e.l.Path+d.name+"/"),
		Size: sizeText(d.bytes), Note: counted(d.files, "file"),
	}
}

func (e *entries) file(f cache.File) row {
	url := pkgref.Location(e.h.Pub, e.l.Name, e.l.Release, f.Path)
	// What main points at may change, and then the integrity would not hold.
	frozen := e.base + pkgref.Location(e.h.Pub, e.l.Name, e.l.Manifest.Version.String(), f.Path)
	sri := registry.SRI(f)
	return row{
		Name: safetext.Visible(f.Path[len(e.l.Path):]), URL: url, Size: sizeText(f.Size),
		Absolute: e.base + url, Integrity: sri, Snippet: snippet(f.Path, frozen, sri),
	}
}

// snippet returns the element that loads a file into a page. The caller
// guarantees that url holds nothing that could end an attribute.
func snippet(file, url, sri string) string {
	tail := ` crossorigin="anonymous"`
	if sri != "" {
		tail = ` integrity="` + sri + `"` + tail
	}
	switch path.Ext(file) {
	case ".js":
		return fmt.Sprintf(`<script src="%s"%s></script>`, url, tail)
	case ".mjs":
		return fmt.Sprintf(`<script type="module" src="%s"%s></script>`, url, tail)
	case ".css":
		return fmt.Sprintf(`<link rel="stylesheet" href="%s"%s>`, url, tail)
	}
	return ""
}
