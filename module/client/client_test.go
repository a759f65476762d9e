package client_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/module"
	"github.com/registryd/registryd/module/client"
	"github.com/registryd/registryd/operation"
)

// served is a module with what a client meets.
type served struct{}

// Operations is part of module.Module.
func (served) Operations() []module.Operation {
	echo := operation.Implementation{Handle: func(_ context.Context, c *operation.Call) (operation.Answer, error) {
		if c.Text("id") == "none" {
			return operation.Answer{}, c.Fault("noBuildInfo", nil)
		}
		args := map[string]any{"method": c.Request.Method}
		for i, p := range c.Descriptor.Params {
			if c.Given(i) {
				args[p.Name] = c.Args()[i]
			}
		}
		return operation.Answer{Value: args}, nil
	}}
	return []module.Operation{
		{Implementation: echo, Descriptor: operation.Descriptor{
			Name: "startBuild", Path: "/builds/{id}", Method: "POST", Key: true, Description: "starts",
			Params: []operation.Param{{Name: "id", In: operation.InPath}, {Name: "n", In: operation.InBody, Type: "number"},
				{Name: "q", In: operation.InQuery, Optional: true}, {Name: "x-h", In: operation.InHeader, Optional: true}},
			Faults: []operation.Fault{{Name: "noBuildInfo", Message: "unknown", Suggestions: []string{"look"}}},
		}},
		{Implementation: echo, Descriptor: operation.Descriptor{Path: "/all/{opt}", Params: []operation.Param{{Name: "opt", In: operation.InPath, Optional: true}}}},
	}
}

// server serves the module.
func server(t *testing.T) string {
	t.Helper()
	api := module.NewAPI()
	set := module.NewSet(module.SetConfig{
		API: api, Options: func() operation.Options { return operation.Options{Key: func() string { return "KEY" }} },
		Factories: map[string]module.Factory{"m": func(context.Context) (module.Module, error) { return served{}, nil }},
	})
	c, err := set.Prepare(t.Context(), func(string) bool { return true })
	if err != nil || len(c.Failed) > 0 {
		t.Fatal(err, c.Failed)
	}
	table, err := module.NewTable(c.Units())
	if err != nil {
		t.Fatal(err)
	}
	api.Swap(table)
	c.Commit()
	srv := httptest.NewServer(&module.Server{API: api, Prefix: "/m/", Adapter: &httpx.Adapter{}})
	t.Cleanup(srv.Close)
	return srv.URL + "/m/"
}

func TestClient_D11_BC1_BC2_BC3(t *testing.T) {
	t.Parallel()
	base := server(t)
	call := func(key, name string, values map[string]any) (string, error) {
		t.Helper()
		c, err := client.New(t.Context(), client.Config{Base: base, Key: key})
		if err != nil {
			t.Fatal(err)
		}
		op, err := c.Find("m", name)
		if err != nil {
			t.Fatal(err)
		}
		data, err := c.Call(t.Context(), op, values)
		return string(data), err
	}
	for name, tt := range map[string]struct {
		key, operation string
		values         map[string]any
		want           string // of the answer, or of the error
	}{
		"BC2 all sources":       {"KEY", "startBuild", map[string]any{"id": "a/b", "n": 1, "q": "x y", "x-h": "h"}, `{"id":"a/b","method":"POST","n":1,"q":"x y","x-h":"h"}`},
		"BC4 kebab-case":        {"KEY", "start-build", map[string]any{"id": "a", "n": 1}, `{"id":"a","method":"POST","n":1}`},
		"BC1 missing":           {"KEY", "startBuild", map[string]any{"id": "a"}, "parameter n is missing"},
		"BC3 wrong key":         {"WRONG", "startBuild", map[string]any{"id": "a", "n": 1}, "the API key is wrong"},
		"BC3 declared":          {"KEY", "startBuild", map[string]any{"id": "none", "n": 1}, "unknown"},
		"BC1 optional, missing": {"", "/all/{opt}", nil, `{"method":"GET"}`},
		"BC1 optional, given":   {"", "all/{opt}", map[string]any{"opt": "o"}, `{"method":"GET","opt":"o"}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := call(tt.key, tt.operation, tt.values)
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
	_, err := call("KEY", "startBuild", map[string]any{"id": "none", "n": 1})
	if f, ok := errors.AsType[*client.Failure](err); !ok || f.Type != "noBuildInfo" || strings.Join(f.Suggestions, "") != "look" {
		t.Errorf("%#v", err)
	}
	if _, err := client.New(t.Context(), client.Config{Base: "http://127.0.0.1:1/"}); !errors.Is(err, outcome.Unavailable) || !strings.Contains(err.Error(), "nobody listens") {
		t.Errorf("refused: %v", err)
	}
}
