package config

import (
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// elements takes over a list of mappings.
func (l *loader) elements(n *yaml.Node, p place) {
	list := follow(n)
	if isNull(list) {
		delete(l.given, p.path)
		return
	}
	if list.Kind != yaml.SequenceNode {
		l.problem(l.here(n, p.path), complaint("must be a list, not "+describe(list)))
		return
	}
	for i, element := range list.Content {
		if !l.spend(element) {
			return
		}
		e := p
		e.path += "[" + strconv.Itoa(i) + "]"
		l.element(element, e)
	}
}

// element takes over one mapping of a list.
func (l *loader) element(n *yaml.Node, p place) {
	if m := follow(n); m.Kind != yaml.MappingNode {
		l.problem(l.here(n, p.path), complaint("must be a mapping ("+strings.Join(l.names(p), ", ")+"), not "+describe(m)))
		return
	}
	p.target = l.grow(p.table, n.Line)
	if p.table == "providers[]" {
		p.of = l.typeOf(n)
	}
	l.given[p.path] = l.here(n, p.path)
	l.defaults(func(r *row) bool {
		return strings.HasPrefix(r.Path, p.table+".") && (r.Of == "" || r.Of == p.of)
	}, p.target)
	l.mapping(n, p)
	l.required(n, p)
}

// grow appends one element to the list of that path in the table.
func (l *loader) grow(table string, line int) target {
	c := l.cfg
	t := target{cfg: c}
	switch table {
	case "providers[]":
		c.Providers = append(c.Providers, Provider{Line: line})
		t.provider = &c.Providers[len(c.Providers)-1]
	case "policy.rules[]":
		c.Policy.Rules = append(c.Policy.Rules, Rule{Line: line})
		t.rule = &c.Policy.Rules[len(c.Policy.Rules)-1]
	case "components.rules[]":
		c.Components.Rules = append(c.Components.Rules, Rule{Line: line})
		t.rule = &c.Components.Rules[len(c.Components.Rules)-1]
	case "admin.tokens[]":
		c.Admin.Tokens = append(c.Admin.Tokens, Token{})
		t.token = &c.Admin.Tokens[len(c.Admin.Tokens)-1]
	}
	return t
}

// typeOf looks ahead at a provider's type, which decides on its keys.
func (l *loader) typeOf(n *yaml.Node) string {
	node := child(n, "type")
	if node == nil || node.Kind != yaml.ScalarNode {
		return anyType
	}
	v, _, c := expand(node.Value, l.env)
	known := func() bool { return slices.Contains(l.at("providers[].type")[0].Enum, v) }
	if c == "" && l.generator && !known() && child(n, "settings") != nil {
		// Which types there are is for the daemon to say, and it may be one with
		// providers of its own. Settings tell such a type from a slip of the pen.
		l.rows = withTypes(l.rows, []string{v})
	}
	if c == "" && known() {
		return v
	}
	return anyType
}

// required lists the keys that an element must have and has not.
func (l *loader) required(n *yaml.Node, p place) {
	for i := range l.rows {
		r := &l.rows[i]
		name, ok := strings.CutPrefix(r.Path, p.table+".")
		if !ok || !r.Required || r.Of != "" && r.Of != p.of {
			continue
		}
		if _, given := l.given[join(p.path, name)]; given {
			continue
		}
		what := "is missing; give it, such as " + r.Example
		if r.Type == TypeEnum {
			what = "is missing; give " + orList(r.Enum)
		}
		l.problem(l.here(n, join(p.path, name)), complaint(what))
	}
}
