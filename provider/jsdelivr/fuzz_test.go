package jsdelivr_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/unpack"
	"github.com/registryd/registryd/provider/jsdelivr"
)

// Whatever a list says, its files lie in the release, each once, and none of
// them in another.
func FuzzDocuments_PG3(f *testing.F) {
	const head = `{"type":"npm","name":"p","version":"1.0.0","files":[`
	for _, files := range []string{file(`"/a/b.js"`, "x"), file(`"/a"`, "x") + "," + file(`"/a/b"`, "x"), file(`"//../\u0000"`, "x"), file(`"/a/./b/"`, "")} {
		f.Add(head + files + "]}")
	}
	f.Add(`{"type":"gh","name":"a/b","tags":[],"versions":[{"version":"1.0.0"},{"version":"x"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		limits := unpack.Limits{Entries: 20, Path: 50, Depth: 5}
		files, err := jsdelivr.DecodeList(strings.NewReader(text), limits)
		_, versionsErr := jsdelivr.DecodeVersions(strings.NewReader(text))
		for _, err := range []error{err, versionsErr} {
			if err != nil && !errors.Is(err, outcome.Refused) && !errors.Is(err, outcome.Unavailable) {
				t.Fatalf("%q: %v", text, err)
			}
		}
		seen := map[string]bool{}
		for _, file := range files {
			if !fs.ValidPath(file.Path) || file.Path == "." || len(file.Path) > 50 || seen[file.Path] || file.Size < 0 || file.Integrity.IsZero() {
				t.Fatalf("%q lists %+v", text, file)
			}
			seen[file.Path] = true
		}
		for path := range seen {
			for i := range path {
				if path[i] == '/' && seen[path[:i]] {
					t.Fatalf("%q lists %q as a file and a directory", text, path[:i])
				}
			}
		}
	})
}
