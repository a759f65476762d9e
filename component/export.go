package component

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/store"
)

// Contents is what a store has, for who takes it over elsewhere.
type Contents struct {
	Hosts    []Dependencies // in the order of their ids as texts
	Versions []Exported     // by name, the lowest version first
	Odd      []string       // a line for each thing that was passed over, and why
}

// Exported is one version in a store.
type Exported struct {
	rec *record
}

// Name returns the component's name.
func (e Exported) Name() Name { return e.rec.name }

// String returns name@version.
func (e Exported) String() string { return e.rec.name.String() + "@" + e.rec.version.String() }

// Read tells what a store has, that of the registry's predecessor too. Errors:
// ErrStorage.
func Read(ctx context.Context, s store.Store) (*Contents, error) {
	c := &Contents{}
	if err := c.readHosts(ctx, s); err != nil {
		return nil, err
	}
	found, err := survey(ctx, s, "")
	if err != nil {
		return nil, err
	}
	for _, dir := range sortedKeys(found) {
		v := found[dir]
		if !v.manifest {
			c.pass("%s has no package.json", dir)
			continue
		}
		data, _, err := s.Get(ctx, dir+manifestName)
		if err != nil {
			return nil, storage(err)
		}
		rec, err := recordOf(v.at, data, v.files)
		if err != nil {
			c.pass("%s: %v", dir, err)
			continue
		}
		c.Versions = append(c.Versions, Exported{rec})
	}
	slices.SortStableFunc(c.Versions, func(a, b Exported) int {
		return cmp.Or(strings.Compare(a.rec.name.Key(), b.rec.name.Key()), a.rec.version.Compare(b.rec.version))
	})
	return c, nil
}

func (c *Contents) pass(format string, args ...any) {
	c.Odd = append(c.Odd, fmt.Sprintf(format, args...))
}

func (c *Contents) readHosts(ctx context.Context, s store.Store) error {
	data, _, err := s.Get(ctx, indexKey)
	if errors.Is(err, outcome.NotFound) {
		return nil
	}
	if err != nil {
		return storage(err)
	}
	var hosts map[string]entry
	if err := json.Unmarshal(data, &hosts); err != nil {
		c.pass("%s: %v", indexKey, err)
		return nil
	}
	for _, id := range sortedKeys(hosts) {
		c.Hosts = append(c.Hosts, nonNil(hosts[id].Dependencies))
	}
	return nil
}

// Publication reads the files of an exported version. Errors: ErrStorage.
func (e Exported) Publication(ctx context.Context, s store.Store) (Publication, error) {
	p := Publication{Name: e.rec.name, Version: e.rec.version, Dependencies: e.rec.deps, Files: map[string][]byte{}}
	for _, path := range sortedKeys(e.rec.files) {
		data, _, err := s.Get(ctx, e.rec.dir+path)
		if err != nil {
			return p, storageOrAbsent(err, p.Name, p.Version)
		}
		p.Files[path] = data
	}
	return p, nil
}
