package operation_test

import (
	"encoding/json"
	"testing"

	"github.com/registryd/registryd/operation"
)

func TestDraft3_WP8(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		schema   string
		good     []string
		bad      []string
		declared string
	}{
		"name of a type":    {schema: `"integer"`, good: []string{"1"}, bad: []string{"1.5", `"1"`}},
		"any":               {schema: `{"type":"any"}`, good: []string{"1", "null", "{}"}},
		"union":             {schema: `{"type":["string","null"]}`, good: []string{`"a"`, "null"}, bad: []string{"1"}},
		"union of schemas":  {schema: `{"type":["string",{"type":"object","properties":{"a":{"required":true}}}]}`, good: []string{`"a"`, `{"a":1}`}, bad: []string{"{}", "1"}},
		"required boolean":  {schema: `{"properties":{"a":{"type":"number","required":true},"b":{"type":"string"}}}`, good: []string{`{"a":1}`}, bad: []string{`{}`, `{"a":1,"b":2}`}},
		"required list":     {schema: `{"properties":{"a":{}},"required":["a"]}`, good: []string{`{"a":1}`}, bad: []string{`{}`}},
		"required at top":   {schema: `{"type":"number","required":true}`, good: []string{`1`}, bad: []string{`"a"`}},
		"exclusive boolean": {schema: `{"minimum":1,"exclusiveMinimum":true,"maximum":3,"exclusiveMaximum":false}`, good: []string{"2", "3"}, bad: []string{"1", "4"}},
		"exclusive number":  {schema: `{"exclusiveMinimum":1}`, good: []string{"2"}, bad: []string{"1"}},
		"divisibleBy":       {schema: `{"divisibleBy":3}`, good: []string{"6"}, bad: []string{"7"}},
		"disallow":          {schema: `{"disallow":["null"]}`, good: []string{"6"}, bad: []string{"null"}},
		"extends":           {schema: `{"extends":{"minimum":2}}`, good: []string{"2"}, bad: []string{"1"}},
		"dependencies":      {schema: `{"dependencies":{"a":"b"}}`, good: []string{`{"a":1,"b":2}`, `{}`}, bad: []string{`{"a":1}`}},
		"tuple":             {schema: `{"items":[{"type":"number"}],"additionalItems":false}`, good: []string{`[1]`}, bad: []string{`["a"]`, `[1,2]`}},
		"constructor":       {schema: `{"type":{"$func":"x","$builtin":"Number"}}`, good: []string{"1"}, bad: []string{`"a"`}},
		"expression":        {schema: `{"pattern":{"$regexp":"^a+$"}}`, good: []string{`"aa"`}, bad: []string{`"b"`}},
		"additional":        {schema: `{"properties":{"a":{}},"additionalProperties":false}`, good: []string{`{"a":1}`}, bad: []string{`{"b":1}`}},
		"lengths":           {schema: `{"minLength":2,"maxLength":3}`, good: []string{`"ab"`}, bad: []string{`"a"`, `"abcd"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var schema any
			if err := json.Unmarshal([]byte(tt.schema), &schema); err != nil {
				t.Fatal(err)
			}
			op, err := operation.New(operation.Descriptor{Path: "/x", Params: []operation.Param{{Name: "a", In: operation.InBody, Schema: schema}}},
				operation.Implementation{Handle: echo}, operation.Options{})
			if err != nil {
				t.Fatal(err)
			}
			h := serve(t, op)
			for _, v := range tt.good {
				if res := ask(h, "POST /x", `{"a":`+v+`}`); res.StatusCode != 200 {
					t.Errorf("%s: %d %s", v, res.StatusCode, bodyOf(t, res))
				}
			}
			for _, v := range tt.bad {
				if res := ask(h, "POST /x", `{"a":`+v+`}`); res.StatusCode != 400 {
					t.Errorf("%s: %d %s", v, res.StatusCode, bodyOf(t, res))
				}
			}
		})
	}
}
