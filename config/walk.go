package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// place is where in the file and in the table a mapping stands.
type place struct {
	table  string // path in the table: "providers[]"; "" at the top
	path   string // the same with indexes: "providers[0]"
	of     string // provider type, anyType where it is not known
	target target
}

// anyType stands for a provider type that is missing or unknown: keys of every
// type are let pass, so that one mistake is reported once.
const anyType = "?"

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// spend counts one value of the file, a long one as several; false ends the
// walk.
func (l *loader) spend(n *yaml.Node) bool {
	if l.nodes <= 0 {
		return false
	}
	l.nodes -= 1 + len(n.Value)/256
	if l.nodes <= 0 {
		l.problem(l.here(n, ""), "holds more values than a configuration can need; it may use aliases (*name) too often")
	}
	return l.nodes > 0
}

// mapping takes over a mapping of known keys.
func (l *loader) mapping(n *yaml.Node, p place) {
	at := l.here(n, p.path)
	n = follow(n)
	if isNull(n) {
		return // a section with everything in it commented out
	}
	if n.Kind != yaml.MappingNode {
		l.problem(at, complaint("must be a mapping ("+strings.Join(l.names(p), ", ")+"), not "+describe(n)))
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content) && l.spend(n); i += 2 {
		key := follow(n.Content[i])
		if key.Kind != yaml.ScalarNode {
			l.problem(l.here(n.Content[i], p.path), "has a key that is no text")
			continue
		}
		if first, twice := seen[key.Value]; twice {
			l.problem(l.here(key, join(p.path, clip(key.Value))), complaint("is given twice, first on line "+strconv.Itoa(first)+"; remove one"))
			continue
		}
		seen[key.Value] = key.Line
		l.entry(key, n.Content[i+1], p)
	}
}

// entry takes over one key of a mapping with its value.
func (l *loader) entry(key, value *yaml.Node, p place) {
	name := key.Value
	table, path := join(p.table, name), join(p.path, name)
	if strings.ContainsAny(name, ".[]") {
		l.unknown(key, p)
		return
	}
	rows := l.at(table)
	switch {
	case len(rows) > 0:
		l.row(rows, key, value, place{table: table, path: path, of: p.of, target: p.target})
	case l.isSection(table + "[]."):
		l.given[path] = l.here(key, path)
		l.elements(value, place{table: table + "[]", path: path, target: p.target})
	case l.isSection(table + "."):
		l.given[path] = l.here(key, path)
		l.turnOn(table)
		l.mapping(value, place{table: table, path: path, target: p.target})
	default:
		l.unknown(key, p)
	}
}

// row takes over a value for the row among rows that the provider type chooses.
func (l *loader) row(rows []*row, key, value *yaml.Node, p place) {
	if p.of == anyType && rows[0].Of != "" {
		return
	}
	i := slices.IndexFunc(rows, func(r *row) bool { return r.Of == "" || r.Of == p.of })
	if i < 0 {
		l.problem(l.here(key, p.path), complaint("is a key of type "+rows[0].Of+", not of "+p.of+"; remove it or change the type"))
		return
	}
	r := rows[i]
	switch {
	case r.mapping():
		l.pairs(r, value, p)
	case r.list():
		l.texts(r, value, p)
	default:
		if tx, ok := l.scalar(r, value, p.path); ok {
			l.set(r, p.path, []text{tx}, p.target)
		}
	}
}

// scalar reads a single value and replaces its variables. ok is false when it
// has a problem, which is then listed.
func (l *loader) scalar(r *row, n *yaml.Node, path string) (tx text, ok bool) {
	tx = l.here(n, path)
	l.given[path] = text{path: path, source: tx.source, line: tx.line, bad: true}
	n = follow(n)
	switch {
	case !l.spend(n):
		return tx, false
	case isNull(n):
		l.problem(tx, "has no value; give one or remove the key")
		return tx, false
	case n.Kind != yaml.ScalarNode:
		l.problem(tx, complaint("must be a "+r.noun()+", not "+describe(n)))
		return tx, false
	case n.Tag != "" && !strings.HasPrefix(n.Tag, "!!"):
		l.problem(tx, "has a YAML tag, which means nothing here; put a value that begins with ! into quotes")
		return tx, false
	}
	lookup := l.env
	if r.Secret && l.generator != r.nginx { // a secret of the other program
		lookup = func(name string) (string, bool) { v, _ := l.env(name); return v, true }
	}
	value, changed, c := expand(n.Value, lookup)
	if c == "" && max(len(value), len(n.Value)) > maxValue {
		c = complaint("is longer than " + strconv.Itoa(maxValue) + " bytes; no value needs that")
	}
	if c != "" {
		l.problem(tx, c)
		return tx, false
	}
	tx.value, tx.shown, tx.expanded = value, n.Value, changed
	return tx, true
}

// noun names a single value of the row's type.
func (r *row) noun() string {
	switch r.Type {
	case TypeEnum:
		return "single value: " + orList(r.Enum)
	case TypeAddresses, TypePatterns, TypeTexts:
		return "text or a list of texts"
	}
	return "single value (" + string(r.Type) + ")"
}

// texts reads a list of values, or one that stands for a list of one.
func (l *loader) texts(r *row, n *yaml.Node, p place) {
	list := follow(n)
	if list.Kind != yaml.SequenceNode {
		if tx, ok := l.scalar(r, n, p.path); ok {
			l.set(r, p.path, []text{tx}, p.target)
		}
		return
	}
	at := l.here(n, p.path)
	at.bad = true // until all of it is read
	l.given[p.path] = at
	var texts []text
	whole := true
	for i, element := range list.Content {
		tx, ok := l.scalar(r, element, p.path+"["+strconv.Itoa(i)+"]")
		if l.nodes <= 0 {
			return
		}
		whole = whole && ok
		texts = append(texts, tx)
	}
	switch {
	case len(texts) == 0 && r.Default != "":
		l.problem(l.here(n, p.path), "is an empty list; give a value or remove the key")
	case whole:
		l.set(r, p.path, texts, p.target)
	}
}

// pairs reads a mapping of names to values. A secret that is empty counts as
// none.
func (l *loader) pairs(r *row, n *yaml.Node, p place) {
	m := follow(n)
	if m.Kind != yaml.MappingNode {
		l.problem(l.here(n, p.path), complaint("must be a mapping such as "+r.Example+", not "+describe(m)))
		return
	}
	values := map[string]string{}
	for i := 0; i+1 < len(m.Content) && l.spend(m); i += 2 {
		name := follow(m.Content[i]).Value
		path := join(p.path, clip(name))
		tx, ok := l.scalar(r, m.Content[i+1], path)
		if !ok {
			continue
		}
		v, c := any(""), complaint("")
		if tx.value != "" || !r.Secret {
			v, c = l.parse(r, tx)
		}
		if wrong := r.name(name); wrong != "" {
			tx.shown, c = "", wrong
		} else if _, twice := values[name]; twice {
			tx.shown, c = "", "is given twice; remove one"
		}
		if c != "" {
			l.bad(r, tx, c)
			continue
		}
		values[name], _ = v.(string)
	}
	maps.DeleteFunc(values, func(_, value string) bool { return value == "" })
	assign(r.field(p.target), []any{values}, false)
}
