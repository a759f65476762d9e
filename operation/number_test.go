package operation_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/registryd/registryd/operation"
)

// FuzzNumber compares what a text is taken for with what JSON takes it for.
func FuzzNumber(f *testing.F) {
	for _, text := range []string{"0", "-0", "01", "1.5", "1.", ".5", "1e5", "1E+05", "1e", "-", "", "0x1", "1_0", "9007199254740993", "1e400", "-1.25e-3", "١", "NaN", " 1"} {
		f.Add(text)
	}
	op, err := operation.New(operation.Descriptor{Path: "/x", Params: []operation.Param{{Name: "a", Type: "number"}}}, operation.Implementation{Handle: echo}, operation.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		h := serve(t, op)
		res := ask(h, "GET /x?a="+url.QueryEscape(text), "")
		var n json.Number
		want := json.Unmarshal([]byte(text), &n) == nil && text == strings.TrimSpace(text) && n.String() == text && text != "" && len(text) <= 64
		if got := res.StatusCode == 200; got != want && !strings.ContainsAny(text, "eE\"") {
			t.Errorf("%q: number %t, JSON says %t", text, got, want)
		}
	})
}
