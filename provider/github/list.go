package github

import (
	"context"
	"strconv"
	"strings"

	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

// list is one of the lists of a repository, or what was read of it.
type list struct {
	repo  repository
	kind  string // SourceReleases or SourceTags
	pages []*page
	// unchanged: all pages still have the ETags that were held, so their
	// entries are not known.
	unchanged bool
	cut       bool // there are more pages than may be read
}

// read reads all pages. held are the ETags of the pages of an earlier look,
// nil for none: answers that they still hold are free of the rate limit.
// Errors: those of Provider.page.
func (p *Provider) read(ctx context.Context, l list, held []string) (*list, error) {
	for n := 1; n <= p.pages; n++ {
		etag := ""
		if n <= len(held) {
			etag = held[n-1]
		}
		pg, err := p.page(ctx, l, n, etag)
		if err != nil {
			return nil, err
		}
		l.pages = append(l.pages, pg)
		l.cut = pg.more || pg.unchanged && n < len(held)
		if !l.cut {
			break
		}
	}
	if l.unchanged = l.same(held); l.unchanged {
		return &l, nil
	}
	for i, pg := range l.pages {
		if !pg.unchanged {
			continue
		}
		whole, err := p.page(ctx, l, i+1, "")
		if err != nil {
			return nil, err
		}
		l.pages[i] = whole
	}
	return &l, nil
}

// same reports whether nothing differs from what was held.
func (l *list) same(held []string) bool {
	for _, pg := range l.pages {
		if !pg.unchanged {
			return false
		}
	}
	return len(l.pages) == len(held)
}

// published reports whether the list has an entry that is no draft.
func (l *list) published() bool {
	for _, pg := range l.pages {
		if pg.published() {
			return true
		}
	}
	return false
}

func (pg *page) published() bool {
	for i := range pg.entries {
		if !pg.entries[i].Draft {
			return true
		}
	}
	return false
}

// etags are those of all pages.
func (l *list) etags() []string {
	etags := make([]string, len(l.pages))
	for i, pg := range l.pages {
		etags[i] = pg.etag
	}
	return etags
}

// versionOf reads a tag: "1.2.3", or "v1.2.3".
func versionOf(tag string) (v pkgref.Version, ok bool) {
	v, err := pkgref.ParseVersion(strings.TrimPrefix(tag, "v"))
	return v, err == nil
}

// tagsOf are the tags that a version may have, the one that counts first.
func tagsOf(v pkgref.Version) [2]string { return [2]string{"v" + v.String(), v.String()} }

// refPrefix begins the full name of a tag, which no branch or commit of the
// same name can take the place of.
const refPrefix = "refs/tags/"

// archive is the tarball of a tag. The URL is no more than the full name of
// the tag: where it is asked for, and with what token, is never up to a
// document of upstream or a list on disk.
func archive(tag string) *provider.Archive {
	return &provider.Archive{URL: refPrefix + tag, Generated: true}
}

// versions turns the list into what a provider answers.
func (l *list) versions(name pkgref.Name) *provider.Versions {
	vs := &provider.Versions{Name: name}
	at := make(map[pkgref.Version]int)
	newest := &entry{} // of those that may be latest
	for _, pg := range l.pages {
		for i := range pg.entries {
			e := &pg.entries[i]
			tag := e.tag(l.kind)
			v, ok := versionOf(tag)
			if !ok || e.Draft {
				continue
			}
			listed := provider.Listed{Version: v, Published: e.Published.Time, Archive: archive(tag)}
			if held, twice := at[v]; !twice {
				at[v] = len(vs.List)
				vs.List = append(vs.List, listed)
			} else if tag == tagsOf(v)[0] {
				vs.List[held] = listed
			}
			if l.kind == SourceReleases && !e.Prerelease && !v.IsPrerelease() && e.after(newest) {
				newest = e
			}
		}
	}
	if v, ok := versionOf(newest.TagName); ok {
		vs.Tags = map[string]string{pkgref.Latest: v.String()}
	}
	vs.List = provider.SortListed(vs.List)
	return vs
}

// after reports whether e was created after o. Of two of one moment, such as
// two releases of one commit, the higher version counts as the later.
func (e *entry) after(o *entry) bool {
	if c := e.Created.Compare(o.Created.Time); c != 0 {
		return c > 0
	}
	v, _ := versionOf(e.TagName)
	w, ok := versionOf(o.TagName)
	return !ok || v.Compare(w) > 0
}

// looked is what the lists behind an answer were held with: their ETags.
type looked struct {
	first    []string // of the pages of the list that Config.Source names
	tags     []string // of the pages of the tags, where the first had nothing
	fellBack bool
}

// validator writes l as one text, "" where a page has no ETag that can be
// asked with. Every page is in it, since a release far down may be taken back
// or edited while the first page stays as it is. What decides on which pages
// are read is in it too.
func (p *Provider) validator(l looked) string {
	fields := append([]string{p.validatorKind()}, l.first...)
	if l.fellBack {
		fields = append(append(fields, SourceTags), l.tags...)
	}
	for _, list := range [][]string{l.first, l.tags} {
		for _, etag := range list {
			if !strings.HasSuffix(etag, `"`) || strings.ContainsAny(etag, " \t") {
				return ""
			}
		}
	}
	return strings.Join(fields, " ")
}

func (p *Provider) validatorKind() string { return p.source + "/" + strconv.Itoa(p.pages) }

// looked reads a validator; one of another kind is as good as none.
func (p *Provider) looked(validator string) (l looked) {
	fields := strings.Split(validator, " ")
	if fields[0] != p.validatorKind() {
		return looked{}
	}
	for _, f := range fields[1:] {
		switch {
		case f == SourceTags:
			l.fellBack = true
		case l.fellBack:
			l.tags = append(l.tags, f)
		default:
			l.first = append(l.first, f)
		}
	}
	return l
}
