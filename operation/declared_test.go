package operation_test

import (
	"context"
	"strings"
	"testing"

	"github.com/registryd/registryd/operation"
)

// D2: the status of a missing parameter is one of the descriptor, and has two defaults.
func TestMissingStatus_D2(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"/x: {method: POST, params: {a: {in: body}}}":                                        400,
		"/x: {method: POST, params: {a: {in: body}}, missingStatus: 422}":                    422,
		"/x: {params: {a: {}}, request: {method: POST, body: [a]}}":                          422,
		"/x: {params: {a: {}}, request: {method: POST, body: [a]}, missingStatus: 400}":      400,
		"/x: {method: POST, params: {a: {in: body, default: 1}}}":                            200,
		"/x: {params: {a: {default: null}}, request: {method: POST, body: [a]}}":             200,
		"/x: {method: POST, params: {a: {in: body, required: false}}, missingStatus: 422}":   200,
		"/x: {params: {a: {required: false}}, request: {method: POST, body: [a]}}":           200,
		"/x: {method: POST, params: {a: {in: body, required: true, default: 1}}}":            200,
		"/x: {method: POST, params: {a: {in: body, required: true}, b: {required: true}}}":   400,
		"/x: {params: {a: {type: string}, b: {}}, request: {method: POST, body: [a, b]}}":    422,
		"/x: {params: {a: {type: boolean}}, request: {method: POST, body: [a]}, auth: none}": 422,
	} {
		h := serve(t, made(t, text, operation.Implementation{Handle: echo}, operation.Options{}))
		if res := ask(h, "POST /x", "{}"); res.StatusCode != want {
			t.Errorf("%s: %d, want %d", text, res.StatusCode, want)
		}
	}
}

// D3: keys of bodies alone are converted, and those of protocols alone.
func TestNames_D3(t *testing.T) {
	t.Parallel()
	protocol := serve(t, made(t, "/x: {params: {image-name: {required: false}}, request: {method: POST, body: [image-name]}}", operation.Implementation{Handle: echo}, operation.Options{}))
	plain := serve(t, made(t, "/x: {params: {image-name: {required: false}, x-h: {in: header, required: false}}}", operation.Implementation{Handle: echo}, operation.Options{}))
	if got := bodyOf(t, ask(protocol, "POST /x?imageName=q", `{"imageName":"b"}`)); got != `{"image-name":"b"}` {
		t.Error(got)
	}
	if got := bodyOf(t, ask(plain, "POST /x?imageName=q", `{"imageName":"b"}`, "XH: 1")); got != `{}` {
		t.Error(got)
	}
}

// D5: the check of answers can be switched off.
func TestUncheckedAnswer_D5(t *testing.T) {
	t.Parallel()
	bad := operation.Implementation{Handle: func(context.Context, *operation.Call) (operation.Answer, error) {
		return operation.Answer{Value: map[string]any{"other": 1}}, nil
	}}
	for check, want := range map[string]int{"true": 500, "false": 200} {
		res := ask(serve(t, made(t, "/x: {response: {body: {name: string}, check: "+check+"}}", bad, operation.Options{})), "GET /x", "")
		if got := bodyOf(t, res); res.StatusCode != want || want == 500 && !strings.Contains(got, "name") {
			t.Errorf("check: %s: %d %s", check, res.StatusCode, got)
		}
	}
}
