package operation_test

import (
	"context"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/operation"
)

// row is one request and what must come of it.
type row struct {
	params string // of the declaration, in YAML
	line   string // of the request
	body   string
	header string
	status int
	want   string // part of the body
}

func TestParams(t *testing.T) {
	t.Parallel()
	rows := map[string]row{
		"WP2 path beats body and query": {"p: {}", "POST /x/a?p=c", `{"p":"b"}`, "", 200, `{"p":"a"}`},
		"WP2 body beats query":          {"q: {}", "POST /x/a?q=c", `{"q":"b"}`, "", 200, `{"q":"b"}`},
		"WP2 query":                     {"q: {}", "POST /x/a?q=c", `{}`, "", 200, `{"q":"c"}`},
		"WP2 form":                      {"q: {}", "POST /x/a", `q=f`, "Content-Type: application/x-www-form-urlencoded", 200, `{"q":"f"}`},
		"D1 query alone":                {"q: {in: query}", "POST /x/a?q=c", `{"q":"b"}`, "", 200, `{"q":"c"}`},
		"D1 body alone":                 {"q: {in: body}", "POST /x/a?q=c", `{}`, "", 400, `"param":"q"`},
		"WP3 header":                    {"x-h: {isHeader: true}", "GET /x/a?x-h=no", "", "X-H: yes", 200, `{"x-h":"yes"}`},
		"WP3 header alone":              {"x-h: {isHeader: true}", "GET /x/a?x-h=no", "", "", 400, `"param":"x-h"`},
		"WP4 first missing":             {"a: {}\n    b: {}\n    c: {default: 1}", "GET /x/a", "", "", 400, `parameter a is missing`},
		"WP4 default null":              {"a: {default: null}", "GET /x/a", "", "", 200, `{"a":null}`},
		"WP4 default false":             {"a: {default: false}", "GET /x/a", "", "", 200, `{"a":false}`},
		"WP4 default zero":              {"a: {default: 0}", "GET /x/a", "", "", 200, `{"a":0}`},
		"WP4 empty is present":          {"a: {}", "GET /x/a?a=", "", "", 200, `{"a":""}`},
		"WP5 default of a header":       {"x-h: {isHeader: true, default: d}", "GET /x/a", "", "", 200, `{"x-h":"d"}`},
		"WP6 number":                    {"a: {deserialize: true}", "GET /x/a?a=5", "", "", 200, `{"a":5}`},
		"WP6 text":                      {"a: {deserialize: true}", "GET /x/a?a=%22s%22", "", "", 200, `{"a":"s"}`},
		"WP6 null":                      {"a: {deserialize: json}", "GET /x/a?a=null", "", "", 200, `{"a":null}`},
		"WP6 malformed":                 {"a: {deserialize: true}", "GET /x/a?a=%7B", "", "", 400, `"param":"a"`},
		"WP6 typed stays":               {"a: {deserialize: true}", "POST /x/a", `{"a":[1]}`, "", 200, `{"a":[1]}`},
		"WP6 text default":              {"a: {deserialize: true, default: '[1,2]'}", "GET /x/a", "", "", 200, `{"a":[1,2]}`},
		"WP8 violation":                 {"a: {schema: {type: integer, minimum: 3}}", "GET /x/a?a=2", "", "", 400, `at least 3`},
		"WP8 of a default":              {"a: {schema: {type: integer}, default: x}", "GET /x/a", "", "", 400, `"param":"a"`},
		"WP8 full schema":               {"a: {schema: {type: string, pattern: '^b+$'}}", "GET /x/a?a=abc", "", "", 400, `"param":"a"`},
		"WP8 enum":                      {"a: {schema: {enum: [x, y]}}", "GET /x/a?a=y", "", "", 200, `{"a":"y"}`},
		"WP9 coerced number":            {"a: {schema: {type: number}}", "GET /x/a?a=2.5", "", "", 200, `{"a":2.5}`},
		"WP9 coerced boolean":           {"a: {type: boolean}", "GET /x/a?a=true", "", "", 200, `{"a":true}`},
		"WP9 no number":                 {"a: {schema: {type: number}}", "GET /x/a?a=two", "", "", 400, `must be number`},
		"WP9 not of typed bodies":       {"a: {schema: {type: number}}", "POST /x/a", `{"a":"5"}`, "", 400, `"param":"a"`},
		"WP9 hex is no number":          {"a: number", "GET /x/a?a=0x10", "", "", 400, `must be number`},
		"WP9 leading zero":              {"a: number", "GET /x/a?a=010", "", "", 400, `must be number`},
		"WP9 infinity":                  {"a: number", "GET /x/a?a=Infinity", "", "", 400, `must be number`},
		"WP9 large integer is kept":     {"a: integer", "GET /x/a?a=9007199254740993", "", "", 200, `{"a":9007199254740993}`},
		"WP10 repeated keys":            {"a: {}", "GET /x/a?a=1&a=2", "", "", 200, `{"a":["1","2"]}`},
		"WP10 repeated and typed":       {"a: {schema: {type: array, items: {type: string}}}", "GET /x/a?a=1&a=2", "", "", 200, `{"a":["1","2"]}`},
		"WP11 text falls back":          {"a: {deserialize: true, schema: string}", "GET /x/a?a=s", "", "", 200, `{"a":"s"}`},
		"WP11 number of a text":         {"a: {deserialize: true, schema: string}", "GET /x/a?a=5", "", "", 200, `{"a":"5"}`},
		"WP11 union":                    {"a: {deserialize: true, scheme: {type: [integer, boolean]}}", "GET /x/a?a=true", "", "", 200, `{"a":true}`},
		"WP11 union violated":           {"a: {deserialize: true, scheme: {type: [integer, boolean]}}", "GET /x/a?a=%22s%22", "", "", 400, `"param":"a"`},
		"WB2 malformed":                 {"a: {}", "POST /x/a", `{"a":`, "", 400, `"type":"invalid"`},
		"WB2 trailing":                  {"a: {}", "POST /x/a", `{"a":1} x`, "", 400, `"type":"invalid"`},
		"too large":                     {"a: {}", "POST /x/a", `{"a":"` + strings.Repeat("x", 2000) + `"}`, "", 413, `"type":"too-large"`},
		"unknown content type":          {"a: {}", "POST /x/a", `<a/>`, "Content-Type: text/xml", 400, `text/xml is not read`},
		"WP3 the host":                  {"host: {isHeader: true}", "GET /x/a", "", "", 200, `{"host":"example.com"}`},
		"a charset of its own":          {"a: {}", "POST /x/a", "{\"a\":\"\xe9\"}", "Content-Type: application/json; charset=iso-8859-1", 400, `must be UTF-8, not iso-8859-1`},
		"a charset that is none":        {"a: {}", "POST /x/a", "{\"a\":\"\xe9\"}", "", 400, `is not UTF-8`},
		"the charset that is read":      {"a: {}", "POST /x/a", `{"a":"é"}`, `Content-Type: application/merge-patch+json; charset="UTF-8"`, 200, `{"a":"é"}`},
		"malformed query":               {"a: {default: 1}", "GET /x/a?b=%zz&a=2", "", "", 400, `"param":"a"`},
		"semicolons in a query":         {"a: {default: 1}", "GET /x/a?a=1;b=2", "", "", 400, `"param":"a"`},
		"nested too deep":               {"a: {}", "POST /x/a", strings.Repeat("[", 900), "", 400, `"type":"invalid"`},
		"twice in a body":               {"a: {}", "POST /x/a", `{"a":1,"a":2}`, "", 200, `{"a":2}`},
		"optional":                      {"a: {required: false}", "GET /x/a", "", "", 200, `{}`},
		"escaped path":                  {"p: {}", "GET /x/a%2Fb%20c", "", "", 200, `{"p":"a/b c"}`},
	}
	for name, tt := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			op := made(t, "/x/{p}:\n  params:\n    "+tt.params, operation.Implementation{Handle: echo}, operation.Options{MaxBody: 1000})
			var headers []string
			if tt.header != "" {
				headers = append(headers, tt.header)
			}
			res := ask(serve(t, op), tt.line, tt.body, headers...)
			if got := bodyOf(t, res); res.StatusCode != tt.status || !strings.Contains(got, tt.want) {
				t.Errorf("%d %s, want %d with %s", res.StatusCode, got, tt.status, tt.want)
			}
		})
	}
}

func TestDeserialize_WP7(t *testing.T) {
	t.Parallel()
	d := operation.Descriptor{Path: "/x", Params: []operation.Param{{Name: "a", Deserialize: "upper", Schema: map[string]any{"maxLength": 3.0}}}}
	op, err := operation.New(d, operation.Implementation{Handle: echo, Deserialize: map[string]func(context.Context, *operation.Call, string) (any, error){
		"upper": func(_ context.Context, _ *operation.Call, text string) (any, error) {
			if text == "bad" {
				return nil, context.DeadlineExceeded
			}
			return strings.ToUpper(text), nil
		},
	}}, operation.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := serve(t, op)
	for line, want := range map[string]string{"GET /x?a=ab": `200 {"a":"AB"}`, "GET /x?a=bad": "400 ", "GET /x?a=abcd": "400 "} {
		res := ask(h, line, "")
		if got := res.Status[:4] + bodyOf(t, res); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", line, got)
		}
	}
}

// The worked example of the contracts.
func TestContracts_WF2(t *testing.T) {
	t.Parallel()
	impl := operation.Implementation{
		Handle: func(_ context.Context, c *operation.Call) (operation.Answer, error) {
			return operation.Answer{Value: c.Number("x") / c.Number("y")}, nil
		},
		Requires: func(_ context.Context, c *operation.Call) error {
			if c.Number("y") == 0 {
				return outcome.New(outcome.PreconditionFailed, "Denominator cannot be zero.")
			}
			return nil
		},
		Ensures: func(_ context.Context, _ *operation.Call, a operation.Answer) error {
			if a.Value.(float64) >= 100 {
				return outcome.New(outcome.Invalid, "the result is too large")
			}
			return nil
		},
	}
	const text = "/div: {method: get, serialize: json, params: {x: {deserialize: true, schema: number}, y: {deserialize: true, schema: number}}}"
	h := serve(t, made(t, text, impl, operation.Options{}))
	free := serve(t, made(t, text, impl, operation.Options{NoContracts: true}))
	for _, tt := range []struct {
		query  string
		status int
		want   string
	}{
		{"x=10&y=4", 200, "2.5"},
		{"x=10&y=0", 412, "Denominator cannot be zero."},
		{"x=1000&y=1", 400, "too large"},
		{"x=10", 400, `"param":"y"`},
		{"x=10&y=%221%22", 400, `"param":"y"`},
	} {
		res := ask(h, "GET /div?"+tt.query, "")
		if got := bodyOf(t, res); res.StatusCode != tt.status || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %d %s", tt.query, res.StatusCode, got)
		}
	}
	if res := ask(free, "GET /div?x=1000&y=1", ""); res.StatusCode != 200 {
		t.Errorf("switched off, the contract still refuses: %d", res.StatusCode)
	}
}
