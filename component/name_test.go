package component_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/registryd/registryd/component"
	"github.com/registryd/registryd/internal/outcome"
)

func TestParseName_CG4_CG5(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"widget": "widget", "@acme/button": "@acme/button", "@Acme/Button": "@Acme/Button", "@acmebutton": "@acmebutton",
		"a/b": "ab", "@a/b/c": "@abc", "wid*get?": "widget", "tail. .": "tail", "a\x00b\x1fc\u0085": "abc",
		"ein Name": "ein Name", "größe": "größe", "hosts": "hosts", "@acme/host": "@acme/host", strings.Repeat("n", 255): strings.Repeat("n", 255),
	} {
		n, err := component.ParseName(in)
		if err != nil || n.String() != want || n.Key() != strings.ToLower(want) {
			t.Errorf("%q: %q (%q), %v; want %q", in, n, n.Key(), err, want)
		}
	}
	for _, in := range []string{
		"", ".", "..", "...", " ", "con", "NUL.txt", "com1", "LPT9.x", "???", ".hidden", "@/x", "@acme/", "@acme/..", "@acme/con",
		"host", "Host", "host.", "index.json", "registryd-revision", "@acme/1.0.0", "@acme/v2.0.0-rc.1", "@acme/.x", strings.Repeat("n", 256), "\xff",
	} {
		if n, err := component.ParseName(in); !errors.Is(err, outcome.Invalid) {
			t.Errorf("%q is taken for a name: %q, %v", in, n, err)
		}
	}
}

func TestParseVersion_CP2_CG1(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"1.2.3": "1.2.3", "v1.2.3": "1.2.3", " =v1.2.3 ": "1.2.3", "1.2.3+build.5": "1.2.3", "1.0.0-beta.1+x": "1.0.0-beta.1",
	} {
		if v, err := component.ParseVersion(in); err != nil || v.String() != want {
			t.Errorf("%q: %q, %v; want %q", in, v, err, want)
		}
	}
	for _, in := range []string{"", "^1.0.0", "1", "1.x", "latest", "1.2.3+", "1.2.3+a b", "1.2.3+ü", "01.2.3", "1.2.3/.."} {
		if v, err := component.ParseVersion(in); !errors.Is(err, component.ErrVersion) || !errors.Is(err, outcome.Invalid) {
			t.Errorf("%q is taken for a version: %q, %v", in, v, err)
		}
	}
}

func FuzzParseName_CG4(f *testing.F) {
	for _, s := range []string{"widget", "@acme/button", "../x", "@a/../b", "con.", "a\x00", "host", "…", "@../x", "@./b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n, err := component.ParseName(s)
		if err != nil {
			return
		}
		key := n.Key()
		if key == "" || strings.HasPrefix(key, ".") || strings.HasPrefix(key, "/") || strings.Count(key, "/") > 1 || strings.Contains(key, "/.") ||
			strings.HasSuffix(key, ".") || strings.ContainsAny(key, "\\\x00?*") || len(n.String()) > component.MaxNameLen {
			t.Errorf("%q became %q", s, key)
		}
		again, err := component.ParseName(n.String())
		if err != nil || again != n {
			t.Errorf("%q became %q, which becomes %q: %v", s, n, again, err)
		}
	})
}
