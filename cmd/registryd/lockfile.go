package main

import (
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
	Name    string          `json:"name"` // where an alias hides it
	Version string          `json:"version"`
	Link    bool            `json:"link"`
	Nested  json.RawMessage `json:"dependencies"`
}

// readLockfile returns NAME@VERSION of every package that a lockfile names,
// sorted. Errors: plain ones.
func readLockfile(file string) ([]string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var l lockfile
	if err := json.Unmarshal(data, &l); err != nil {
		return nil, fmt.Errorf("%s: not a package-lock.json: %w", file, err)
	}
	found := map[string]bool{}
	for place, p := range l.Packages {
		i := strings.LastIndex(place, "node_modules/")
		if i < 0 || p.Link || p.Version == "" {
			continue // the project itself, or a directory of it
		}
		found[first(p.Name, place[i+len("node_modules/"):])+"@"+p.Version] = true
	}
	if len(l.Packages) == 0 {
		nested(l.Dependencies, found)
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("%s: names no package", file)
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// nested collects the tree of the first format. A version there may also be a
// URL, which no registry has.
func nested(deps map[string]lockedPackage, found map[string]bool) {
	for name, p := range deps {
		if alias, ok := strings.CutPrefix(p.Version, "npm:"); ok {
			found[alias] = true
		} else if !strings.Contains(p.Version, ":") && p.Version != "" {
			found[name+"@"+p.Version] = true
		}
		var deeper map[string]lockedPackage
		if json.Unmarshal(p.Nested, &deeper) == nil {
			nested(deeper, found)
		}
	}
}
