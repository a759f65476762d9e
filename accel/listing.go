package accel

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/registry"
)

//go:embed listing.html
var listingFiles embed.FS

var listingPage = template.Must(template.ParseFS(listingFiles, "listing.html"))

// listingData is what the page shows. The page is served in a sandbox: links
// only, no form, no script.
type listingData struct {
	Name, Release, Version, Provider string
	Dir                              string
	Published                        string
	Parent                           string
	Open                             bool // files may exist that are not listed
	Entries                          []listingEntry
}

type listingEntry struct {
	Name, URL, Absolute, Integrity, Size string
	Dir                                  bool
}

// listing answers a directory without an index.
func (h *Handler) listing(w http.ResponseWriter, r *http.Request, l *registry.Listing) error {
	base := httpx.BaseURL(r, h.PublicURL)
	data := listingData{
		Name: string(l.Name), Release: l.Release, Version: l.Manifest.Version.String(), Provider: l.Manifest.Provider,
		Dir: "/" + l.Path, Open: l.Manifest.Open, Entries: h.entries(l, base),
	}
	if !l.Manifest.Published.IsZero() {
		data.Published = l.Manifest.Published.UTC().Format("2006-01-02")
	}
	if l.Path != "" {
		parent := l.Path[:strings.LastIndex(strings.TrimSuffix(l.Path, "/"), "/")+1]
		data.Parent = pkgref.Location(h.Pub, l.Name, l.Release, parent)
	}
	var page bytes.Buffer
	if err := listingPage.Execute(&page, data); err != nil {
		return fmt.Errorf("render listing: %w", err)
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", shortLife)
	header.Set("X-Accel-Expires", "0")
	if !h.Nginx {
		header.Set("Content-Security-Policy", "sandbox")
	}
	send(w, r, page.Bytes())
	return nil
}

// entries are the immediate children of a directory: directories, then files.
func (h *Handler) entries(l *registry.Listing, base string) []listingEntry {
	var dirs, files []listingEntry
	last := ""
	for _, f := range l.Manifest.Below(l.Path) {
		name, _, nested := strings.Cut(f.Path[len(l.Path):], "/")
		if !nested {
			files = append(files, h.fileEntry(l, f, base))
			continue
		}
		if name == last {
			continue
		}
		last = name
		dirs = append(dirs, listingEntry{Name: name + "/", Dir: true, URL: pkgref.Location(h.Pub, l.Name, l.Release, l.Path+name+"/")})
	}
	return append(dirs, files...)
}

func (h *Handler) fileEntry(l *registry.Listing, f cache.File, base string) listingEntry {
	url := pkgref.Location(h.Pub, l.Name, l.Release, f.Path)
	return listingEntry{
		Name: f.Path[len(l.Path):], URL: url, Absolute: base + url, Integrity: registry.SRI(f), Size: sizeText(f.Size),
	}
}

// sizeText writes a size for people.
func sizeText(bytes int64) string {
	switch {
	case bytes < 0:
		return "–"
	case bytes < 1<<10:
		return fmt.Sprintf("%d B", bytes)
	case bytes < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(bytes)/(1<<10))
	}
	return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
}
