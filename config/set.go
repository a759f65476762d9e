package config

import (
	"reflect"
	"strings"
)

// set parses the texts of a row and assigns them: one, or for a list any
// number. path is the key with its list indexes.
func (l *loader) set(r *row, path string, texts []text, t target) {
	first := l.given[path] // of an empty list: where it stands
	first.bad = false
	if len(texts) > 0 {
		first = texts[0]
	}
	values := make([]any, 0, len(texts))
	for _, tx := range texts {
		l.given[tx.path] = tx
		if tx.value == "" && len(texts) == 1 && r.Default == "" && !r.Required {
			break // an empty value is the same as none
		}
		v, c := l.parse(r, tx)
		if c != "" {
			l.bad(r, tx, c)
			tx.bad, first.bad = true, true
			l.given[tx.path] = tx
			continue
		}
		values = append(values, v)
	}
	first.path = path
	l.given[path] = first
	if !first.bad {
		assign(r.field(t), values, r.list())
	}
}

func (l *loader) parse(r *row, tx text) (any, complaint) {
	if tx.value == "" {
		return nil, "is empty; give a value or remove it"
	}
	return r.parse(tx.value, l.dir)
}

// bad lists a problem of a value without giving a secret away.
func (l *loader) bad(r *row, tx text, c complaint) {
	isURL := r.Type == TypeURL || r.Type == TypeTemplate || r.Type == TypeScopes
	if r.Secret || isURL && strings.ContainsAny(tx.value, "@?#") {
		tx.shown = "" // a URL may carry a password or a key of its own
	}
	if tx.expanded && r.Type == TypePatterns {
		// What a parser of its own says may quote what the variable holds.
		c = "is not a pattern that is allowed here"
	}
	l.problem(tx, c)
}

// assign sets the field to the values: all of them for a list, else the only
// one. None is the field's zero value.
func assign(field any, values []any, list bool) {
	f := reflect.ValueOf(field).Elem()
	if len(values) == 0 {
		f.SetZero()
		return
	}
	if !list {
		f.Set(reflect.ValueOf(values[0]).Convert(f.Type()))
		return
	}
	all := reflect.MakeSlice(f.Type(), 0, len(values))
	for _, v := range values {
		all = reflect.Append(all, reflect.ValueOf(v))
	}
	f.Set(all)
}
