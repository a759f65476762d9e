package plugin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// checkSchema checks a configuration against its schema. Errors: plain ones, for whoever writes manifests.
func checkSchema(schema, config json.RawMessage) error {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return fmt.Errorf("configSchema: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.UseLoader(noSchemas{})
	if err := compiler.AddResource("manifest:configSchema", doc); err != nil {
		return fmt.Errorf("configSchema: %w", err)
	}
	compiled, err := compiler.Compile("manifest:configSchema")
	if err != nil {
		return fmt.Errorf("configSchema: %s", oneLine(err.Error()))
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(config))
	if err != nil {
		return fmt.Errorf("config: %w", err)
	}
	if err := compiled.Validate(value); err != nil {
		return fmt.Errorf("config: %s", oneLine(violations(err)))
	}
	return nil
}

// violations leaves out the line of a validation error that names the schema, which says nothing to a person.
func violations(err error) string {
	_, rest, found := strings.Cut(err.Error(), "\n")
	if !found {
		return err.Error()
	}
	return rest
}

func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(c rune) bool { return c == '\n' || c == '\r' }), "; ")
}

// noSchemas refuses references to other documents: a manifest stands for itself.
type noSchemas struct{}

// Load is part of jsonschema.URLLoader.
func (noSchemas) Load(url string) (any, error) { return nil, errors.New("refers to " + url) }
