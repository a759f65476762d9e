package module_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/testenv"
	"github.com/registryd/registryd/module"
	"github.com/registryd/registryd/operation"
)

// wide declares everything that a declaration can say.
type wide struct{}

func (wide) Operations() []module.Operation {
	handle := operation.Implementation{Handle: func(context.Context, *operation.Call) (operation.Answer, error) { return operation.Answer{}, nil }}
	list := []module.Operation{
		{Implementation: handle, Descriptor: operation.Descriptor{Path: "/any/:id", Params: []operation.Param{
			{Name: "id", Description: "which"}, {Name: "q", JSON: true, HasDefault: true, Default: []any{1.0}}, {Name: "x-h", In: operation.InHeader, Optional: true},
			{Name: "old", Schema: map[string]any{"type": []any{"string", "null"}, "required": true, "divisibleBy": 2.0}},
		}}},
		{Implementation: handle, Descriptor: operation.Descriptor{
			Name: "post", Path: "/post/{a}/{b}", Method: "POST", Key: true, Description: "posts", Params: []operation.Param{{Name: "n", Type: "Number"}, {Name: "d", Type: "date"}},
			Faults:      []operation.Fault{{Name: "a", Status: 404, Message: "no"}, {Name: "b", Status: 404, Message: "never"}, {Name: "c"}},
			Response:    operation.Response{Status: 201, List: true, Keys: []operation.Key{{Name: "k", Type: "string"}}},
			LongRunning: &operation.LongRunning{},
		}},
		{Implementation: handle, Descriptor: operation.Descriptor{Path: "/files/*", Method: "GET"}},
	}
	for _, subset := range operation.Protocols() {
		endpoints, err := operation.Protocol(subset)
		if err != nil {
			panic(err)
		}
		for _, d := range endpoints {
			d.Name = subset + "." + d.Name
			d.Path = "/" + subset + d.Path
			list = append(list, module.Operation{Descriptor: d, Implementation: handle})
		}
	}
	return list
}

// validate is what a public validator says of a document. REGISTRYD_OFFLINE=1 leaves it out.
const validate = `
import {Validator} from '@seriousme/openapi-schema-validator'
import {readFileSync} from 'node:fs'
const v = new Validator()
const result = await v.validate(JSON.parse(readFileSync(process.argv[2], 'utf8')))
if (!result.valid || v.version !== '3.1') { console.error(v.version, JSON.stringify(result.errors, null, 1)); process.exit(1) }
`

func TestOpenAPI_D10(t *testing.T) {
	t.Parallel()
	testenv.Network(t)
	w := newWorld(t, "wide")
	tasks := operation.NewTasks(operation.TaskConfig{})
	t.Cleanup(tasks.Close)
	w.set = module.NewSet(module.SetConfig{
		Factories: map[string]module.Factory{"wide": func(context.Context) (module.Module, error) { return wide{}, nil }}, API: w.api,
		Options: func() operation.Options { return operation.Options{Tasks: tasks} },
	})
	if c := w.reload(all); len(c.Failed) > 0 {
		t.Fatal(c.Failed)
	}
	doc, err := json.Marshal((&module.Server{API: w.api, Prefix: "/m/", Adapter: &httpx.Adapter{}}).OpenAPI("http://localhost"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, data := range map[string]string{"doc.json": string(doc), "validate.mjs": validate, "bad.json": `{"openapi":"3.1.0","paths":{}}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	testenv.NPM(t, dir, "@seriousme/openapi-schema-validator@2.11.0")
	for name, good := range map[string]bool{"doc.json": true, "bad.json": false} {
		node := exec.CommandContext(t.Context(), testenv.Program(t, "node"), "validate.mjs", name)
		node.Dir = dir
		if out, err := node.CombinedOutput(); (err == nil) != good {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}
