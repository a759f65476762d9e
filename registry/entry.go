package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path"
	"strings"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
)

const (
	// maxPackageJSON bounds what is read of a package.json, in bytes.
	maxPackageJSON = 1 << 20
	// maxEntry bounds the text that names an entry file, in bytes.
	maxEntry = 1024
)

// packageJSON holds the fields that may name an entry file, in no order that
// counts.
type packageJSON struct {
	JSDelivr entryText `json:"jsdelivr"`
	Unpkg    entryText `json:"unpkg"`
	Browser  entryText `json:"browser"`
	Module   entryText `json:"module"`
	Main     entryText `json:"main"`
}

// entryText is a text, or "" for anything else: browser may be a map of
// replacements.
type entryText string

// UnmarshalJSON never fails.
func (t *entryText) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil && len(s) <= maxEntry {
		*t = entryText(s)
	}
	return nil
}

// entry returns the path of the file that stands for the whole package, ""
// where there is none. It puts nothing into the view.
func (r *Registry) entry(ctx context.Context, m *cache.Manifest) (string, error) {
	candidates, err := r.candidates(ctx, m)
	if err != nil {
		return "", err
	}
	for _, text := range candidates {
		if file := entryFile(m, text); file != "" {
			return file, nil
		}
	}
	return "", nil
}

// entryFile finds the file that a field means, as Node would: as it is, with
// .js, or as a directory's index.js.
func entryFile(m *cache.Manifest, text string) string {
	clean := strings.TrimPrefix(path.Clean("/"+text), "/")
	for _, candidate := range []string{clean, clean + ".js", path.Join(clean, "index.js")} {
		if m.Has(candidate) {
			return candidate
		}
	}
	return ""
}

// candidates returns what the package.json of a release names as its entry, in
// the order in which it counts. It is remembered by the file's digest, since the
// file itself need not be in the view.
func (r *Registry) candidates(ctx context.Context, m *cache.Manifest) ([]string, error) {
	f, ok := m.File("package.json")
	if !ok {
		return []string{"index.js"}, nil
	}
	key := m.Ref() + " " + string(f.SHA256[:])
	if known, ok := r.entries.Get(key); ok {
		return known, nil
	}
	p, f, err := r.packageJSON(ctx, m, f)
	if err != nil {
		return nil, err
	}
	found := []string{}
	for _, text := range []entryText{p.JSDelivr, p.Unpkg, p.Browser, p.Module, p.Main, "index.js"} {
		if text != "" {
			found = append(found, string(text))
		}
	}
	r.entries.Put(m.Ref()+" "+string(f.SHA256[:]), found, 1, 0)
	return found, nil
}

// packageJSON reads the package.json of a release. One that nobody can read has
// no fields. It returns f with its digest.
func (r *Registry) packageJSON(ctx context.Context, m *cache.Manifest, f cache.File) (p packageJSON, _ cache.File, err error) {
	var file *os.File
	if r.cache.InView(m, f) {
		file, err = r.cache.OpenView(m.Name, m.Version.String(), f.Path)
	}
	if file == nil || err != nil {
		file, f, err = r.loose(ctx, m, f)
	}
	if err != nil {
		return p, f, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxPackageJSON))
	if err != nil {
		return p, f, outcome.Wrap(outcome.Busy, err, "read package.json of %s", m.Ref())
	}
	// What does not parse names no entry.
	_ = json.Unmarshal(bytes.TrimPrefix(data, []byte("\ufeff")), &p)
	return p, f, nil
}
