package plugin

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/operation"
)

// declared is what the runtime of JavaScript says of a module.
type declared struct {
	Operations []struct {
		Key         string
		Kind        string // declared, raw, static, protocol
		Declaration json.RawMessage
		Functions   functions
		Subsets     []string // of a protocol
		Handlers    []string // of a protocol
	}
	Functions []string
	Values    map[string]json.RawMessage
}

// functions are those parts of a declaration that code has.
type functions struct {
	Middleware  bool
	Deserialize []string // parameters
	Appraise    bool
}

// code asks the code what it declares.
func (b *builder) code(ctx context.Context) error {
	l, ok := b.c.Enter()
	if !ok {
		return outcome.New(outcome.Unavailable, "the plugin has ended")
	}
	defer l.Leave()
	r, err := l.Call(ctx, "@operations")
	if err != nil {
		return err
	}
	defer r.Close()
	var d declared
	if err := json.Unmarshal(r.JSON, &d); err != nil {
		return outcome.Wrap(outcome.Invalid, err, "read what it declares")
	}
	used := b.codeNames()
	d.Functions = slices.DeleteFunc(d.Functions, func(name string) bool { return used[name] })
	b.offer(d.Functions, d.Values)
	for _, o := range d.Operations {
		if o.Kind == "protocol" {
			err = b.protocol(o.Subsets, o.Handlers)
		} else {
			err = b.operation(o.Key, o.Kind, o.Declaration, &o.Functions)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// codeNames are the functions that a module.yaml has taken as handlers.
func (b *builder) codeNames() map[string]bool {
	used := map[string]bool{}
	for _, op := range b.unit.Operations {
		used[op.Descriptor().Handler.Code] = true
	}
	return used
}

// operation adds one that the code declares.
func (b *builder) operation(key, kind string, declaration json.RawMessage, has *functions) error {
	d, err := operation.ParseJSON(key, declaration)
	if err != nil {
		return err
	}
	if d.Handler.Static != "" {
		impl, err := b.static(&d)
		if err != nil {
			return outcome.Wrap(outcome.Invalid, err, "operation %s", key)
		}
		return b.add(d, impl)
	}
	s := &script{key: key, contracts: !b.opts.NoContracts, names: []string{}}
	for _, p := range d.Params {
		s.names = append(s.names, p.Name)
	}
	impl := operation.Implementation{Handle: s.handle}
	if kind == "raw" {
		d.Params = nil
	}
	if has.Middleware {
		impl.Prepare = s.prepare
	}
	if has.Appraise {
		impl.Appraise = s.appraise
	}
	if len(has.Deserialize) > 0 {
		impl.Deserialize = map[string]func(context.Context, *operation.Call, string) (any, error){}
	}
	for _, name := range has.Deserialize {
		for i := range d.Params {
			if d.Params[i].Name == name {
				d.Params[i].Deserialize = name
			}
		}
		impl.Deserialize[name] = func(ctx context.Context, _ *operation.Call, text string) (any, error) {
			return s.deserialize(ctx, name, text)
		}
	}
	return b.add(d, impl)
}

// protocol adds the endpoints of the subsets that the code has handlers for.
func (b *builder) protocol(subsets, handlers []string) error {
	bound := map[string]bool{}
	for _, subset := range subsets {
		list, err := operation.Protocol(subset)
		if err != nil {
			return err
		}
		for _, d := range list {
			if !slices.Contains(handlers, d.Name) {
				continue
			}
			bound[d.Name] = true
			e := &endpoint{name: d.Name, faults: []string{}}
			for _, f := range d.Faults {
				e.faults = append(e.faults, f.Name)
			}
			if len(subsets) > 1 {
				d.Name = subset + "." + d.Name
			}
			if err := b.add(d, operation.Implementation{Handle: e.handle}); err != nil {
				return err
			}
		}
	}
	for _, name := range handlers {
		if !bound[name] {
			b.a.config.Logger.Warn("a handler has no endpoint in the protocols that the module serves", "module", b.unit.Name, "handler", name, "protocols", subsets)
		}
	}
	return nil
}

// process adds what a program describes: "operations" in its exports.
func (b *builder) process() error {
	var exports struct {
		Operations json.RawMessage
		Functions  []string
		Values     map[string]json.RawMessage
	}
	if len(b.c.Offers.Exports) > 0 {
		if err := json.Unmarshal(b.c.Offers.Exports, &exports); err != nil {
			return outcome.Wrap(outcome.Invalid, err, "read what it exports")
		}
	}
	b.offer(exports.Functions, exports.Values)
	if exports.Operations == nil {
		return nil
	}
	list, err := operation.ParseMap(exports.Operations)
	if err != nil {
		return err
	}
	for i := range list {
		if h := &list[i].Handler; *h == (operation.Handler{MaxAge: h.MaxAge}) {
			h.Code = list[i].Name
		}
	}
	return b.addNamed(list)
}
