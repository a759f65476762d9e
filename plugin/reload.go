package plugin

import (
	"cmp"
	"context"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/quantity"
)

// Reload says what a reload is to do.
type Reload struct {
	// Filter chooses plugins by name: an exact one, a pattern with * ? or [, a /regular expression/; "": all.
	Filter string
	// Atomic puts all in force, or nothing where one fails.
	Atomic bool
	// Force loads what did not change, too.
	Force bool
	// Matched says that the filter matches something beside plugins.
	Matched bool
}

// Report names what a reload did, by the names of plugins. No list is nil.
type Report struct {
	Kept     []string  `json:"kept"`     // unchanged
	Reloaded []string  `json:"reloaded"` // new code is in force
	Failed   []Failure `json:"failed"`   // what was in force still is
	Removed  []string  `json:"removed"`  // their files are gone
}

// Change is a reload that was prepared and is not in force. Exactly one of Commit and Discard ends it; until then
// no other one can be prepared.
type Change struct {
	m        *Manager
	settings Settings
	reload   Reload
	slots    map[string]*generation // what will be in force
	staged   map[string]*generation // the new ones of these
	report   Report
	wanted   func(name string) bool // by the filter
}

// Prepare loads what changed, warms it and checks it, while what is in force goes on.
// Errors: outcome.Invalid for a malformed filter or a directory that cannot be read, and with Settings.Strict for
// a plugin that fails where no older code of it is in force, and a filter without a match; with Reload.Atomic for any
// plugin that fails; outcome.Busy after Revoke; ctx.Err.
func (m *Manager) Prepare(ctx context.Context, s Settings, r Reload) (*Change, error) {
	wanted, err := Filter(r.Filter)
	if err != nil {
		return nil, err
	}
	m.changing.Lock()
	m.settings = s
	c := &Change{
		m: m, settings: s, reload: r, wanted: wanted, slots: maps.Clone(m.snapshot.Load().slots), staged: map[string]*generation{},
		report: Report{Kept: []string{}, Reloaded: []string{}, Failed: []Failure{}, Removed: []string{}},
	}
	if err := c.prepare(ctx); err != nil {
		c.Discard()
		return nil, err
	}
	return c, nil
}

func (c *Change) prepare(ctx context.Context) error {
	if c.m.revoked {
		return outcome.New(outcome.Busy, "plugins were revoked")
	}
	units, failures, err := c.settings.discover()
	if err != nil {
		return err
	}
	matched := c.remove(units, failures)
	for _, f := range failures {
		if old := c.old(unit{path: f.Path}); old != nil {
			f.Name = old.manifest.Name
		}
		if c.wanted(f.Name) {
			matched = true
			c.fail(f)
		}
	}
	for _, u := range units {
		if c.stage(ctx, u) {
			matched = true
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	c.sort()
	return c.judge(matched)
}

// judge decides whether the change may be put in force.
func (c *Change) judge(matched bool) error {
	if !matched && !c.reload.Matched && c.reload.Filter != "" {
		if c.settings.Strict || c.settings.StrictModules {
			return outcome.New(outcome.Invalid, "no plugin matches %s", c.reload.Filter)
		}
		c.m.config.Logger.Warn("no plugin matches the filter", "filter", c.reload.Filter)
	}
	var lost []string
	for _, f := range c.report.Failed {
		if c.reload.Atomic || c.strict(f) && !c.serves(f) {
			lost = append(lost, f.Path+": "+f.Error)
		}
	}
	if len(lost) > 0 {
		c.note()
		return outcome.New(outcome.Invalid, "%s", strings.Join(lost, "; "))
	}
	return nil
}

// serves reports whether older code of what failed is in force; another plugin of its name is none.
func (c *Change) serves(f Failure) bool {
	g := c.slots[f.Name]
	return g != nil && g.unit.path == f.Path
}

// strict reports whether a plugin must not fail.
func (c *Change) strict(f Failure) bool {
	if c.settings.Modules != "" && filepath.Dir(f.Path) == filepath.Clean(c.settings.Modules) {
		return c.settings.StrictModules
	}
	return c.settings.Strict
}

// remove takes out what has no files any more. What lies there and is no plugin at present has failed: the old goes on.
func (c *Change) remove(units []unit, failures []Failure) (matched bool) {
	there := map[string]bool{}
	for _, u := range units {
		there[u.path] = true
	}
	for _, f := range failures {
		there[f.Path] = true
	}
	for _, name := range sortedNames(c.slots) {
		if !there[c.slots[name].unit.path] && c.wanted(name) {
			matched = true
			delete(c.slots, name)
			c.report.Removed = append(c.report.Removed, name)
		}
	}
	return matched
}

// old returns what is in force of a unit, nil if nothing is.
func (c *Change) old(u unit) *generation {
	for _, g := range c.slots {
		if g.unit.path == u.path && c.staged[g.manifest.Name] == nil {
			return g
		}
	}
	return nil
}

// stage loads one unit, if the filter wants it and it changed; false when it is not wanted.
func (c *Change) stage(ctx context.Context, u unit) bool {
	old := c.old(u)
	name := u.base()
	if old != nil {
		name = old.manifest.Name
	} else if m, err := u.manifest(); err == nil {
		name = m.Name
	}
	if !c.wanted(name) {
		return false
	}
	if old != nil && !c.reload.Force && old.current(u) {
		c.report.Kept = append(c.report.Kept, name)
		return true
	}
	g, err := c.m.build(ctx, u)
	if err == nil {
		if err = c.accept(g, old); err != nil {
			g.discard()
		}
	}
	if err != nil {
		c.fail(Failure{Name: name, Path: u.path, Error: oneLine(located(err))})
		return true
	}
	if old != nil {
		delete(c.slots, old.manifest.Name)
	}
	c.slots[g.manifest.Name], c.staged[g.manifest.Name] = g, g
	c.report.Reloaded = append(c.report.Reloaded, g.manifest.Name)
	return true
}

// current reports whether the files of a unit are those that the generation was made of.
func (g *generation) current(u unit) bool {
	if u.dir != g.unit.dir || u.notes != g.unit.notes {
		return false
	}
	hash, err := u.hashOf(g.program.Files())
	return err == nil && hash == g.hash
}

// accept checks a new generation against everything that will be in force with it.
func (c *Change) accept(g, old *generation) error {
	if other := c.slots[g.manifest.Name]; other != nil && other != old {
		return outcome.New(outcome.Conflict, "name %s is taken by %s", g.manifest.Name, other.unit.path)
	}
	sum := g.manifest.cost()
	var others []*Candidate
	for _, name := range sortedNames(c.slots) {
		if other := c.slots[name]; other != old {
			sum += other.manifest.cost()
			others = append(others, other.candidate())
		}
	}
	if budget := c.settings.budget(); sum > budget {
		return outcome.New(outcome.Invalid, "limits.instances.max x memory x 2 of all plugins would be %s, plugins.budget is %s: lower the limits or raise the budget",
			quantity.FormatSize(sum), quantity.FormatSize(budget))
	}
	if c.m.config.Accept == nil {
		return nil
	}
	return c.m.config.Accept(g.candidate(), others)
}

// cost is the memory that a plugin may take while two of its generations exist.
func (m *Manifest) cost() int64 { return int64(m.Limits.MaxInstances) * m.Limits.Memory * 2 }

func (c *Change) fail(f Failure) {
	c.m.statsOf(f.Name).fail(f.Error, c.m.config.Now())
	c.m.config.Logger.Error("plugin is not loaded", "plugin", f.Name, "path", f.Path, "error", f.Error)
	c.report.Failed = append(c.report.Failed, f)
}

func (c *Change) sort() {
	for _, list := range [][]string{c.report.Kept, c.report.Reloaded, c.report.Removed} {
		slices.Sort(list)
	}
	slices.SortStableFunc(c.report.Failed, func(a, b Failure) int { return cmp.Compare(a.Path, b.Path) })
}

// Report tells what the change does.
func (c *Change) Report() Report { return c.report }

// Loaded lists what will be in force, by name.
func (c *Change) Loaded() []Candidate { return candidates(c.slots) }

// Commit puts the change in force, all of it at once, and lets what it replaces drain.
func (c *Change) Commit() {
	m := c.m
	next := &snapshot{slots: c.slots}
	for _, g := range c.staged {
		g.number = uint64(g.stats.generation.Add(1))
		g.born = m.config.Now()
		m.wait(g)
	}
	old := m.snapshot.Swap(next)
	m.forget(next)
	c.note()
	m.changing.Unlock()
	for name, g := range old.slots {
		if next.slots[name] != g {
			g.retire(c.settings.drain())
		}
	}
	if len(c.staged)+len(c.report.Failed)+len(c.report.Removed) == 0 {
		return
	}
	m.config.Logger.Info("plugins", "kept", len(c.report.Kept), "reloaded", c.report.Reloaded, "failed", len(c.report.Failed), "removed", c.report.Removed)
}

// Discard gives the change up: what is in force stays.
func (c *Change) Discard() {
	for _, g := range c.staged {
		g.discard()
	}
	c.m.changing.Unlock()
}

// note keeps what failed, for Status, beside what failed before and was not tried again.
func (c *Change) note() {
	m := c.m
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failed = slices.DeleteFunc(slices.Clone(m.failed), func(f Failure) bool { return c.wanted(f.Name) })
	m.failed = append(m.failed, c.report.Failed...)
}

// Filter compiles a filter, see Reload. Errors: outcome.Invalid.
func Filter(text string) (func(name string) bool, error) {
	switch {
	case text == "":
		return func(string) bool { return true }, nil
	case len(text) > 2 && strings.HasPrefix(text, "/") && strings.HasSuffix(text, "/"):
		re, err := regexp.Compile(text[1 : len(text)-1])
		if err != nil {
			return nil, outcome.New(outcome.Invalid, "filter: %v", err)
		}
		return re.MatchString, nil
	case strings.ContainsAny(text, "*?["):
		if _, err := path.Match(text, ""); err != nil {
			return nil, outcome.New(outcome.Invalid, "filter: %s: %v", text, err)
		}
		return func(name string) bool { ok, _ := path.Match(text, name); return ok }, nil
	}
	return func(name string) bool { return name == text }, nil
}

// Reload prepares a change and commits it. Errors: as Prepare.
func (m *Manager) Reload(ctx context.Context, s Settings, r Reload) (Report, error) {
	c, err := m.Prepare(ctx, s, r)
	if err != nil {
		return Report{}, err
	}
	c.Commit()
	return c.Report(), nil
}
