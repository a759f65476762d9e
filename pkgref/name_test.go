package pkgref_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

func TestParseName_PVT1(t *testing.T) {
	t.Parallel()
	valid := map[string]string{ // name: scope
		"lodash":                           "",
		"JSONStream":                       "",
		"d3":                               "",
		"-":                                "",
		"a":                                "",
		"socket.io":                        "",
		"under_score":                      "",
		"a~b":                              "",
		"@types/node":                      "@types",
		"@acme/_private":                   "@acme",
		"@Acme/X":                          "@Acme",
		"@-/-":                             "@-",
		strings.Repeat("a", 214):           "",
		"@a/" + strings.Repeat("b", 214-3): "@a",
		"node_modules2":                    "",
		"@acme/main":                       "@acme",
		"constructor":                      "",
	}
	for s, scope := range valid {
		t.Run("valid "+s, func(t *testing.T) {
			t.Parallel()
			n, err := pkgref.ParseName(s)
			if err != nil || string(n) != s {
				t.Fatalf("got %q, %v", n, err)
			}
			if n.Scope() != scope {
				t.Errorf("scope %q, want %q", n.Scope(), scope)
			}
		})
	}
}

func TestParseNameRefuses_PVT1(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", ".", "..", ".hidden", "_under", "a/b", "a b", "a\x00", "a\n", "é", "a@1", "a%20b", "a!", "a'b", "(a)", "a*", "a:b", "a\\b", "a\xff",
		"@", "@/", "@a", "@a/", "@/a", "@a/.b", "@a/..", "@./a", "@../a", "@a/b/c", "@a/@b", "@a b/c", "@@a/b", "@a//b",
		"node_modules", "NODE_MODULES", "favicon.ico", "@a/node_modules",
		strings.Repeat("a", 215), "@a/" + strings.Repeat("b", 215-3),
	} {
		t.Run(s, func(t *testing.T) {
			t.Parallel()
			n, err := pkgref.ParseName(s)
			if !errors.Is(err, outcome.Invalid) || n != "" {
				t.Errorf("got %q, %v", n, err)
			}
		})
	}
}

func TestScopeOfZeroName(t *testing.T) {
	t.Parallel()
	if s := pkgref.Name("").Scope(); s != "" {
		t.Errorf("got %q", s)
	}
}
