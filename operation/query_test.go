package operation_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/operation"
)

// FuzzQuery compares what an operation finds in a query with what net/url does.
func FuzzQuery(f *testing.F) {
	for _, raw := range []string{"", "a", "a=", "=1", "&&a=1", "a=1&a=2", "a=1;b=2", "a=%31", "%61=1", "a=+", "a=1=2", "b=1&a=x&c", "a=%zz&a=2", "&", "a=\xff"} {
		f.Add(raw)
	}
	op, err := operation.New(operation.Descriptor{Path: "/x", Params: []operation.Param{{Name: "a", In: operation.InQuery, Optional: true}}}, operation.Implementation{Handle: echo}, operation.Options{})
	if err != nil {
		f.Fatal(err)
	}
	h := serve(f, op)
	f.Fuzz(func(t *testing.T, raw string) {
		values, malformed := url.ParseQuery(raw)
		var want any
		switch list := values["a"]; len(list) {
		case 0:
		case 1:
			want = list[0]
		default:
			want = list
		}
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/x", nil)
		r.URL.RawQuery = raw
		h.ServeHTTP(w, r)
		data, _ := io.ReadAll(w.Body)
		if malformed != nil {
			if w.Code != http.StatusBadRequest {
				t.Errorf("%q is taken for a query: %d %s", raw, w.Code, data)
			}
			return
		}
		var got struct{ A any }
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatalf("%q: %s: %v", raw, data, err)
		}
		expected, _ := json.Marshal(want)
		var plain any
		_ = json.Unmarshal(expected, &plain)
		if diff := cmp.Diff(plain, got.A); diff != "" {
			t.Errorf("%q: %s", raw, diff)
		}
	})
}
