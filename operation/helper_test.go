package operation_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/operation"
)

// declared reads one declaration as a module.yaml has it.
func declared(t *testing.T, text string) operation.Descriptor {
	t.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	list, err := operation.ParseYAML(doc.Content[0])
	if err != nil {
		t.Fatal(err)
	}
	return list[0]
}

// serve returns a server of operations.
func serve(t testing.TB, ops ...*operation.Operation) http.Handler {
	t.Helper()
	a := &httpx.Adapter{}
	var routes []operation.Route
	for _, op := range ops {
		routes = append(routes, operation.Route{Operation: op, Owner: "test"})
	}
	router, err := operation.NewRouter(routes)
	if err != nil {
		t.Fatal(err)
	}
	return a.Handle("all", func(w http.ResponseWriter, r *http.Request) error {
		m, err := router.Match(r.Method, r.URL.EscapedPath())
		switch {
		case err != nil:
			return err
		case m.Allow != nil:
			return outcome.New(outcome.MethodNotAllowed, "only %q", m.Allow)
		case m.Route == nil:
			return outcome.New(outcome.Declined, "no such path")
		}
		return m.Route.Operation.Serve(w, r, m.Path, nil)
	})
}

// made compiles an operation of a declaration and a handler.
func made(t *testing.T, text string, impl operation.Implementation, o operation.Options) *operation.Operation {
	t.Helper()
	op, err := operation.New(declared(t, text), impl, o)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

// echo answers the arguments.
func echo(_ context.Context, c *operation.Call) (operation.Answer, error) {
	args := map[string]any{}
	for i, p := range c.Descriptor.Params {
		if c.Given(i) {
			args[p.Name] = c.Args()[i]
		}
	}
	for k, v := range c.More {
		args["+"+k] = v
	}
	return operation.Answer{Value: args}, nil
}

// ask sends one request, written "METHOD target", with headers "Name: value".
func ask(h http.Handler, line, body string, headers ...string) *http.Response {
	method, target, _ := strings.Cut(line, " ")
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for _, header := range headers {
		k, v, _ := strings.Cut(header, ": ")
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func bodyOf(t *testing.T, r *http.Response) string {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}

// adapted answers errors as the daemon does.
func adapted(h httpx.HandlerFunc) http.Handler { return (&httpx.Adapter{}).Handle("test", h) }
