package module

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/operation"
)

// Function is what a module offers to others. Arguments and result are JSON; nil: nothing.
type Function func(ctx context.Context, args ...json.RawMessage) (json.RawMessage, error)

// Lease keeps a unit from being given up.
type Lease interface {
	operation.Leased
	// Leave gives the lease back. It is called once.
	Leave()
}

// Unit is one loaded version of a module. It does not change.
type Unit struct {
	Name        string                     // unique
	Path        string                     // where it lies; "": in the program
	Engine      string                     // what runs it: go, js, process, data
	Description string                     // for people
	Generation  uint64                     // from 1, if it is counted
	Operations  []*operation.Operation     // in the order of their declaration
	Functions   map[string]Function        // offered to others; nil: none
	Values      map[string]json.RawMessage // offered to others; nil: none
	// Enter takes a lease; false when the unit was given up. What operations and functions get as context has it, see
	// operation.LeaseOf.
	Enter func() (Lease, bool)
}

// where names a unit in reports.
func (u *Unit) where() string {
	if u.Path == "" {
		return "module " + u.Name
	}
	return fmt.Sprintf("module %s (%s)", u.Name, u.Path)
}

// Table is a set of units that get along. It does not change. Safe for concurrent use.
type Table struct {
	units  []*Unit // by name
	router *operation.Router
	keys   map[string]*Unit
	// routes holds, by routeKey, what is made at the first request.
	routes sync.Map
}

// reservedPaths belong to the API itself.
var reservedPaths = []string{"", "openapi.json", "tasks", "user"}

// NewTable joins units. Errors: outcome.Conflict, which names both of two that do not get along, or what is reserved.
func NewTable(units []*Unit) (*Table, error) {
	t := &Table{units: slices.Clone(units), keys: map[string]*Unit{}}
	slices.SortStableFunc(t.units, func(a, b *Unit) int { return strings.Compare(a.Name, b.Name) })
	var routes []operation.Route
	for i, u := range t.units {
		if i > 0 && t.units[i-1].Name == u.Name {
			return nil, outcome.New(outcome.Conflict, "%s has the name of %s", u.where(), t.units[i-1].where())
		}
		if err := t.offer(u); err != nil {
			return nil, err
		}
		for _, op := range u.Operations {
			first, _, _ := strings.Cut(strings.Trim(op.Descriptor().Path, "/"), "/")
			if slices.Contains(reservedPaths, first) {
				return nil, outcome.New(outcome.Conflict, "%s: the path %q is reserved", u.where(), op.Descriptor().Path)
			}
			routes = append(routes, operation.Route{Operation: op, Owner: u.where(), Tag: u})
		}
	}
	var err error
	t.router, err = operation.NewRouter(routes)
	return t, err
}

// offer takes over the keys of a unit.
func (t *Table) offer(u *Unit) error {
	all := slices.Concat(slices.Sorted(maps.Keys(u.Functions)), slices.Sorted(maps.Keys(u.Values)))
	for _, key := range all {
		if other := t.keys[key]; other != nil {
			return outcome.New(outcome.Conflict, "%s and %s both offer %q", other.where(), u.where(), key)
		}
		t.keys[key] = u
	}
	return nil
}

// Units lists what the table is made of, by name.
func (t *Table) Units() []*Unit { return slices.Clone(t.units) }
