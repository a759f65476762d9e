package operation_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/registryd/registryd/operation"
)

// bound returns a server of one endpoint of a built-in subset.
func bound(t *testing.T, subset, name string, handle func(context.Context, *operation.Call) (operation.Answer, error)) http.Handler {
	t.Helper()
	list, err := operation.Protocol(subset)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range list {
		if d.Name == name {
			op, err := operation.New(d, operation.Implementation{Handle: handle}, operation.Options{Key: func() string { return "KEY" }})
			if err != nil {
				t.Fatal(err)
			}
			return serve(t, op)
		}
	}
	t.Fatalf("%s has no %s", subset, name)
	return nil
}

const key = "Authorization: KEY"

func TestProtocol(t *testing.T) {
	t.Parallel()
	run := false
	start := bound(t, "build", "start", func(ctx context.Context, c *operation.Call) (operation.Answer, error) {
		run = true
		a, err := echo(ctx, c)
		a.Value.(map[string]any)["name"] = "n"
		return a, err
	})
	for _, tt := range []struct {
		name, line, body, header string
		status                   int
		want                     string
	}{
		{"B-R8 no key", "POST /builds/", `{"repository":"r"}`, "X: y", 403, "Forbidden"},
		{"B-R8 wrong key before parameters", "POST /builds/", `{}`, "Authorization: KEYS", 403, "Forbidden"},
		{"B-R8 Bearer is taken too", "POST /builds/", `{"repository":"r"}`, "Authorization: Bearer KEY", 200, `"repository":"r"`},
		{"B-R2 slash is of no account", "POST /builds", `{"repository":"r"}`, key, 200, `"repository":"r"`},
		{"B-R3 no query", "POST /builds/?repository=r", `{}`, key, 422, `"type":"malformedRequest"`},
		{"B-R4 camel case", "POST /builds/", `{"Repository":"r","fooBar":1}`, key, 200, `"+foo-bar":1`},
		{"B-R5 missing", "POST /builds/", `{}`, key, 422, "repository"},
		{"B-R6 wrong type", "POST /builds/", `{"repository":42}`, key, 422, `"param":"repository"`},
		{"B-R6 coerced", "POST /builds/", `{"repository":"r","force":"true"}`, key, 200, `"force":true`},
		{"B-R7 malformed", "POST /builds/", `{"repository"`, key, 400, `"type":"invalid"`},
		{"B-S6 method", "DELETE /builds/", ``, key, 405, ""},
		{"B-S6 path", "GET /nothing", ``, key, 404, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			run = false
			res := ask(start, tt.line, tt.body, tt.header)
			if got := bodyOf(t, res); res.StatusCode != tt.status || !strings.Contains(got, tt.want) {
				t.Errorf("%d %s", res.StatusCode, got)
			}
			if run != (tt.status == 200) {
				t.Errorf("the handler ran: %t", run)
			}
		})
	}
	if res := ask(start, "POST /builds/", "repository=r", key, "Content-Type: text/plain"); res.StatusCode != 422 {
		t.Errorf("B-R7: a body of another type: %d", res.StatusCode)
	}
	if got := bodyOf(t, ask(start, "POST /builds/", "{}")); got != "Forbidden" {
		t.Errorf("B-R8: %q", got)
	}
}

func TestProtocolAnswers(t *testing.T) {
	t.Parallel()
	answer := func(v any) func(context.Context, *operation.Call) (operation.Answer, error) {
		return func(context.Context, *operation.Call) (operation.Answer, error) {
			return operation.Answer{Value: v}, nil
		}
	}
	fault := func(name string) func(context.Context, *operation.Call) (operation.Answer, error) {
		return func(_ context.Context, c *operation.Call) (operation.Answer, error) {
			return operation.Answer{}, c.Fault(name, errors.New("secret cause"))
		}
	}
	full := map[string]any{"name": "n", "start-time": nil, "status": "s", "phase": "p", "repository": "r", "extra": 1}
	for name, tt := range map[string]struct {
		subset, endpoint, line string
		handle                 func(context.Context, *operation.Call) (operation.Answer, error)
		status                 int
		want                   string
	}{
		"B-S1 object":              {"build", "status", "GET /builds/x", answer(full), 200, `"extra":1`},
		"B-S1 nothing":             {"registry", "fetchAll", "GET /templates/", answer(nil), 200, "OK"},
		"B-S2 list":                {"build", "statusAll", "GET /builds/", answer([]any{full}), 200, `[{`},
		"B-S2 empty list":          {"build", "statusAll", "GET /builds/", answer([]any{}), 200, `[]`},
		"B-S3 all that is missing": {"build", "status", "GET /builds/x", answer(map[string]any{"name": 1}), 500, "start-time, status, phase, repository"},
		"B-S3 list for object":     {"build", "status", "GET /builds/x", answer([]any{}), 500, `"type":"badResponse"`},
		"B-S3 object for list":     {"build", "statusAll", "GET /builds/", answer(full), 500, `"type":"badResponse"`},
		"B-S3 nothing for object":  {"build", "status", "GET /builds/x", answer(nil), 500, `"type":"badResponse"`},
		"B-S3 no JSON for object":  {"build", "status", "GET /builds/x", answer(json.RawMessage(nil)), 500, `"type":"badResponse"`},
		"B-S4 declared error":      {"registry", "fetch", "GET /templates/none", fault("doesNotExist"), 404, `{"type":"doesNotExist","error":"There is no such template"}`},
		"B-S4 uninterpolated":      {"build", "status", "GET /builds/x", fault("noBuildInfo"), 500, `{"type":"noBuildInfo","error":"`},
		"undeclared error":         {"build", "status", "GET /builds/x", fault("other"), 500, `{"type":"internal","error":"internal error"}`},
		"B-R2 optional segment":    {"deploy", "statusAll", "GET /applications", answer([]any{}), 200, `[]`},
		"B-R2 optional, given":     {"deploy", "statusAll", "GET /applications/t/", answer([]any{}), 200, `[]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := ask(bound(t, tt.subset, tt.endpoint, tt.handle), tt.line, "", key)
			got := bodyOf(t, res)
			if res.StatusCode != tt.status || !strings.Contains(got, tt.want) || strings.Contains(got, "secret") {
				t.Errorf("%d %s", res.StatusCode, got)
			}
		})
	}
}

func TestKebab_BR4(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"templateName": "template-name", "template_name": "template-name", "repoURL": "repo-url", "image2name": "image-2-name",
		"already-kebab": "already-kebab", "HTTPServer": "http-server", "": "", "x2": "x-2", "__a": "a", "Éclair": "éclair",
	} {
		if got := operation.Kebab(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

// A name that is declared is taken before it is converted.
func TestExactName_BR4(t *testing.T) {
	t.Parallel()
	op, err := operation.New(operation.Descriptor{
		Path: "/x", Protocol: true, Params: []operation.Param{{Name: "x2", In: operation.InBody}, {Name: "a-b", In: operation.InBody}},
	}, operation.Implementation{Handle: echo}, operation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := bodyOf(t, ask(serve(t, op), "POST /x", `{"x2":1,"aB":2,"a-b":3}`)); got != `{"a-b":3,"x2":1}` {
		t.Error(got)
	}
}
