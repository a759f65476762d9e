package command

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// lockfile is what counts of npm's package-lock.json: "packages" by place in
// the tree since version 2, nested "dependencies" before.
type lockfile struct {
	Packages     map[string]lockedPackage `json:"packages"`
	Dependencies map[string]lockedPackage `json:"dependencies"`
}

type lockedPackage struct {
	Name     string          `json:"name"` // where an alias hides it
	Version  string          `json:"version"`
	Resolved string          `json:"resolved"` // where npm gets it
	Link     bool            `json:"link"`
	InBundle bool            `json:"inBundle"` // it comes with another package
	Bundled  bool            `json:"bundled"`  // the same, in the first format
	Nested   json.RawMessage `json:"dependencies"`
}

// elsewhere reports whether a package does not come from a registry by its name
// and version: a repository's or a directory's must not be taken for the
// registry's package of the same name.
func (p lockedPackage) elsewhere() bool {
	scheme, _, isURL := strings.Cut(p.Resolved, ":")
	return p.Link || p.InBundle || p.Bundled || p.Version == "" || isURL && scheme != "http" && scheme != "https"
}

// readLockfile returns every package that a lockfile gets from a registry,
// sorted. Errors: plain ones.
func readLockfile(file string) ([]target, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var l lockfile
	if err := json.Unmarshal(data, &l); err != nil {
		return nil, fmt.Errorf("%s: no package-lock.json: %w", file, err)
	}
	found := map[string]bool{}
	for place, p := range l.Packages {
		i := strings.LastIndex(place, "node_modules/")
		if i < 0 || p.elsewhere() {
			continue // the project itself, or a directory of it
		}
		found[cmp.Or(p.Name, place[i+len("node_modules/"):])+"@"+p.Version] = true
	}
	if len(l.Packages) == 0 {
		nested(l.Dependencies, found)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: names no package of a registry", file)
	}
	targets := make([]target, 0, len(found))
	for _, text := range slices.Sorted(maps.Keys(found)) {
		t, err := parseTarget(text)
		if err != nil {
			// Not wrapped: the file's mistake is no misuse of the command line.
			return nil, fmt.Errorf("%s: %v", file, err)
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// nested collects the tree of the first format. A version there may also be a
// URL, which no registry has.
func nested(deps map[string]lockedPackage, found map[string]bool) {
	for name, p := range deps {
		alias, isAlias := strings.CutPrefix(p.Version, "npm:")
		switch {
		case p.elsewhere():
		case isAlias:
			found[alias] = true
		case !strings.Contains(p.Version, ":"):
			found[name+"@"+p.Version] = true
		}
		var deeper map[string]lockedPackage
		if json.Unmarshal(p.Nested, &deeper) == nil {
			nested(deeper, found)
		}
	}
}
