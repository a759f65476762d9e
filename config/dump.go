package config

import (
	"reflect"
	"slices"
	"strings"
)

// redacted stands for a secret that is set.
const redacted = "(set)"

// String writes what is in force as one "key: value" line per key, in the
// table's order, list elements counted from 0. Values are written as in the
// file, secrets as "(set)", and keys without a value are left out.
func (c *Config) String() string {
	var b strings.Builder
	c.each(func(r *row, path string, field any) {
		s := r.format(field)
		if r.Secret && s != "" {
			s = redacted
		}
		if s != "" {
			b.WriteString(path + ": " + s + "\n")
		}
	})
	return b.String()
}

// RestartKeys names the keys that differ between old and c and that a reload
// cannot take over, in the table's order; none when c may replace old.
func (c *Config) RestartKeys(old *Config) []string {
	var changed []string
	compare := func(fields map[string]any, with *Config) {
		with.each(func(r *row, path string, field any) {
			if r.Reload == ByRestart && !same(fields[path], field) && !slices.Contains(changed, path) {
				changed = append(changed, path)
			}
		})
	}
	compare(old.fixed(), c)
	compare(c.fixed(), old) // what is not there any more
	return changed
}

// fixed are pointers to the fields that only a restart can change. A section that is off has none.
func (c *Config) fixed() map[string]any {
	m := map[string]any{}
	c.each(func(r *row, path string, field any) {
		if r.Reload == ByRestart {
			m[path] = field
		}
	})
	return m
}

// same compares two fields. In a section that is off, which is nil, nothing is set.
func same(a, b any) bool {
	if a == nil {
		return reflect.ValueOf(b).Elem().IsZero()
	}
	return reflect.DeepEqual(a, b)
}

// each calls visit for every key that exists in c, with a pointer to its field.
func (c *Config) each(visit func(r *row, path string, field any)) {
	rows, done := table(), map[string]bool{}
	for i := range rows {
		r := &rows[i]
		if c.off(r.section()) {
			continue
		}
		table, _, inList := strings.Cut(r.Path, "[]")
		if !inList {
			visit(r, r.Path, r.field(target{cfg: c}))
		} else if !done[table] {
			done[table] = true
			c.eachElement(rows, table, visit)
		}
	}
}

func (c *Config) eachElement(rows []row, list string, visit func(r *row, path string, field any)) {
	for i, t := range c.elements(list) {
		for j := range rows {
			r := &rows[j]
			name, ok := strings.CutPrefix(r.Path, list+"[].")
			if ok && (t.provider == nil || r.Of == "" || r.Of == t.provider.Type) {
				visit(r, index(list, i)+"."+name, r.field(t))
			}
		}
	}
}

// off reports whether an optional section does not exist.
func (c *Config) off(section string) bool {
	switch section {
	case "admin":
		return c.Admin == nil
	case "components":
		return c.Components == nil
	case "modules":
		return c.Modules == nil
	case "plugins":
		return c.Plugins == nil
	}
	return false
}

// elements returns the elements of a list of mappings.
func (c *Config) elements(list string) []target {
	var all []target
	switch list {
	case "providers":
		for i := range c.Providers {
			all = append(all, target{cfg: c, provider: &c.Providers[i]})
		}
	case "policy.rules":
		for i := range c.Policy.Rules {
			all = append(all, target{cfg: c, rule: &c.Policy.Rules[i]})
		}
	case "components.rules":
		for i := range c.Components.Rules {
			all = append(all, target{cfg: c, rule: &c.Components.Rules[i]})
		}
	case "admin.tokens":
		for i := range c.Admin.Tokens {
			all = append(all, target{cfg: c, token: &c.Admin.Tokens[i]})
		}
	}
	return all
}
