package accel

import (
	"bufio"
	"embed"
	"fmt"
	"html/template"
	"iter"
	"net/http"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/safetext"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/registry"
)

//go:embed listing.html listing.css
var listingFiles embed.FS

var listingPage = template.Must(template.ParseFS(listingFiles, "listing.html", "listing.css"))

// page is what a listing shows. It is served in a sandbox: links only, no
// form, no script, nothing from elsewhere. All texts in it are safe to look at,
// and the template escapes them for where they stand.
type page struct {
	Name    string // of the package
	Version string // exact
	Release string // how the URL names it: the version, or main
	Dir     string // as people read it; "" for the root of the release
	Crumbs  []crumb

	Facts []fact
	// Open: files may exist that are not listed.
	Open bool
	Meta string // URL of the metadata of this directory

	Dirs, Files int             // how many entries there are
	Rows        iter.Seq[row]   // no more than maxRows of them
	Left        int             // entries beyond those
	Ask         []question      // of the root alone
	Switch      versions        // to the same path elsewhere
	Tags        []versionChoice // of the package
}

// crumb is one step from the package to the directory.
type crumb struct {
	Name, URL string // URL is "" for the page itself
}

// fact is one property of the release.
type fact struct {
	Label, Value string
	Code         bool // Value is to be copied
}

// question is one way to ask for the package.
type question struct {
	Label, URL, Text, Effect string
}

// listing answers a directory without an index. The page is written as it is
// made, so that its size costs no memory.
func (h *Handler) listing(w http.ResponseWriter, r *http.Request, l *registry.Listing) error {
	o := h.Registry.Overview(r.Context(), l.Name)
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", shortLife)
	header.Set("X-Accel-Expires", "0") // absolute URLs in it depend on who asks
	if !h.Nginx {
		header.Set("Content-Security-Policy", "sandbox")
	}
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	out := bufio.NewWriterSize(w, 16<<10)
	err := listingPage.ExecuteTemplate(out, "listing.html", h.page(l, &o, httpx.BaseURL(r, h.PublicURL)))
	if gone := out.Flush(); err != nil && gone == nil { // who has left needs no more
		return fmt.Errorf("render listing: %w", err)
	}
	return nil
}

// page collects what the template shows; base comes before absolute URLs.
func (h *Handler) page(l *registry.Listing, o *registry.Overview, base string) *page {
	list := newEntries(h, l, base)
	p := &page{
		Name: string(l.Name), Version: l.Manifest.Version.String(), Release: l.Release, Dir: safetext.Visible(l.Path),
		Crumbs: h.crumbs(l), Facts: facts(l.Manifest, o), Open: l.Manifest.Open,
		Meta: pkgref.Location(h.Pub, l.Name, l.Release, l.Path) + "?meta",
		Dirs: len(list.dirs), Files: list.files, Rows: list.rows(), Left: max(0, len(list.dirs)+list.files-maxRows),
		Switch: h.versions(l, o), Tags: h.tags(l, o),
	}
	if l.Path == "" {
		p.Ask = h.questions(l, o, base)
	}
	return p
}
