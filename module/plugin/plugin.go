// Package plugin makes modules of plugins.
//
// JavaScript declares operations by what it exports. A key that begins with "/" is one: an object with a handler, which
// gets its arguments by position and a callback; a function, which gets request and response; a text, a directory of
// files. "operations" is an object of native ones, whose handlers get their arguments as one object and return the
// answer. "protocol" with makeBinderAPI serves built-in protocols. A program of its own describes "operations" in its
// exports. A module.yaml beside the code, or without any, declares operations whose handlers are named.
//
// Arguments are checked before any code runs. What a handler throws is a 500 that names nothing, and stands in the log
// with its trace; an HttpError of a declared name is that error, and deny answers its status.
package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"gopkg.in/yaml.v3"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/module"
	"github.com/registryd/registryd/operation"
	core "github.com/registryd/registryd/plugin"
)

// Config of an Adapter.
type Config struct {
	// Options of all operations, asked for at each load. Required.
	Options func() operation.Options
	// Logger; nil: discard.
	Logger *slog.Logger
}

// Adapter makes units of plugins, one for each generation. Safe for concurrent use.
type Adapter struct {
	config Config

	mu    sync.Mutex
	units map[any]*module.Unit // by Candidate.Key
}

// New returns an adapter.
func New(c Config) *Adapter {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Adapter{config: c, units: map[any]*module.Unit{}}
}

// Unit returns the unit of a candidate, the same one whenever it is asked. Errors: outcome.Invalid for what makes no
// sense; those of plugin.Lease.Call.
func (a *Adapter) Unit(ctx context.Context, c *core.Candidate) (*module.Unit, error) {
	a.mu.Lock()
	u := a.units[c.Key()]
	a.mu.Unlock()
	if u != nil {
		return u, nil
	}
	u, err := a.build(ctx, c)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.units[c.Key()] = u
	return u, nil
}

// Keep forgets all units but those of the candidates.
func (a *Adapter) Keep(list []core.Candidate) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for key := range a.units {
		if !slices.ContainsFunc(list, func(c core.Candidate) bool { return c.Key() == key }) {
			delete(a.units, key)
		}
	}
}

// builder makes one unit.
type builder struct {
	a    *Adapter
	c    *core.Candidate
	unit *module.Unit
	opts operation.Options
}

func (a *Adapter) build(ctx context.Context, c *core.Candidate) (*module.Unit, error) {
	candidate := *c
	u := &module.Unit{
		Name: c.Manifest.Name, Path: c.Path, Engine: c.Manifest.Engine,
		Functions: map[string]module.Function{}, Values: map[string]json.RawMessage{},
		Enter: func() (module.Lease, bool) {
			l, ok := candidate.Enter()
			return l, ok
		},
	}
	b := &builder{a: a, c: c, unit: u, opts: a.config.Options()}
	if err := b.declarations(); err != nil {
		return nil, err
	}
	var err error
	switch c.Manifest.Engine {
	case core.EngineJS:
		err = b.code(ctx)
	case core.EngineProcess:
		err = b.process()
	}
	if err == nil && len(u.Operations)+len(u.Functions)+len(u.Values) == 0 {
		err = outcome.New(outcome.Invalid, "it declares no operation and offers nothing")
	}
	return u, err
}

// declarations reads the module.yaml, if there is one.
func (b *builder) declarations() error {
	data, err := os.ReadFile(filepath.Join(b.c.Dir, core.ModuleFile))
	if os.IsNotExist(err) || b.single() {
		return nil
	}
	if err != nil {
		return outcome.Wrap(outcome.Invalid, err, "%s", core.ModuleFile)
	}
	var doc struct {
		Description string
		Operations  yaml.Node
	}
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return outcome.Wrap(outcome.Invalid, err, "%s", core.ModuleFile)
	}
	b.unit.Description = doc.Description
	if doc.Operations.Kind == 0 {
		return nil
	}
	list, err := operation.ParseYAML(&doc.Operations)
	if err == nil {
		err = b.addNamed(list)
	}
	if err != nil {
		return outcome.Wrap(outcome.Invalid, err, "%s", core.ModuleFile)
	}
	return nil
}

// addNamed adds operations whose handlers are named.
func (b *builder) addNamed(list []operation.Descriptor) error {
	for _, d := range list {
		impl, err := b.named(&d)
		if err != nil {
			return outcome.Wrap(outcome.Invalid, err, "operation %s", d.Name)
		}
		if err := b.add(d, impl); err != nil {
			return err
		}
	}
	return nil
}

// single reports whether the plugin is one file, beside which other modules lie.
func (b *builder) single() bool {
	info, err := os.Stat(b.c.Path)
	return err == nil && !info.IsDir()
}

// named is what runs an operation whose handler is named.
func (b *builder) named(d *operation.Descriptor) (operation.Implementation, error) {
	switch h := d.Handler; {
	case h.Static != "":
		return b.static(d)
	case h.Upstream != "":
		raw, err := operation.Upstream(h.Upstream)
		return operation.Implementation{Raw: raw}, err
	case h.Builtin != "":
		return operation.Implementation{}, fmt.Errorf("handler: there is no builtin %q", h.Builtin)
	case h.Code == "":
		return operation.Implementation{}, fmt.Errorf("handler is missing")
	case !slices.Contains(b.c.Offers.Hooks, h.Code) && b.c.Manifest.Engine == core.EngineJS:
		return operation.Implementation{}, fmt.Errorf("handler: the code exports no function %q", h.Code)
	case b.c.Manifest.Engine == core.EngineData:
		return operation.Implementation{}, fmt.Errorf("handler: there is no code")
	}
	return direct(d.Handler.Code), nil
}

// static serves a directory below the module's.
func (b *builder) static(d *operation.Descriptor) (operation.Implementation, error) {
	dir := d.Handler.Static
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(b.c.Dir, filepath.FromSlash(dir))
	}
	raw, err := operation.Static(dir, d.Handler.MaxAge)
	return operation.Implementation{Raw: raw}, err
}

func (b *builder) add(d operation.Descriptor, impl operation.Implementation) error {
	op, err := operation.New(d, impl, b.opts)
	if err == nil {
		b.unit.Operations = append(b.unit.Operations, op)
	}
	return err
}

// offer makes functions and values of what the code exports.
func (b *builder) offer(functions []string, values map[string]json.RawMessage) {
	for _, name := range functions {
		b.unit.Functions[name] = func(ctx context.Context, args ...json.RawMessage) (json.RawMessage, error) {
			return run(ctx, name, args...)
		}
	}
	for name, v := range values {
		b.unit.Values[name] = v
	}
}
