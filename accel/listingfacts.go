package accel

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/safetext"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/registry"
)

const (
	// maxSwitch bounds the versions to switch to, below a directory.
	maxSwitch = 50
	// maxVersions bounds those on the page of a package.
	maxVersions = 1000
)

// versions are those to switch to, newest first.
type versions struct {
	List    []versionChoice
	Total   int
	Left    int  // how many more there are
	Partial bool // upstream could not be asked
	Listed  bool // upstream was asked
}

// versionChoice leads to the same path in another version.
type versionChoice struct {
	Tag, Version, URL string
	Published         string // a day; "" where it is not known
	Here              bool   // this is the version that is shown
}

func (h *Handler) versions(l *registry.Listing, o *registry.Overview) versions {
	most := maxSwitch
	if l.Path == "" {
		most = maxVersions
	}
	v := versions{Total: len(o.Versions), Partial: o.Partial, Listed: o.Listed}
	v.Left = max(0, v.Total-most)
	for _, offered := range o.Versions[:v.Total-v.Left] {
		v.List = append(v.List, h.choice(l, offered.Version, offered.Published))
	}
	return v
}

func (h *Handler) choice(l *registry.Listing, v pkgref.Version, published time.Time) versionChoice {
	return versionChoice{
		Version: v.String(), URL: pkgref.Location(h.Pub, l.Name, v.String(), l.Path),
		Published: day(published), Here: v == l.Manifest.Version,
	}
}

func (h *Handler) tags(l *registry.Listing, o *registry.Overview) []versionChoice {
	var list []versionChoice
	for _, t := range o.Tags {
		c := h.choice(l, t.Version, time.Time{})
		c.Tag = safetext.Visible(t.Name)
		list = append(list, c)
	}
	return list
}

// crumbs lead from the package to the directory.
func (h *Handler) crumbs(l *registry.Listing) []crumb {
	list := []crumb{{Name: string(l.Name) + "@" + l.Release, URL: pkgref.Location(h.Pub, l.Name, l.Release, "")}}
	for end := 0; end < len(l.Path); {
		from := end
		end += strings.IndexByte(l.Path[end:], '/') + 1
		list = append(list, crumb{Name: safetext.Visible(l.Path[from : end-1]), URL: pkgref.Location(h.Pub, l.Name, l.Release, l.Path[:end])})
	}
	list[len(list)-1].URL = ""
	return list
}

// facts tell about the release.
func facts(m *cache.Manifest, o *registry.Overview) []fact {
	list := []fact{{Label: "Version", Value: m.Version.String()}}
	if tags := tagsOf(m.Version, o); tags != "" {
		list = append(list, fact{Label: "Tags here", Value: tags})
	}
	if !o.Main.IsZero() {
		list = append(list, fact{Label: "main points at", Value: o.Main.String()})
	}
	list = append(list, fact{Label: "Provider", Value: safetext.Visible(m.Provider)})
	if published := publishedOf(m, o); published != "" {
		list = append(list, fact{Label: "Published", Value: published})
	}
	files := "Files"
	if m.Open {
		files = "Files so far"
	}
	list = append(list, fact{Label: files, Value: grouped(len(m.Files()))}, fact{Label: "Unpacked", Value: sizeText(m.Unpacked())})
	if m.Archive() {
		list = append(list, fact{Label: "Tarball", Value: sizeText(m.BlobSize)})
	}
	if m.Integrity != "" {
		list = append(list, fact{Label: "Tarball integrity", Value: safetext.Visible(m.Integrity), Code: true})
	}
	return list
}

// tagsOf names the dist-tags that lead to v.
func tagsOf(v pkgref.Version, o *registry.Overview) string {
	var names []string
	for _, t := range o.Tags {
		if t.Version == v {
			names = append(names, safetext.Visible(t.Name))
		}
	}
	return strings.Join(names, ", ")
}

// publishedOf is the day of a release, from its manifest or else a list.
func publishedOf(m *cache.Manifest, o *registry.Overview) string {
	if !m.Published.IsZero() {
		return day(m.Published)
	}
	i := slices.IndexFunc(o.Versions, func(v registry.Offered) bool { return v.Version == m.Version })
	if i < 0 {
		return ""
	}
	return day(o.Versions[i].Published)
}

// questions are the ways to ask for a package. Where nobody lists its versions
// only an exact one means anything.
func (h *Handler) questions(l *registry.Listing, o *registry.Overview, base string) []question {
	exact := l.Manifest.Version.String()
	plain, _, _ := strings.Cut(exact, "+") // build metadata plays no part in a range
	pinned := "the version that an operator chose, or the latest of the first request"
	if !o.Main.IsZero() {
		pinned += ": " + o.Main.String() + " now"
	}
	ask := func(label, spec, query, effect string) question {
		return question{
			Label: label, URL: pkgref.Location(h.Pub, l.Name, spec, "") + query, Effect: effect,
			Text: base + h.Pub + string(l.Name) + "/" + spec + "/" + query,
		}
	}
	list := []question{ask("Exact", exact, "", "these bytes, for ever")}
	if o.Listed || o.Partial {
		list = append(list, ask("Range", "^"+plain, "", "redirects to the newest version that fits"),
			ask("Tag", pkgref.Latest, "", "redirects to what the dist-tag names"))
	}
	if o.Listed || o.Partial || !o.Main.IsZero() {
		list = append(list, ask("main", "main", "", pinned))
	}
	return append(list, ask("Metadata", exact, "?meta", "JSON: every file with size, integrity and type"))
}

// counted writes a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return grouped(n) + " " + thing + "s"
}

// grouped writes a number with a comma at each thousand.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
