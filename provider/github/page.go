package github

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/registryd/registryd/internal/outcome"
)

const (
	// maxEntry bounds in bytes what one entry of a list may make us hold. Most
	// of it is the list of attached files, of which there are 1,000 at most.
	maxEntry = 8 << 20
	// maxEntries bounds a page of a server that does not keep to perPage.
	maxEntries = 10 * perPage
)

// entry is one release, tag or ref, as far as it matters.
type entry struct {
	URL     string `json:"url"`      // of a release or ref itself
	TagName string `json:"tag_name"` // of a release
	Name    string `json:"name"`     // of a tag; of a release its title
	Ref     string `json:"ref"`      // of a ref
	Commit  struct {
		URL string `json:"url"`
	} `json:"commit"` // of a tag
	Draft      bool      `json:"draft"`
	Prerelease bool      `json:"prerelease"`
	Created    timestamp `json:"created_at"`
	Published  timestamp `json:"published_at"`
}

// tag is what the entry of a list of that kind tags.
func (e *entry) tag(kind string) string {
	if kind == SourceTags {
		return e.Name
	}
	return e.TagName
}

// api is a URL below the repository that the entry is of.
func (e *entry) api() string { return cmp.Or(e.URL, e.Commit.URL) }

// timestamp is a time that may be missing or malformed, and then is zero.
type timestamp struct{ time.Time }

// UnmarshalJSON never fails.
func (t *timestamp) UnmarshalJSON(value []byte) error {
	if at, err := time.Parse(`"`+time.RFC3339+`"`, string(value)); err == nil {
		t.Time = at.UTC()
	}
	return nil
}

// page is one page of a list.
type page struct {
	entries   []entry
	etag      string
	unchanged bool // the ETag still holds: entries are not known
	more      bool // another page follows
}

// page reads the n-th page, counted from 1, unless it still has the ETag held.
// Errors: those of document; outcome.Unavailable for what is no list;
// outcome.Refused for one beyond the limits.
func (p *Provider) page(ctx context.Context, l list, n int, held string) (*page, error) {
	path := fmt.Sprintf("%s?per_page=%d&page=%d", l.kind, perPage, n)
	resp, err := p.document(ctx, l.repo, path, held)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	pg := &page{etag: resp.Validator, more: hasNext(resp.Header)}
	if resp.Status == http.StatusNotModified {
		pg.etag, pg.unchanged = held, true
		return pg, nil
	}
	if pg.entries, err = decodePage(resp.Body); err != nil {
		return nil, nonsense(err, l.repo)
	}
	for i := range pg.entries {
		e := &pg.entries[i]
		if e.tag(l.kind) == "" {
			return nil, outcome.New(outcome.Unavailable, "list of %s of %s has an entry without a tag", l.kind, l.repo)
		}
		if err := l.repo.spelled(e.api()); err != nil {
			return nil, err
		}
	}
	// A page that is full may be followed by another one whatever the header
	// says, for it does not always survive a proxy.
	pg.more = pg.more || len(pg.entries) >= perPage
	return pg, nil
}

// hasNext reports whether a Link header names a next page.
func hasNext(h http.Header) bool {
	for _, line := range h.Values("Link") {
		for link := range strings.SplitSeq(line, ",") {
			_, params, _ := strings.Cut(link, ">")
			for param := range strings.SplitSeq(params, ";") {
				if p := strings.ReplaceAll(strings.TrimSpace(param), `"`, ""); strings.EqualFold(p, "rel=next") {
					return true
				}
			}
		}
	}
	return false
}

// errShape is in the chain of every error about JSON that is not what it
// should be.
var errShape = errors.New("not the JSON that was expected")

// decodePage reads a list one entry at a time. Errors: errShape;
// outcome.Refused; what r returned.
func decodePage(r io.Reader) ([]entry, error) {
	w := &window{r: r, left: maxEntry}
	d := json.NewDecoder(w)
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, w.blame(err)
	}
	var entries []entry
	for d.More() {
		if len(entries) == maxEntries {
			return nil, outcome.New(outcome.Refused, "page of more than %d entries", maxEntries)
		}
		w.left = maxEntry
		var e *entry
		if err := d.Decode(&e); err != nil || e == nil {
			return nil, w.blame(err)
		}
		entries = append(entries, *e)
	}
	if _, err := d.Token(); err != nil {
		return nil, w.blame(err)
	}
	w.left = maxEntry
	if _, err := d.Token(); err != io.EOF { //nolint:errorlint // the stream's own end
		return nil, w.blame(err)
	}
	return entries, w.err
}

// decodeEntry reads a document that is one entry. Errors: as decodePage.
func decodeEntry(r io.Reader, into *entry) error {
	w := &window{r: r, left: maxEntry}
	d := json.NewDecoder(w)
	if err := d.Decode(into); err != nil {
		return w.blame(err)
	}
	if _, err := d.Token(); err != io.EOF { //nolint:errorlint // the stream's own end
		return w.blame(err)
	}
	return w.err
}

// window is a stream of which so much may be read until more is granted: the
// decoder holds an entry as a whole.
type window struct {
	r    io.Reader
	left int64
	err  error // other than the end
}

// Read fails with outcome.Refused, or as r does.
func (w *window) Read(b []byte) (int, error) {
	if w.left <= 0 {
		w.err = outcome.New(outcome.Refused, "entry of more than %d bytes", maxEntry)
		return 0, w.err
	}
	n, err := w.r.Read(b[:min(int64(len(b)), w.left)])
	w.left -= int64(n)
	if err != nil && err != io.EOF { //nolint:errorlint // the stream's own end
		w.err = err
	}
	return n, err
}

// blame prefers the stream's error to what the decoder made of it.
func (w *window) blame(err error) error {
	switch {
	case w.err != nil:
		return w.err
	case err == nil:
		return errShape
	}
	return fmt.Errorf("%w: %w", errShape, err)
}

// nonsense is the error for an answer that cannot be what was asked for.
func nonsense(err error, r repository) error {
	if errors.Is(err, errShape) {
		return outcome.Wrap(outcome.Unavailable, err, "document of %s", r)
	}
	return err // the stream's own
}
