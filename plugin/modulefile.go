package plugin

import (
	"encoding/json"
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"

	"github.com/registryd/registryd/internal/outcome"
)

// ModuleFile declares the operations of a module, beside its code or without any.
const ModuleFile = "module.yaml"

// EngineData runs nothing: a module of declarations alone, whose operations need no code.
const EngineData = "data"

// moduleManifest reads the manifest of a directory of modules: plugin.yaml, "registryd" of package.json, or what
// module.yaml has of it; none at all stands for the defaults. Errors: outcome.Invalid.
func (u *unit) moduleManifest() (Manifest, error) {
	data, err := u.moduleText()
	if err != nil {
		return Manifest{}, err
	}
	m, err := u.parse(data)
	if err != nil {
		return m, err
	}
	if m.Kind == "" {
		m.Kind = KindModule
	}
	if m.Engine != EngineJS || m.Main != "" {
		return m, nil
	}
	if m.Main, err = u.findMain(); err == nil || u.notes != ModuleFile {
		return m, err
	}
	m.Engine, m.Limits.CPU, m.Limits.Memory = EngineData, 0, 0
	m.Limits.MinInstances = 1
	return m, nil
}

// moduleText is the manifest as text; nil: there is none.
func (u *unit) moduleText() ([]byte, error) {
	switch u.notes {
	case "":
		return nil, nil
	case "package.json":
		return u.packageText()
	case ModuleFile:
		return u.declarationText()
	}
	return u.manifestText()
}

// packageText takes "registryd" and "main" out of a package.json; either may be missing.
func (u *unit) packageText() ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(u.dir, u.notes))
	if err != nil {
		return nil, outcome.Wrap(outcome.Invalid, err, "%s", u.notes)
	}
	var doc struct {
		Main      string
		Registryd map[string]any
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, outcome.New(outcome.Invalid, "package.json: %v", err)
	}
	if doc.Registryd == nil {
		doc.Registryd = map[string]any{}
	}
	if doc.Registryd["main"] == nil && doc.Main != "" && doc.Registryd["engine"] != EngineProcess {
		doc.Registryd["main"] = doc.Main
	}
	return json.Marshal(doc.Registryd)
}

// declarationText takes the keys of a manifest out of a module.yaml: all but what declares operations.
func (u *unit) declarationText() ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(u.dir, u.notes))
	if err != nil {
		return nil, outcome.Wrap(outcome.Invalid, err, "%s", u.notes)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, outcome.New(outcome.Invalid, "%s: %s", u.notes, notation(err))
	}
	if name, ok := doc["module"]; ok && doc["name"] == nil {
		doc["name"] = name
	}
	for _, key := range []string{"module", "operations", "protocol", "description"} {
		delete(doc, key)
	}
	return yaml.Marshal(doc)
}
