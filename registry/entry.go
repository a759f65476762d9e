package registry

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
)

// maxPackageJSON bounds what is read of a package.json, in bytes.
const maxPackageJSON = 1 << 20

// packageJSON holds the fields that may name an entry file. browser may be a
// map of replacements instead of a text.
type packageJSON struct {
	JSDelivr any `json:"jsdelivr"`
	Unpkg    any `json:"unpkg"`
	Browser  any `json:"browser"`
	Module   any `json:"module"`
	Main     any `json:"main"`
}

// entry returns the path of the file that stands for the whole package, ""
// where there is none.
func (r *Registry) entry(ctx context.Context, m *cache.Manifest) (string, error) {
	p, err := r.packageJSON(ctx, m)
	if err != nil {
		return "", err
	}
	for _, field := range []any{p.JSDelivr, p.Unpkg, p.Browser, p.Module, p.Main, "index.js"} {
		text, ok := field.(string)
		if !ok || text == "" {
			continue
		}
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

// packageJSON reads the package.json of a release. A release without one, or
// with one that nobody can read, has no fields.
func (r *Registry) packageJSON(ctx context.Context, m *cache.Manifest) (p packageJSON, err error) {
	f, ok := m.File("package.json")
	if !ok {
		return p, nil
	}
	if f, err = r.materialise(ctx, m, f); err != nil {
		return p, err
	}
	file, err := r.cache.OpenView(m.Name, m.Version.String(), f.Path)
	if errors.Is(err, outcome.NotFound) {
		return p, cache.ErrStale
	}
	if err != nil {
		return p, err
	}
	defer file.Close()
	// What does not parse names no entry.
	_ = json.NewDecoder(io.LimitReader(file, maxPackageJSON)).Decode(&p)
	return p, nil
}
