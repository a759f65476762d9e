package registry_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/registry"
)

// FuzzDecodeList: no file makes a list that could not be stored again, and what
// is stored is read as it was.
func FuzzDecodeList(f *testing.F) {
	for _, seed := range []string{
		"", "null", "{}", "[]", `{"format":1,"name":"p"}`,
		`{"format":1,"name":"p","fetched":"2026-01-01T12:00:00Z","validator":"\"x\"","tags":{"latest":"1.0.0"},"versions":[{"version":"1.0.0","published":"2020-01-01T00:00:00Z","url":"http://127.0.0.1/p.tgz","integrity":"sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=","generated":true},{"version":"1.0.0+b"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		once, err := registry.DecodeList("p", data)
		if err != nil {
			return
		}
		twice, err := registry.DecodeList("p", once)
		if err != nil || !bytes.Equal(once, twice) {
			t.Errorf("%s becomes %s, %v", once, twice, err)
		}
	})
}

// FuzzEntryFile: whatever a package.json names, the entry is a file of the
// release.
func FuzzEntryFile(f *testing.F) {
	for _, seed := range []string{"index.js", "./lib", "lib/", "../../etc/passwd", "", ".", "/", "lib/../index", "a\x00b", "%2e%2e/index.js", `..\index.js`} {
		f.Add(seed)
	}
	m := (&cache.Manifest{Name: "p"}).WithFiles([]cache.File{{Path: "index.js"}, {Path: "lib/index.js"}, {Path: "a.js"}})
	f.Fuzz(func(t *testing.T, text string) {
		file := registry.EntryFile(m, text)
		if file != "" && !m.Has(file) || strings.HasPrefix(file, "/") {
			t.Errorf("%q means %q", text, file)
		}
	})
}
