package command_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/command"
	"github.com/registryd/registryd/pkgref"
)

// FuzzParseTarget checks that the daemon reads in a path what the command line
// said, and that a target says what it was made of.
func FuzzParseTarget(f *testing.F) {
	for _, text := range []string{
		"widget", "widget@1.0.0", "@acme/tool@^1", "widget@1.3.0+build", "widget@>=1 <2", "widget@latest", "widget@main",
		"JSONStream@1.x || 2", "@acme/tool", "@", "widget@", "a@b@c", "../x@1.0.0", "widget@%2e%2e", "widget@a/b", "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		target, err := command.ParseTarget(text)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q is refused in several lines: %q", text, err)
			}
			return
		}
		name, spec := target.Ref()
		q, err := pkgref.ParsePath("/x/"+target.Path(), "/x/")
		if err != nil {
			t.Fatalf("%q becomes the path %q, which is refused: %v", text, target.Path(), err)
		}
		if string(q.Name) != name || q.Spec.Text != spec {
			t.Errorf("%q is %q and %q here, and %q and %q over there", text, name, spec, q.Name, q.Spec.Text)
		}
		if again, err := command.ParseTarget(target.String()); err != nil || again.String() != target.String() {
			t.Errorf("%q says that it is %q, which is %q: %v", text, target, again, err)
		}
	})
}

// FuzzReadLockfile checks that no file brings it down, and that every error is
// a line that names the file.
func FuzzReadLockfile(f *testing.F) {
	for _, text := range []string{
		`{"packages": {"node_modules/widget": {"version": "1.0.0"}}}`,
		`{"dependencies": {"a": {"version": "npm:b@1.0.0", "dependencies": {"c": {"version": "2.0.0"}}}}}`,
		`{"dependencies": {"a": {"version": "1", "dependencies": []}}}`, `{"packages": {"node_modules/": {"version": "x"}}}`, `[]`, `{`,
	} {
		f.Add([]byte(text))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		file := filepath.Join(dir, "package-lock.json")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		targets, err := command.ReadLockfile(file)
		if err == nil && len(targets) == 0 {
			t.Error("nothing was found, and that is no error")
		}
		if err != nil && (!strings.HasPrefix(err.Error(), file) || strings.Contains(err.Error(), "\n")) {
			t.Errorf("error %q", err)
		}
	})
}
