package safetext_test

import (
	"testing"

	"github.com/registryd/registryd/internal/safetext"
)

func TestVisible(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"dist/a b.js": "dist/a b.js", "ünï–☃": "ünï–☃", "a\x00b": `a\x00b`, "\u202egpj": `\u{202e}gpj`,
		"\xff": `\xff`, "\u3164": `\u{3164}`, "a\nb": `a\x0ab`, "": "",
	} {
		if got := safetext.Visible(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
