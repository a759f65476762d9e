package httpx_test

import (
	"net/http"
	"testing"

	"github.com/registryd/registryd/internal/httpx"
)

func TestAccepts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		header   []string
		br, gzip bool
	}{
		{nil, false, false},
		{[]string{""}, false, false},
		{[]string{"gzip"}, false, true},
		{[]string{"GZip , deflate"}, false, true},
		{[]string{"gzip, deflate, br, zstd"}, true, true},
		{[]string{"gzip;q=1.0, br;q=0"}, false, true},
		{[]string{"gzip; q=0.000"}, false, false},
		{[]string{"gzip;q=nonsense"}, false, false},
		{[]string{"br;q=0.001"}, true, false},
		{[]string{"*"}, true, true},
		{[]string{"*;q=0"}, false, false},
		{[]string{"gzip;q=0, *"}, true, false},
		{[]string{"*, gzip;q=0"}, true, false},
		{[]string{"identity"}, false, false},
		{[]string{"x-gzip, brotli"}, false, false},
		{[]string{"gzip", "br"}, true, true},
	} {
		r := &http.Request{Header: http.Header{"Accept-Encoding": c.header}}
		if br, gzip := httpx.Accepts(r, "br"), httpx.Accepts(r, "gzip"); br != c.br || gzip != c.gzip {
			t.Errorf("%q: br %t, gzip %t", c.header, br, gzip)
		}
	}
}
