package operation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schema checks values. Those that name a primitive type and bounds alone are checked without the library.
type schema struct {
	types []string // primitive types that the schema allows; nil: it says nothing of types
	min   float64
	max   float64
	full  *jsonschema.Schema // nil: types and bounds are all
}

// compileSchema makes a schema of a document in either style. Errors: plain ones, for whoever writes modules.
func compileSchema(doc any) (*schema, error) {
	if doc == nil {
		return nil, nil
	}
	converted := convertSchema(doc)
	m, ok := converted.(map[string]any)
	if !ok {
		if b, isBool := converted.(bool); isBool && b {
			return nil, nil
		}
		m = map[string]any{"not": map[string]any{}}
	}
	s := &schema{types: typesOf(m), min: math.Inf(-1), max: math.Inf(1)}
	if s.simple(m) {
		return s, nil
	}
	data, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(alone{})
	if err := c.AddResource("operation:schema", value); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	if s.full, err = c.Compile("operation:schema"); err != nil {
		return nil, fmt.Errorf("schema: %s", oneLine(err.Error()))
	}
	return s, nil
}

// alone refuses references to other documents.
type alone struct{}

// Load is part of jsonschema.URLLoader.
func (alone) Load(url string) (any, error) { return nil, errors.New("refers to " + url) }

// simple reports whether types and inclusive bounds are all that the schema says, and keeps them.
func (s *schema) simple(m map[string]any) bool {
	for k, v := range m {
		switch k {
		case "type", "description", "title":
		case "minimum", "maximum":
			n, ok := number(v)
			if !ok {
				return false
			}
			if k == "minimum" {
				s.min = n
			} else {
				s.max = n
			}
		default:
			return false
		}
	}
	for _, t := range s.types {
		if !slices.Contains([]string{"string", "number", "integer", "boolean", "null", "object", "array"}, t) {
			return false
		}
	}
	_, named := m["type"]
	return !named || s.types != nil
}

func typesOf(m map[string]any) []string {
	switch t := m["type"].(type) {
	case string:
		return []string{t}
	case []any:
		var all []string
		for _, e := range t {
			if text, ok := e.(string); ok {
				all = append(all, text)
			}
		}
		return all
	}
	return nil
}

// allows reports whether a type is one of those that the schema names.
func (s *schema) allows(kind string) bool {
	return s != nil && (slices.Contains(s.types, kind) || kind == "integer" && slices.Contains(s.types, "number"))
}

// check says what is wrong with a value; "" for nothing.
func (s *schema) check(v any) string {
	if s == nil {
		return ""
	}
	if s.full != nil {
		err := s.full.Validate(v)
		if err == nil {
			return ""
		}
		_, rest, found := strings.Cut(err.Error(), "\n")
		if !found {
			rest = err.Error()
		}
		return oneLine(rest)
	}
	n, isNumber := number(v)
	if len(s.types) == 1 && s.types[0] == "number" && isNumber && n >= s.min && n <= s.max {
		return ""
	}
	if s.types != nil && !s.fits(v) {
		return fmt.Sprintf("is %s, must be %s", kindOf(v), strings.Join(s.types, " or "))
	}
	switch {
	case isNumber && n < s.min:
		return fmt.Sprintf("must be at least %v", s.min)
	case isNumber && n > s.max:
		return fmt.Sprintf("must be at most %v", s.max)
	}
	return ""
}

func isType(v any, n float64, isNumber bool, t string) bool {
	switch t {
	case "number":
		return isNumber
	case "integer":
		return isNumber && n == math.Trunc(n)
	}
	return kindOf(v) == t
}

// kindOf names the type of a value as JSON does.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "boolean"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return "number"
}

// number returns the value of a number, however it was read.
func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case int64:
		return float64(n), true
	case int:
		return float64(n), true
	case json.Number:
		f, err := n.Float64()
		return f, err == nil
	}
	return 0, false
}

func oneLine(text string) string {
	lines := strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || c == '\r' })
	for i := range lines {
		lines[i] = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(lines[i]), "- "))
	}
	return strings.Join(lines, "; ")
}

// JSONSchema returns the schema of the parameter as JSON schema of version 2020-12 says it: a map[string]any, or a
// bool; nil: anything.
func (p *Param) JSONSchema() any {
	doc, _ := p.document()
	return convertSchema(doc)
}
