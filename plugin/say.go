package plugin

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	maxLogLine = 4 << 10
	// minSecret is the length from which a secret is taken out of logs: shorter ones would take words out.
	minSecret = 4
)

// redactor takes secrets out of texts, also where they stand in a URL or in JSON. The longest comes first: it may begin
// with another one.
func redactor(secrets map[string]string) *strings.Replacer {
	var pairs [][2]string
	for _, name := range sortedNames(secrets) {
		v := secrets[name]
		if len(v) < minSecret {
			continue
		}
		quoted, _ := json.Marshal(v) // a text
		for _, form := range []string{v, url.QueryEscape(v), url.PathEscape(v), strings.Trim(string(quoted), `"`)} {
			pairs = append(pairs, [2]string{form, "<" + name + ">"})
		}
	}
	slices.SortStableFunc(pairs, func(a, b [2]string) int { return cmp.Compare(len(b[0]), len(a[0])) })
	var list []string
	for _, p := range pairs {
		list = append(list, p[0], p[1])
	}
	return strings.NewReplacer(list...)
}

// Log is part of Host.
func (d *daemon) Log(ctx context.Context, level slog.Level, message string) {
	if !d.log.Enabled(ctx, level) {
		return
	}
	ok, left := d.says.take()
	d.leftOut(left)
	if ok {
		d.log.Log(ctx, level, "plugin says", "text", d.clean(message))
	}
}

// leftOut tells of lines that are missing in the log.
func (d *daemon) leftOut(lines int) {
	if lines > 0 {
		d.log.Warn("plugin said too much", "lines_left_out", lines)
	}
}

const (
	// maxLines is how many lines the code of a plugin may log within lineTime: it must not fill the disk.
	maxLines = 20000
	lineTime = 10 * time.Second
)

// ration bounds how much is logged. Safe for concurrent use.
type ration struct {
	now func() time.Time

	mu    sync.Mutex
	since time.Time
	lines int
}

// take asks for one line more; left is how many were refused in the time that ended just now.
func (r *ration) take() (ok bool, left int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.now(); now.Sub(r.since) >= lineTime {
		left = r.refused()
		r.since, r.lines = now, 0
	}
	r.lines++
	return r.lines <= maxLines, left
}

// end returns how many lines were refused that nobody was told of.
func (r *ration) end() (left int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	left = r.refused()
	r.lines = 0
	return left
}

func (r *ration) refused() int { return max(0, r.lines-maxLines) }

// cleaned is err with the secrets taken out of its text.
func (d *daemon) cleaned(err error) error {
	if err == nil {
		return nil
	}
	if r, ok := errors.AsType[*Rejection](err); ok {
		r.Name, r.Message, r.Stack = d.clean(r.Name), d.clean(r.Message), d.clean(r.Stack)
		if data := json.RawMessage(d.redact.Replace(string(r.Data))); json.Valid(data) {
			r.Data = data
		} else {
			r.Data = nil
		}
	}
	if text := err.Error(); d.redact.Replace(text) != text {
		return &cleanError{err, d.redact.Replace(text)}
	}
	return err
}

// cleanError says the same as its cause without secrets.
type cleanError struct {
	cause error
	text  string
}

// Error is part of error.
func (e *cleanError) Error() string { return e.text }

// Unwrap returns the cause, which is not to be shown.
func (e *cleanError) Unwrap() error { return e.cause }

// clean takes the secrets out of a text, and cuts it.
func (d *daemon) clean(text string) string {
	text = d.redact.Replace(text)
	if len(text) > maxLogLine {
		text = text[:maxLogLine]
	}
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	return text
}
