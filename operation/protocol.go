package operation

import (
	"embed"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/registryd/registryd/internal/outcome"
)

//go:embed protocols
var protocols embed.FS

// Protocols are the names of the subsets that are built in.
func Protocols() []string { return []string{"build", "deploy", "health", "registry"} }

// Protocol returns the declarations of a built-in subset, without handlers. Errors: outcome.Invalid for one that there
// is not.
func Protocol(subset string) ([]Descriptor, error) {
	if !slices.Contains(Protocols(), subset) {
		return nil, outcome.New(outcome.Invalid, "there is no protocol %q; there are %q", subset, Protocols())
	}
	data, err := protocols.ReadFile("protocols/" + subset + ".yaml")
	if err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	return ParseYAML(doc.Content[0])
}
