package client

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/registryd/registryd/internal/outcome"
)

// document is what is read of an OpenAPI document.
type document struct {
	Paths map[string]map[string]described
}

// schema is what is read of the schema of a parameter.
type schema struct {
	Description string
	Type        any // name, or list of names
}

// text reports whether it allows texts and nothing else.
func (s *schema) text() bool { return s.Type == "string" }

// described is one operation of a document.
type described struct {
	Description string
	Security    []any
	Parameters  []struct {
		Name, In, Description string
		Required              bool
		Schema                schema
	}
	RequestBody struct {
		Content map[string]struct {
			Schema struct {
				Properties map[string]schema
				Required   []string
			}
		}
	}
	Own *struct {
		Module, Operation, Begin, Done string
		Any                            bool
		Order                          []string
		Suggestions                    Suggests
	} `json:"x-registryd"`
}

// parse reads a document. Of an operation that has every method, GET is taken where nothing goes into a body.
func parse(data []byte) ([]Operation, error) {
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, outcome.Wrap(outcome.Unavailable, err, "read the list of operations")
	}
	var list []Operation
	for _, path := range slices.Sorted(maps.Keys(d.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(d.Paths[path])) {
			o := d.Paths[path][method]
			if o.Own == nil || o.Own.Any && method != "get" {
				continue
			}
			list = append(list, o.operation(strings.ToUpper(method), path))
		}
	}
	slices.SortStableFunc(list, func(a, b Operation) int { return strings.Compare(a.Module, b.Module) })
	return list, nil
}

func (d *described) operation(method, path string) Operation {
	o := Operation{
		Module: d.Own.Module, Name: d.Own.Operation, Method: method, Path: path, Description: d.Description, Key: len(d.Security) > 0,
		Begin: d.Own.Begin, Done: d.Own.Done, Suggestions: d.Own.Suggestions,
	}
	for _, p := range d.Parameters {
		required := p.Required && (p.In != "path" || !slices.Contains(d.Own.Order, p.Name+"?"))
		o.Params = append(o.Params, Param{Name: p.Name, In: p.In, Required: required, Text: p.Schema.text(), Description: p.Description})
	}
	schema := d.RequestBody.Content["application/json"].Schema
	for name, p := range schema.Properties {
		o.Params = append(o.Params, Param{Name: name, In: "body", Required: slices.Contains(schema.Required, name), Text: p.text(), Description: p.Description})
	}
	place := func(name string) int {
		return slices.IndexFunc(d.Own.Order, func(s string) bool { return strings.TrimSuffix(s, "?") == name })
	}
	slices.SortStableFunc(o.Params, func(a, b Param) int { return place(a.Name) - place(b.Name) })
	return o
}
