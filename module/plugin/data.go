package plugin

import (
	"context"
	"encoding/json"

	"github.com/registryd/registryd/internal/outcome"
	core "github.com/registryd/registryd/plugin"
)

// Data is the engine of modules that have no code: a module.yaml alone. Its zero value is ready.
type Data struct{}

// Load is part of plugin.Engine. Errors: none.
func (Data) Load(context.Context, core.Source, core.Host) (core.Program, error) {
	return dataProgram{}, nil
}

// dataProgram runs nothing.
type dataProgram struct{}

// Start is part of plugin.Program.
func (dataProgram) Start(context.Context) (core.Instance, error) { return dataInstance{}, nil }

// Files is part of plugin.Program: the manifest is all there is.
func (dataProgram) Files() []string { return nil }

// Close is part of plugin.Program.
func (dataProgram) Close() error { return nil }

type dataInstance struct{}

// Describe is part of plugin.Instance.
func (dataInstance) Describe(context.Context) (core.Description, error) {
	return core.Description{}, nil
}

// Call is part of plugin.Instance.
func (dataInstance) Call(_ context.Context, fn string, _ ...json.RawMessage) (json.RawMessage, error) {
	if fn == core.HookAttach || fn == core.HookDetach {
		return nil, nil
	}
	return nil, outcome.New(outcome.NotFound, "there is no code")
}

// Reusable is part of plugin.Instance.
func (dataInstance) Reusable() bool { return true }

// Close is part of plugin.Instance.
func (dataInstance) Close() error { return nil }
