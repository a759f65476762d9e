package module

import (
	"maps"
	"slices"

	"github.com/registryd/registryd/internal/outcome"
)

// Modules lists the names of the modules that are in force, sorted.
func (a *API) Modules() []string {
	var names []string
	for _, u := range a.Table().units {
		names = append(names, u.Name)
	}
	return names
}

// Enabled reports whether the operations of a module are answered.
func (a *API) Enabled(module string) bool {
	off := a.off.Load()
	return off == nil || !(*off)[module]
}

// SetEnabled switches a module off, so that each of its operations is 404, or on again. What it offers to others is
// there in any case. It holds over reloads, as long as the API does.
// Errors: outcome.NotFound for a module that is not in force and not off.
func (a *API) SetEnabled(module string, enabled bool) error {
	a.switching.Lock()
	defer a.switching.Unlock()
	off := map[string]bool{}
	if old := a.off.Load(); old != nil {
		off = maps.Clone(*old)
	}
	if !off[module] && !slices.Contains(a.Modules(), module) {
		return outcome.New(outcome.NotFound, "there is no module %q", module)
	}
	if delete(off, module); !enabled {
		off[module] = true
	}
	a.off.Store(&off)
	return nil
}
