package config

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
)

// object is a JSON object on its way out.
type object = map[string]any

// Schema returns a JSON schema (draft 2020-12) of the file for editors,
// indented and ending in a line break. It checks names, types and choices; what
// hangs together is checked by Load alone.
func Schema() []byte {
	top := newObject("", "")
	top["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	top["title"] = "registryd.yaml"
	for _, k := range Keys() {
		if k.Of == "" {
			k.addTo(top, k.Path)
		}
	}
	perType(top)
	data, err := json.MarshalIndent(top, "", "  ")
	if err != nil {
		return nil // of maps, lists, texts and numbers: it cannot fail
	}
	return append(data, '\n')
}

func newObject(title, doc string) object {
	o := object{"type": "object", "additionalProperties": false, "properties": object{}}
	if title != "" {
		o["title"] = title
	}
	if doc != "" {
		o["description"] = doc
	}
	return o
}

// addTo puts the key into a schema, making those of its sections on the way.
func (k Key) addTo(in object, path string) {
	name, rest, nested := strings.Cut(path, ".")
	props := in["properties"].(object)
	if !nested {
		props[name] = k.schema()
		if k.Required {
			required, _ := in["required"].([]string)
			in["required"] = append(required, name)
		}
		return
	}
	name, isList := strings.CutSuffix(name, "[]")
	sub, ok := props[name].(object)
	if !ok {
		sub = newObject("", "")
		if isList {
			sub = object{"type": "array", "items": sub}
		} else {
			sub["type"] = []string{"object", "null"}
		}
		props[name] = sub
	}
	if isList {
		sub = sub["items"].(object)
	}
	k.addTo(sub, rest)
}

// perType replaces what providers[] may be by one alternative per type.
func perType(top object) {
	list := top["properties"].(object)["providers"].(object)
	var all []object
	for _, t := range providerTypes() {
		one := newObject(t.name, t.doc)
		for _, k := range Keys() {
			if name, ok := strings.CutPrefix(k.Path, "providers[]."); ok && (k.Of == "" || k.Of == t.name) {
				k.addTo(one, name)
			}
		}
		one["properties"].(object)["type"] = object{"const": t.name, "description": "What kind of source it is."}
		all = append(all, one)
	}
	list["items"] = object{"oneOf": all}
}

// schema describes the key's value.
func (k Key) schema() object {
	s := k.valueSchema()
	s["description"] = strings.ReplaceAll(k.Doc, "`", "")
	if v, ok := k.literal(); ok {
		s["default"] = v
	}
	return s
}

// variablePattern matches values that a variable is replaced in: nothing more is
// known of them.
const variablePattern = `\$\{.*\}`

func (k Key) valueSchema() object {
	text := object{"type": "string"}
	switch k.Type {
	case TypeEnum:
		return k.enumSchema()
	case TypeBool:
		return object{"anyOf": []object{{"type": "boolean"}, {"type": "string", "pattern": "^(true|false)$|" + variablePattern}}}
	case TypeInt:
		number := object{"type": "integer", "minimum": k.Min}
		if k.Max < math.MaxInt64 {
			number["maximum"] = k.Max
		}
		return object{"anyOf": []object{number, {"type": "string", "pattern": "^[0-9]+$|" + variablePattern}}}
	case TypeSize:
		return object{"anyOf": []object{{"type": "integer", "minimum": k.Min},
			{"type": "string", "pattern": "^[0-9]+ ?([kKMGT]?B|[KMGT]iB)?$|" + variablePattern}}}
	case TypeDuration:
		return object{"type": []string{"string", "integer"}, "pattern": `^[0-9]+(\.[0-9]+)?(d|h|m|s|ms|us|µs|ns)|^0$|` + variablePattern, "maximum": 0}
	case TypeAddresses, TypeTexts, TypePatterns:
		return object{"anyOf": []object{text, {"type": "array", "items": text}}}
	case TypeTokens:
		return object{"type": "object", "additionalProperties": text}
	case TypeScopes:
		return object{"type": "object", "propertyNames": object{"pattern": "^@"}, "additionalProperties": text}
	}
	return object{"type": []string{"string", "number"}}
}

// enumSchema allows a boolean where a word reads as one.
func (k Key) enumSchema() object {
	values := []any{}
	for _, word := range k.Enum {
		values = append(values, word)
		if word == "true" || word == "false" {
			values = append(values, word == "true")
		}
	}
	return object{"anyOf": []object{{"enum": values}, {"type": "string", "pattern": variablePattern}}}
}

// literal returns the default as a JSON value.
func (k Key) literal() (any, bool) {
	switch {
	case k.Default == "":
		return nil, false
	case k.Type == TypeBool || slices.Contains(k.Enum, k.Default) && (k.Default == "true" || k.Default == "false"):
		return k.Default == "true", true
	case k.Type == TypeInt:
		n, err := strconv.ParseInt(k.Default, 10, 64)
		return n, err == nil
	}
	return k.Default, true
}
