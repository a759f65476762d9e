package operation

import (
	"maps"
	"slices"
	"strings"
)

// convertSchema turns a schema of draft 3 into one of 2020-12. What is of the latter already stays as it is. It
// converts: a bare name of a type; "any"; types that are unions, with schemas in them; "required" as a boolean of a
// property; exclusive bounds as booleans; divisibleBy, disallow, extends, dependencies, and items as a list.
func convertSchema(doc any) any {
	switch d := doc.(type) {
	case string:
		if d == "any" {
			return true
		}
		return map[string]any{"type": typeName(d)}
	case []any:
		return convertSchema(map[string]any{"type": d})
	case map[string]any:
		return convertObject(d)
	}
	return doc
}

// typeName spells a type as JSON schema does, also where it is written as a constructor.
func typeName(name string) string {
	switch lower := strings.ToLower(name); lower {
	case "string", "number", "integer", "boolean", "null", "object", "array":
		return lower
	case "bool":
		return "boolean"
	}
	return name
}

func convertObject(d map[string]any) any {
	if builtin, ok := d["$builtin"].(string); ok {
		return convertSchema(typeName(builtin))
	}
	out := map[string]any{}
	for k, v := range d {
		switch k {
		case "type":
			convertType(v, out)
		case "required":
			if _, old := v.(bool); !old {
				out[k] = v
			}
		case "properties":
			out[k] = convertMap(v)
		case "items":
			convertItems(v, d, out)
		case "additionalItems":
			if _, list := d["items"].([]any); !list {
				out[k] = v
			}
		case "exclusiveMinimum", "exclusiveMaximum":
			convertBound(k, v, d, out)
		case "minimum", "maximum":
			if flag, _ := d["exclusiveM"+k[1:]].(bool); !flag {
				out[k] = v
			}
		case "divisibleBy":
			out["multipleOf"] = v
		case "disallow":
			out["not"] = convertSchema(map[string]any{"type": v})
		case "extends":
			out["allOf"] = converted(v)
		case "dependencies":
			convertDependencies(v, out)
		case "pattern":
			out[k] = patternOf(v)
		case "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames":
			out[k] = convertSchema(v)
		case "allOf", "anyOf", "oneOf":
			out[k] = converted(v)
		case "patternProperties", "$defs", "definitions":
			out[k] = convertMap(v)
		default:
			out[k] = v
		}
	}
	gatherRequired(d, out)
	return out
}

// patternOf takes the source of a regular expression that code wrote down.
func patternOf(v any) any {
	if m, ok := v.(map[string]any); ok && m["$regexp"] != nil {
		return m["$regexp"]
	}
	return v
}

// converted makes a list of schemas of a schema or a list of them.
func converted(v any) []any {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	out := make([]any, len(list))
	for i := range list {
		out[i] = convertSchema(list[i])
	}
	return out
}

func convertMap(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := map[string]any{}
	for k, e := range m {
		out[k] = convertSchema(e)
	}
	return out
}

// convertType handles names, constructors, and unions.
func convertType(v any, out map[string]any) {
	switch t := v.(type) {
	case string:
		if t != "any" {
			out["type"] = typeName(t)
		}
	case map[string]any:
		if m, ok := convertSchema(t).(map[string]any); ok {
			maps.Copy(out, m)
		}
	case []any:
		names, nested := []any{}, false
		for _, e := range t {
			name, ok := e.(string)
			if name == "any" {
				return
			}
			if m, isMap := e.(map[string]any); isMap {
				if builtin, is := m["$builtin"].(string); is {
					name, ok = builtin, true
				}
			}
			nested = nested || !ok
			names = append(names, typeName(name))
		}
		if nested {
			out["anyOf"] = converted(t)
			return
		}
		out["type"] = names
	default:
		out["type"] = v
	}
}

// gatherRequired names the properties that say of themselves that they are required.
func gatherRequired(d, out map[string]any) {
	properties, _ := d["properties"].(map[string]any)
	required, _ := d["required"].([]any)
	required = slices.Clone(required)
	for name, p := range properties {
		if m, ok := p.(map[string]any); ok && m["required"] == true {
			required = append(required, name)
		}
	}
	if len(required) > 0 {
		out["required"] = required
	}
}

func convertItems(v any, d, out map[string]any) {
	list, ok := v.([]any)
	if !ok {
		out["items"] = convertSchema(v)
		return
	}
	out["prefixItems"] = converted(list)
	if rest, ok := d["additionalItems"]; ok {
		out["items"] = convertSchema(rest)
	}
}

func convertBound(k string, v any, d, out map[string]any) {
	flag, old := v.(bool)
	if !old {
		out[k] = v
		return
	}
	if bound, ok := d["m"+k[len("exclusiveM"):]]; ok && flag {
		out[k] = bound
	}
}

func convertDependencies(v any, out map[string]any) {
	m, ok := v.(map[string]any)
	if !ok {
		return
	}
	names, schemas := map[string]any{}, map[string]any{}
	for k, e := range m {
		switch e := e.(type) {
		case string:
			names[k] = []any{e}
		case []any:
			names[k] = e
		default:
			schemas[k] = convertSchema(e)
		}
	}
	if len(names) > 0 {
		out["dependentRequired"] = names
	}
	if len(schemas) > 0 {
		out["dependentSchemas"] = schemas
	}
}
