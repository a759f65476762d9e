package mediatype_test

import (
	"testing"

	"github.com/registryd/registryd/internal/mediatype"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"a.js": "text/javascript; charset=utf-8", "a.mjs": "text/javascript; charset=utf-8",
		"A.CJS": "text/javascript; charset=utf-8", "a.map": "application/json; charset=utf-8",
		"index.d.ts": "text/plain; charset=utf-8", "a.wasm": "application/wasm", "a.svg": "image/svg+xml",
		"LICENSE": "application/octet-stream", "a.js.gz": "application/octet-stream", "dir.js/file": "application/octet-stream",
	} {
		if got := mediatype.Of(name); got != want {
			t.Errorf("Of(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestScripts_EveryDocumentThatCanRunScripts(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a.html", "a.htm", "a.svg", "a.xml", "a.xhtml", "a.pdf"} {
		if !mediatype.Scripts(mediatype.Of(name)) {
			t.Errorf("%s (%s) would be sent without a sandbox", name, mediatype.Of(name))
		}
	}
	for _, name := range []string{"a.js", "a.css", "a.json", "a.png"} {
		if mediatype.Scripts(mediatype.Of(name)) {
			t.Errorf("%s would be sandboxed", name)
		}
	}
}
