package url_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider/url"
)

func FuzzLists_PG5(f *testing.F) {
	for _, text := range []string{`["1.0.0","x"]`, `{"versions":["1.0.0"],"tags":{"a":"1.0.0"}}`, `{"name":"p","versions":{"1.0.0":{"a":[]}},"dist-tags":{}}`, `[[`, `{"versions":{}}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		versions, err := url.Decode(strings.NewReader(text))
		if err != nil && !errors.Is(err, outcome.Refused) && !errors.Is(err, outcome.Unavailable) {
			t.Fatalf("%q: %v", text, err)
		}
		for _, v := range versions {
			if v.Version.IsZero() {
				t.Fatalf("%q lists no version", text)
			}
		}
	})
}
