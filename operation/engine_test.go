package operation_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/operation"
)

func TestSerialize(t *testing.T) {
	t.Parallel()
	type answer = operation.Answer
	for name, tt := range map[string]struct {
		serialize  string
		a          answer
		status     int
		kind, want string
	}{
		"WR2 text":             {"text", answer{Value: "hello"}, 200, "text/plain; charset=utf-8", "hello"},
		"WR2 object":           {"text", answer{Value: map[string]any{"a": "<"}}, 200, "application/json; charset=utf-8", `{"a":"<"}`},
		"WR2 a number is text": {"text", answer{Value: 404.0}, 200, "text/plain; charset=utf-8", "404"},
		"WR2 nothing":          {"text", answer{}, 200, "", ""},
		"WR3 text as JSON":     {"json", answer{Value: "a"}, 200, "application/json; charset=utf-8", `"a"`},
		"WR3 number":           {"json", answer{Value: 7.0}, 200, "application/json; charset=utf-8", `7`},
		"WR3 above 300":        {"json", answer{Value: "gone", Status: 410}, 410, "text/plain; charset=utf-8", "gone"},
		"WR3 object above 300": {"json", answer{Value: []any{1.0}, Status: 409}, 409, "application/json; charset=utf-8", "[1]"},
		"WR3 bytes":            {"json", answer{Value: []byte("\x00")}, 200, "application/octet-stream", "\x00"},
		"WR3 stream":           {"json", answer{Value: strings.NewReader("abc")}, 200, "application/octet-stream", "abc"},
		"WR5 status, header":   {"json", answer{Value: 1.0, Status: 201, Header: http.Header{"X-A": {"b"}, "Content-Type": {"x/y"}}}, 201, "x/y", "1"},
		"204 has no body":      {"json", answer{Value: 1.0, Status: 204}, 204, "application/json; charset=utf-8", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			op := made(t, "/x: {serialize: "+tt.serialize+"}", operation.Implementation{
				Handle: func(context.Context, *operation.Call) (operation.Answer, error) { return tt.a, nil },
			}, operation.Options{})
			res := ask(serve(t, op), "GET /x", "")
			if got := bodyOf(t, res); res.StatusCode != tt.status || got != tt.want || res.Header.Get("Content-Type") != tt.kind {
				t.Errorf("%d %q %q", res.StatusCode, res.Header.Get("Content-Type"), got)
			}
			for k := range tt.a.Header {
				if res.Header.Get(k) != tt.a.Header.Get(k) {
					t.Errorf("%s: %q", k, res.Header.Get(k))
				}
			}
		})
	}
}

func TestMiddleware_WC3(t *testing.T) {
	t.Parallel()
	var order []string
	note := func(name string, end error) func(string) (operation.Middleware, error) {
		return func(argument string) (operation.Middleware, error) {
			if argument == "bad" {
				return nil, errors.New("bad argument")
			}
			return middleware(&order, name+argument, end), nil
		}
	}
	o := operation.Options{Middleware: map[string]func(string) (operation.Middleware, error){"a": note("a", nil), "b": note("b", nil), "no": note("no", &outcome.Denial{Rule: "me"})}}
	ok := serve(t, made(t, "/x: {middleware: [a, 'b:7']}", operation.Implementation{Handle: echo}, o))
	if res := ask(ok, "GET /x", ""); res.StatusCode != 200 || strings.Join(order, "") != "ab7" {
		t.Errorf("%d %q", res.StatusCode, order)
	}
	if res := ask(serve(t, made(t, "/x: {middleware: [no, a]}", operation.Implementation{Handle: echo}, o)), "GET /x", ""); res.StatusCode != 403 {
		t.Errorf("403 expected: %d", res.StatusCode)
	}
	for _, name := range []string{"unknown", "'a:bad'"} {
		if _, err := operation.New(declared(t, "/x: {middleware: ["+name+"]}"), operation.Implementation{Handle: echo}, o); !errors.Is(err, outcome.Invalid) {
			t.Errorf("middleware %s: %v", name, err)
		}
	}
}

// middleware notes that it ran, and ends the request or lets it go on.
func middleware(order *[]string, name string, end error) operation.Middleware {
	return func(_ *operation.Descriptor, next httpx.HandlerFunc) httpx.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) error {
			*order = append(*order, name)
			if end != nil {
				return end
			}
			return next(w, r)
		}
	}
}

func TestDeclaredErrors_D4(t *testing.T) {
	t.Parallel()
	op := made(t, "/x/{id}:\n  params: {id: {in: path}}\n  errors: {gone: {status: 410, msg: 'no {id}, {secret}', suggestions: [look elsewhere]}}",
		operation.Implementation{Handle: func(_ context.Context, c *operation.Call) (operation.Answer, error) {
			return operation.Answer{}, c.Fault("gone", errors.New("cause"))
		}}, operation.Options{})
	res := ask(serve(t, op), "GET /x/7", "")
	if got, want := bodyOf(t, res), `{"type":"gone","error":"no 7, {secret}","suggestions":["look elsewhere"]}`; res.StatusCode != 410 || got != want {
		t.Errorf("%d %s", res.StatusCode, got)
	}
}

// A handler that fails or panics is a 500 that names nothing.
func TestFailingHandler_WR6(t *testing.T) {
	t.Parallel()
	for name, handle := range map[string]func(context.Context, *operation.Call) (operation.Answer, error){
		"error": func(context.Context, *operation.Call) (operation.Answer, error) {
			return operation.Answer{}, errors.New("secret")
		},
		"panic": func(context.Context, *operation.Call) (operation.Answer, error) { panic("secret") },
	} {
		res := ask(serve(t, made(t, "/x: {}", operation.Implementation{Handle: handle}, operation.Options{})), "GET /x", "")
		if got := bodyOf(t, res); res.StatusCode != 500 || strings.Contains(got, "secret") {
			t.Errorf("%s: %d %s", name, res.StatusCode, got)
		}
	}
}

func TestStatic_WK1(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"a.txt": "A", "sub/index.html": "<p>index", ".hidden": "h", "sub/.git/config": "h"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	static, err := operation.Static(dir, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	op := made(t, "/files: '.'", operation.Implementation{Raw: static}, operation.Options{})
	h := serve(t, op)
	for line, want := range map[string]int{
		"GET /files/a.txt": 200, "HEAD /files/a.txt": 200, "GET /files/sub": 200, "GET /files/sub/": 200, "GET /files/none": 404,
		"GET /files/.hidden": 404, "GET /files/sub/.git/config": 404, "GET /files/../etc/passwd": 404, "GET /files/%2e%2e/x": 404,
		"GET /files/out": 404, "GET /files/a.txt/x": 404, "GET /files": 404, "POST /files/a.txt": 404, "GET /files/..%5cx": 404,
	} {
		if res := ask(h, line, ""); res.StatusCode != want {
			t.Errorf("%s: %d, want %d", line, res.StatusCode, want)
		}
	}
	if res := ask(h, "GET /files/a.txt", ""); res.Header.Get("Cache-Control") != "public, max-age=3600" {
		t.Errorf("Cache-Control %q", res.Header.Get("Cache-Control"))
	}
}

func TestUpstream(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the key of the API reaches the server")
		}
		w.Header().Set("X-Path", r.URL.String())
		w.WriteHeader(http.StatusTeapot)
	}))
	defer srv.Close()
	up, err := operation.Upstream(srv.URL + "/base")
	if err != nil {
		t.Fatal(err)
	}
	h := serve(t, made(t, "/up/*: {}", operation.Implementation{Raw: up}, operation.Options{}))
	if res := ask(h, "GET /up/a/b?c=d", "", key); res.StatusCode != http.StatusTeapot || res.Header.Get("X-Path") != "/base/a/b?c=d" {
		t.Errorf("%d %q", res.StatusCode, res.Header.Get("X-Path"))
	}
	srv.Close()
	if res := ask(h, "GET /up/a", ""); res.StatusCode != 502 {
		t.Errorf("a server that is away: %d", res.StatusCode)
	}
}

func TestConflicts_G13(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		a, b string
		want bool
	}{
		"equal":                  {"/a", "/a", true},
		"equal but for slash":    {"/a/", "/a", true},
		"static and placeholder": {"/a/b", "/a/{x}", true},
		"other placeholder":      {"/a/{x}/c", "/a/{y}/d", true},
		"same placeholder":       {"/a/{x}/c", "/a/{x}/d", false},
		"siblings":               {"/a/b", "/a/c", false},
		"below":                  {"/a", "/a/{x}", false},
		"tree and below":         {"/a/*", "/a/b", true},
		"tree and root":          {"/a/*", "/a", true},
		"tree beside":            {"/a/*", "/b", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var routes []operation.Route
			for _, path := range []string{tt.a, tt.b} {
				op, err := operation.New(operation.Descriptor{Path: path, Method: "get"}, operation.Implementation{Handle: echo}, operation.Options{})
				if err != nil {
					t.Fatal(err)
				}
				routes = append(routes, operation.Route{Operation: op, Owner: "module " + path})
			}
			_, err := operation.NewRouter(routes)
			if got := errors.Is(err, outcome.Conflict); got != tt.want {
				t.Fatalf("conflict %t: %v", got, err)
			}
			if err != nil && (!strings.Contains(err.Error(), "module "+tt.a) || !strings.Contains(err.Error(), "module "+tt.b)) {
				t.Errorf("it does not name both: %v", err)
			}
		})
	}
}

func TestBadDeclarations(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"/x: {metod: get}":                             "line 1: unknown key metod",
		"/x: {params: {a: {in: cookie}}}":              "in must be",
		"/x: {auth: maybe}":                            "auth must be",
		"/x: {errors: {e: {status: 200}}}":             "from 400 to 599",
		"/x: {handler: {static: a, js: b}}":            "one of",
		"/x: {longRunning: perhaps}":                   "longRunning",
		"/x: {longRunning: {appraise: -1}}":            "milliseconds",
		"/x: {maxAge: soon}":                           "maxAge",
		"/x: {handler: {static: a, maxAge: 1e300}}":    "maxAge",
		"/x: {params: [a]}":                            "must be a mapping",
		"/x: {response: {body: [{a: b}, {c: d}]}}":     "one element",
		"/x: {params: {a: {schema: *none}}}":           "",
		"/x: {method: fly}":                            "method",
		"/x: {params: {a: {schema: {type: number1}}}}": "parameter a",
		"/x/{a: {}": "",
		"/x: {params: {a: {schema: {$ref: 'http://e.example/s'}}}}": "refers to",
		"/x: {params: {a: {in: path}}}":                             "is no placeholder",
		"/x: {longRunning: true}":                                   "tasks are not kept",
	} {
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			continue
		}
		list, err := operation.ParseYAML(doc.Content[0])
		if err == nil {
			_, err = operation.New(list[0], operation.Implementation{Handle: echo}, operation.Options{})
		}
		if !errors.Is(err, outcome.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
