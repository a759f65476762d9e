package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/registryd/registryd/config"
)

// TestSchema checks samples against the schema, with the few keywords that it
// uses.
func TestSchema(t *testing.T) {
	t.Parallel()
	var schema map[string]any
	if err := json.Unmarshal(config.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	sample, err := os.ReadFile("../sample/registryd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		content string
		valid   bool
	}{
		"the sample":          {string(sample), true},
		"nothing":             {"{}", true},
		"numbers":             {"{cachetime: 0, limits: {tarball: 5, entries: 7}, nginx: {listen: 80, brotli_static: true}}", true},
		"variables":           {"{offline: '${A}', limits: {entries: '${B:-1}', body: '${C}'}, accel: '${D}', cachetime: '${E}'}", true},
		"lists":               {"{listen: [a, b], policy: {rules: [{deny: x}, {allow: [x, y]}]}}", true},
		"scopes":              {"providers: [{type: npm, scopes: {'@a': 'https://a.example'}}]", true},
		"tokens":              {"providers: [{type: github, scope: {a: x}, repo: {'@a/b': '${C}'}, pages: 3}]", true},
		"templates":           {"providers: [{type: url, url: 'https://a.example/{version}/{path}'}, {type: jsdelivr, source: gh}]", true},
		"no template":         {"providers: [{type: url}]", false},
		"empty section":       {"modules: ~", true},
		"unknown key":         {"{oops: 1}", false},
		"unknown nested key":  {"{root: {pbu: /x/}}", false},
		"other type's key":    {"providers: [{type: npm, path: /x}]", false},
		"no type":             {"providers: [{name: x}]", false},
		"unknown type":        {"providers: [{type: gitlab}]", false},
		"no path":             {"providers: [{type: dir}]", false},
		"mapping for a list":  {"providers: {type: npm}", false},
		"list for a text":     {"root: {pub: [a]}", false},
		"bad choice":          {"accel: maybe", false},
		"bad switch":          {"offline: sometimes", false},
		"bad size":            {"limits: {body: much}", false},
		"number out of range": {"limits: {depth: 0}", false},
		"time without unit":   {"cachetime: 60", false},
		"bad scope":           {"providers: [{type: npm, scopes: {a: 'https://a.example'}}]", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var doc any
			if err := yaml.Unmarshal([]byte(c.content), &doc); err != nil {
				t.Fatal(err)
			}
			if err := check(schema, doc); (err == nil) != c.valid {
				t.Errorf("valid is not %v: %v", c.valid, err)
			}
		})
	}
}

// TestSchemaTakesExamples wants the schema to allow what Load allows.
func TestSchemaTakesExamples(t *testing.T) {
	t.Parallel()
	var schema map[string]any
	if err := json.Unmarshal(config.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	for _, k := range config.Keys() {
		for _, value := range []string{k.Example, k.Default} {
			var doc any
			if err := yaml.Unmarshal([]byte(file(k, value)), &doc); err != nil {
				t.Fatal(err)
			}
			if err := check(schema, doc); value != "" && err != nil {
				t.Errorf("%s: %v", file(k, value), err)
			}
		}
	}
}

// check applies a schema to a value.
func check(schema map[string]any, v any) error {
	for keyword, want := range schema {
		var err error
		switch keyword {
		case "type":
			err = checkType(want, v)
		case "enum":
			if !slices.Contains(want.([]any), v) {
				err = fmt.Errorf("%v is none of %v", v, want)
			}
		case "const":
			if v != want {
				err = fmt.Errorf("%v is not %v", v, want)
			}
		case "pattern":
			if s, ok := v.(string); ok && !regexp.MustCompile(want.(string)).MatchString(s) {
				err = fmt.Errorf("%q does not match %v", s, want)
			}
		case "minimum", "maximum":
			if n, ok := v.(int); ok && (keyword == "minimum") == (float64(n) < want.(float64)) && float64(n) != want.(float64) {
				err = fmt.Errorf("%d is beyond the %s %v", n, keyword, want)
			}
		case "anyOf", "oneOf":
			err = checkSome(keyword, want.([]any), v)
		case "properties", "required", "propertyNames", "items", "additionalProperties":
			err = checkParts(keyword, schema, v)
		case "$schema", "title", "description", "default":
		default:
			err = fmt.Errorf("the keyword %s is not known to this test", keyword)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func checkType(want, v any) error {
	names, ok := want.([]any)
	if !ok {
		names = []any{want}
	}
	kind := "null"
	switch v.(type) {
	case string:
		kind = "string"
	case bool:
		kind = "boolean"
	case int:
		kind = "integer"
	case float64:
		kind = "number"
	case []any:
		kind = "array"
	case map[string]any:
		kind = "object"
	}
	if slices.Contains(names, any(kind)) || kind == "integer" && slices.Contains(names, any("number")) {
		return nil
	}
	return fmt.Errorf("%v is no %v", v, want)
}

func checkSome(keyword string, all []any, v any) error {
	fits, last := 0, error(nil)
	for _, one := range all {
		if err := check(one.(map[string]any), v); err != nil {
			last = err
		} else {
			fits++
		}
	}
	if fits == 0 || fits > 1 && keyword == "oneOf" {
		return fmt.Errorf("%v fits %d of %s, at last: %w", v, fits, keyword, last)
	}
	return nil
}

// checkParts applies the keywords that speak of what is inside a value.
func checkParts(keyword string, schema map[string]any, v any) error {
	if list, ok := v.([]any); ok && keyword == "items" {
		for _, e := range list {
			if err := check(schema["items"].(map[string]any), e); err != nil {
				return err
			}
		}
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	if keyword == "required" {
		for _, name := range schema["required"].([]any) {
			if _, ok := m[name.(string)]; !ok {
				return fmt.Errorf("%v lacks %v", m, name)
			}
		}
	}
	props, _ := schema["properties"].(map[string]any)
	for name, e := range m {
		if err := checkPair(keyword, schema, props[name], name, e); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func checkPair(keyword string, schema map[string]any, prop any, name string, e any) error {
	switch {
	case keyword == "properties" && prop != nil:
		return check(prop.(map[string]any), e)
	case keyword == "propertyNames":
		return check(schema["propertyNames"].(map[string]any), name)
	case keyword == "additionalProperties" && prop == nil:
		if reflect.DeepEqual(schema["additionalProperties"], false) {
			return fmt.Errorf("not a known key")
		}
		return check(schema["additionalProperties"].(map[string]any), e)
	}
	return nil
}
