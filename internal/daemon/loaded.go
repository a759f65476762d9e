package daemon

import (
	"slices"
	"strings"
	"time"

	"github.com/registryd/registryd/plugin"
)

// loaded tells how everything does that is loaded at run time: plugins, modules of code and of declarations, and those
// written in Go, by name. Of the latter only loads count as failures.
func (s *Server) loaded() []plugin.Status {
	g := s.current()
	if g == nil || g.config.Modules == nil {
		return s.Plugins()
	}
	var list []plugin.Status
	for _, m := range s.modules.set.Status() {
		one := plugin.Status{
			Name: m.Name, Kind: plugin.KindModule, Engine: "go", Generation: m.Generation, Loaded: m.Loaded,
			InFlight: m.InFlight, Leases: m.InFlight, Calls: m.Calls, Drained: m.Drained, DrainMS: m.Drain.Milliseconds(),
			LastError: m.LastError, LastErrorAt: m.ErrorAt,
		}
		if m.Generation > 0 {
			one.AgeSeconds, one.Instances = int64(time.Since(m.Loaded).Seconds()), 1
		}
		list = append(list, one)
	}
	list = append(list, s.Plugins()...)
	for i := range list {
		list[i].Disabled = list[i].Kind == plugin.KindModule && !s.modules.api.Enabled(list[i].Name)
	}
	slices.SortStableFunc(list, func(a, b plugin.Status) int { return strings.Compare(a.Name, b.Name) })
	return list
}
