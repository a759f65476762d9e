package operation

import (
	"errors"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/registryd/registryd/internal/outcome"
)

// ParseJSON reads one declaration as code exports it, in JSON: path is its key. Functions in it are {"$func": name}.
// Members that nobody knows are passed over. Errors: outcome.Invalid.
func ParseJSON(path string, data []byte) (Descriptor, error) {
	n, err := jsonNode(data)
	if err != nil {
		return Descriptor{}, outcome.Wrap(outcome.Invalid, err, "operation %s", path)
	}
	r := &reader{}
	d := r.descriptor(path, n)
	return d, r.end(path)
}

// ParseYAML reads the member "operations" of a module.yaml, name or path to declaration. Errors: outcome.Invalid, with
// lines.
func ParseYAML(n *yaml.Node) ([]Descriptor, error) {
	return (&reader{strict: true}).descriptors(n)
}

// descriptors reads a mapping of names or paths to declarations. Errors: outcome.Invalid.
func (r *reader) descriptors(n *yaml.Node) ([]Descriptor, error) {
	var list []Descriptor
	r.each(n, func(key, value *yaml.Node) { list = append(list, r.descriptor(key.Value, value)) })
	return list, r.end("")
}

func (r *reader) end(path string) error {
	if len(r.problems) == 0 {
		return nil
	}
	err := errors.Join(r.problems...)
	if path == "" {
		return outcome.New(outcome.Invalid, "%s", oneLine(err.Error()))
	}
	return outcome.New(outcome.Invalid, "operation %s: %s", path, oneLine(err.Error()))
}

// descriptor reads a declaration in any of the spellings.
func (r *reader) descriptor(key string, n *yaml.Node) Descriptor {
	d := Descriptor{Name: key, Path: key}
	if !strings.HasPrefix(key, "/") {
		d.Path = "/" + key
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		d.Handler.Static = n.Value // a text is a directory
	} else {
		r.declaration(n, &d)
	}
	if d.Handler.Static != "" && !strings.HasSuffix(d.Path, "/"+restName) {
		d.Path = strings.TrimSuffix(d.Path, "/") + "/" + restName
	}
	return d
}

func (r *reader) declaration(n *yaml.Node, d *Descriptor) {
	var auth string
	parseBody := true
	var source Source // of all parameters, of a protocol
	r.members(n, map[string]func(*yaml.Node){
		"name": r.text(&d.Name), "description": r.text(&d.Description), "method": r.text(&d.Method), "path": r.text(&d.Path),
		"auth": r.text(&auth), "params": func(n *yaml.Node) { r.params(n, d) },
		"parseBody": r.truth(&parseBody), "missingStatus": r.count(&d.MissingStatus),
		"serialize": func(n *yaml.Node) { r.serialize(n, d) }, "response": func(n *yaml.Node) { r.response(n, d) },
		"errors": func(n *yaml.Node) { r.faults(n, d) }, "longRunning": func(n *yaml.Node) { r.longRunning(n, d) },
		"middleware": func(n *yaml.Node) { r.middleware(n, d) }, "handler": func(n *yaml.Node) { r.handler(n, d) },
		"msg": r.text(&d.Messages.Begin), "request": func(n *yaml.Node) { source = r.request(n, d) },
		"maxAge":   r.maxAge(d),
		"requires": ignore, "ensures": ignore, "synchronous": ignore, "handleErrors": ignore, "args": ignore,
	})
	d.Key = d.Key || auth == "key"
	if auth != "" && auth != "key" && auth != "none" {
		r.add(n, "auth must be key or none, not %q", auth)
	}
	d.NoBody = !parseBody
	if strings.EqualFold(d.Method, "del") {
		d.Method = "DELETE"
	}
	if source != "" {
		d.Protocol = true
		for i := range d.Params {
			d.Params[i].In = source
		}
	}
}

// params reads the parameters, in their order.
func (r *reader) params(n *yaml.Node, d *Descriptor) {
	r.each(n, func(key, value *yaml.Node) {
		p := Param{Name: key.Value}
		if value.Kind == yaml.ScalarNode && value.Tag == "!!str" {
			p.Type = value.Value
		} else {
			r.param(value, &p)
		}
		d.Params = append(d.Params, p)
	})
}

func (r *reader) param(n *yaml.Node, p *Param) {
	var source string
	required, header := true, false
	schema := func(n *yaml.Node) { p.Schema = r.value(n) }
	r.members(n, map[string]func(*yaml.Node){
		"in": r.text(&source), "description": r.text(&p.Description), "required": r.truth(&required),
		"isHeader": r.truth(&header), "schema": schema, "scheme": schema,
		"default": func(n *yaml.Node) { p.Default, p.HasDefault = r.value(n), true },
		"type": func(n *yaml.Node) {
			if _, builtin := function(n); builtin != "" {
				p.Type = builtin
				return
			}
			if n.Kind != yaml.MappingNode { // what else code has there says nothing
				r.text(&p.Type)(n)
			}
		},
		"deserialize": func(n *yaml.Node) {
			name, _ := function(n)
			p.Deserialize = name
			p.JSON = name == "" && (n.Value == "true" || n.Value == "json")
		},
	})
	p.Optional = !required
	p.In = Source(source)
	if header {
		p.In = InHeader
	}
	if !slices.Contains([]Source{"", InAny, InPath, InQuery, InBody, InHeader}, p.In) {
		r.add(n, "in must be any, path, query, body or header, not %q", source)
	}
}

func (r *reader) serialize(n *yaml.Node, d *Descriptor) {
	name, _ := function(n)
	switch {
	case name != "", n.Value == SerializeRaw:
		d.Response.Serialize = SerializeRaw
	case n.Value == "true", n.Value == SerializeJSON:
		d.Response.Serialize = SerializeJSON
	case n.Value == "false", n.Value == SerializeText:
		d.Response.Serialize = SerializeText
	default:
		r.add(n, "serialize must be json, text or raw")
	}
}

func (r *reader) response(n *yaml.Node, d *Descriptor) {
	check := true
	r.members(n, map[string]func(*yaml.Node){
		"status": r.count(&d.Response.Status), "serialize": func(n *yaml.Node) { r.serialize(n, d) },
		"body": func(n *yaml.Node) { r.keys(n, d) }, "check": r.truth(&check),
		"error": func(n *yaml.Node) { r.faults(n, d) },
		"success": func(n *yaml.Node) {
			r.members(n, map[string]func(*yaml.Node){"status": r.count(&d.Response.Status), "msg": r.text(&d.Messages.Done)})
		},
	})
	d.Response.Unchecked = !check
}

// keys reads the members of a declared answer.
func (r *reader) keys(n *yaml.Node, d *Descriptor) {
	if n.Kind == yaml.SequenceNode {
		d.Response.List = true
		if len(n.Content) != 1 {
			r.add(n, "body: a list declares one element")
			return
		}
		n = resolved(n.Content[0])
	}
	d.Response.Keys = []Key{}
	r.each(n, func(key, value *yaml.Node) {
		k := Key{Name: key.Value, Type: value.Value}
		if _, builtin := function(value); builtin != "" {
			k.Type = builtin
		}
		d.Response.Keys = append(d.Response.Keys, k)
	})
}

func (r *reader) faults(n *yaml.Node, d *Descriptor) {
	r.each(n, func(key, value *yaml.Node) {
		f := Fault{Name: key.Value}
		r.members(value, map[string]func(*yaml.Node){
			"status": r.count(&f.Status), "msg": r.text(&f.Message), "message": r.text(&f.Message),
			"suggestions": r.texts(&f.Suggestions), "schema": ignore,
		})
		if f.Status != 0 && (f.Status < 400 || f.Status > 599) {
			r.add(value, "error %s: status must be from 400 to 599", f.Name)
		}
		d.Faults = append(d.Faults, f)
	})
}

func (r *reader) longRunning(n *yaml.Node, d *Descriptor) {
	switch {
	case n.Kind == yaml.MappingNode:
		d.LongRunning = &LongRunning{}
		r.members(n, map[string]func(*yaml.Node){"appraise": func(n *yaml.Node) {
			if name, _ := function(n); name == "" { // a function is asked by the code
				r.milliseconds(&d.LongRunning.Estimate, "appraise must be a number of milliseconds, or a function")(n)
			}
		}})
	case n.Value == "true", n.Value == "auto":
		d.LongRunning = &LongRunning{}
	case n.Value == "manual":
		d.LongRunning = &LongRunning{Manual: true}
	case n.Value != "false":
		r.add(n, "longRunning must be true, auto, manual, or have appraise")
	}
}

// middleware keeps the names; functions of code are run by the code.
func (r *reader) middleware(n *yaml.Node, d *Descriptor) {
	list := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		list = n.Content
	}
	for _, e := range list {
		if e = resolved(e); e.Kind == yaml.ScalarNode && e.Tag == "!!str" {
			d.Middleware = append(d.Middleware, e.Value)
		}
	}
}

func (r *reader) handler(n *yaml.Node, d *Descriptor) {
	if name, _ := function(n); name != "" {
		d.Handler.Code = name
		return
	}
	h := &d.Handler
	r.members(n, map[string]func(*yaml.Node){
		"builtin": r.text(&h.Builtin), "js": r.text(&h.Code), "code": r.text(&h.Code), "static": r.text(&h.Static),
		"upstream": r.text(&h.Upstream), "maxAge": r.maxAge(d),
	})
	set := 0
	for _, text := range []string{h.Builtin, h.Code, h.Static, h.Upstream} {
		if text != "" {
			set++
		}
	}
	if set != 1 {
		r.add(n, "handler must have one of builtin, js, static, upstream")
	}
}

// maxAge reads how long files may be kept, which may stand beside the handler or in it.
func (r *reader) maxAge(d *Descriptor) func(*yaml.Node) {
	return r.milliseconds(&d.Handler.MaxAge, "maxAge must be a number of milliseconds")
}

// request reads the part that only protocols have. All parameters are in the body where one is declared, else in the
// path.
func (r *reader) request(n *yaml.Node, d *Descriptor) Source {
	var body []string
	r.members(n, map[string]func(*yaml.Node){
		"method": r.text(&d.Method), "authorized": r.truth(&d.Key), "body": r.texts(&body),
	})
	if body != nil {
		return InBody
	}
	return InPath
}

// ParseMap reads an object of declarations, name or path to declaration, as a program describes them in JSON. Members
// that nobody knows are passed over. Errors: outcome.Invalid.
func ParseMap(data []byte) ([]Descriptor, error) {
	n, err := jsonNode(data)
	if err != nil {
		return nil, outcome.Wrap(outcome.Invalid, err, "operations")
	}
	return (&reader{}).descriptors(n)
}
