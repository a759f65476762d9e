package pkgref_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

func TestPatternMatchName_PC5(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern string
		yes, no []string
	}{
		{"left-pad", []string{"left-pad"}, []string{"left-pad2", "Left-pad", "@a/left-pad"}},
		{"*", []string{"a", "@a/b", "JSONStream"}, nil},
		{"@acme/*", []string{"@acme/a", "@acme/b.c"}, []string{"acme", "@acme2/a", "@other/acme"}},
		{"d3-*", []string{"d3-array", "d3-"}, []string{"d3", "@a/d3-array"}},
		{"*-utils", []string{"a-utils", "-utils", "@a/b-utils"}, []string{"utils", "a-utils2"}},
		{"a*b*c", []string{"abc", "aXbYc", "abbc", "abcbc"}, []string{"ab", "acb", "abcd"}},
		{"ab*ba", []string{"abba", "abxba"}, []string{"aba", "abab"}},
		{"**", []string{"a"}, nil},
		{"a**b", []string{"ab", "axb"}, []string{"a"}},
		{"@*/x", []string{"@a/x", "@b/x"}, []string{"x", "@a/y"}},
		{"*/x", []string{"@a/x"}, []string{"x"}},
		{"@acme*", []string{"@acme/a", "@acme-two/b"}, []string{"acme"}},
		{"@*", []string{"@a/b"}, []string{"a"}},
	} {
		t.Run(c.pattern, func(t *testing.T) {
			t.Parallel()
			p, err := pkgref.ParsePattern(c.pattern, false)
			if err != nil || p.String() != c.pattern || p.HasVersions() {
				t.Fatalf("got %q, %v", p, err)
			}
			for _, n := range c.yes {
				if !p.MatchName(pkgref.Name(n)) || !p.Match(pkgref.Name(n), version(t, "1.0.0-a")) {
					t.Errorf("does not match %s", n)
				}
			}
			for _, n := range c.no {
				if p.MatchName(pkgref.Name(n)) || p.Match(pkgref.Name(n), version(t, "1.0.0")) {
					t.Errorf("matches %s", n)
				}
			}
		})
	}
}

func TestPatternVersions_PC5(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, pattern string
		prereleases   bool
		yes, no       []string
	}{
		{"exact", "event-stream@3.3.6", true, []string{"3.3.6", "3.3.6+b"}, []string{"3.3.5", "3.3.6-a"}},
		{"exact with build", "event-stream@3.3.6+b", true, []string{"3.3.6+b"}, []string{"3.3.6", "3.3.6+c"}},
		{"exact prerelease", "event-stream@3.0.0-a", false, []string{"3.0.0-a"}, []string{"3.0.0-b", "3.0.0"}},
		{"range in an allow rule", "event-*@<2", false, []string{"1.9.9"}, []string{"2.0.0", "1.0.0-a"}},
		{"range in a deny rule", "event-*@<2", true, []string{"1.9.9", "1.0.0-a"}, []string{"2.0.0"}},
		{"alternatives", "*@1 || >= 3.1", false, []string{"1.2.3", "4.0.0"}, []string{"2.0.0", "3.0.0"}},
		{"all releases", "event-stream@*", false, []string{"1.0.0"}, []string{"1.0.0-a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, err := pkgref.ParsePattern(c.pattern, c.prereleases)
			if err != nil || !p.HasVersions() {
				t.Fatalf("versions %v: %v", p.HasVersions(), err)
			}
			for _, v := range c.yes {
				if !p.Match("event-stream", version(t, v)) || p.Match("other", version(t, v)) && c.pattern[0] != '*' {
					t.Errorf("%s: wrong", v)
				}
			}
			for _, v := range c.no {
				if p.Match("event-stream", version(t, v)) {
					t.Errorf("matches %s", v)
				}
			}
			if p.Match("event-stream", pkgref.Version{}) || !p.MatchName("event-stream") {
				t.Error("the zero version matches, or the name does not")
			}
		})
	}
}

func TestPatternOfEveryVersion_PC5(t *testing.T) {
	t.Parallel()
	p, err := pkgref.ParsePattern("@acme/*@*", true)
	if err != nil || p.HasVersions() || !p.Match("@acme/a", version(t, "1.0.0-a")) {
		t.Errorf("versions %v: %v", p.HasVersions(), err)
	}
}

func TestParsePatternRefuses_PC5(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "@", "@acme", "@acme/", "a b", "a/b", "a/*", "a*/b", ".a", "_a", "a@", "a@ ", "a@latest", "a@main", "a@^bad", "*@01.2.3", "a@1@2", "@/*", "@*/", "/*",
		"*/", "*/a/b", "@a/*/c", "a*é", "*\x00", "a?", "[a]", "*a!", strings.Repeat("*", 215), "@@*", "*\n",
	} {
		t.Run(s, func(t *testing.T) {
			t.Parallel()
			if p, err := pkgref.ParsePattern(s, true); !errors.Is(err, outcome.Invalid) {
				t.Errorf("got %q, %v", p, err)
			}
		})
	}
}

func TestZeroPatternMatchesNothing(t *testing.T) {
	t.Parallel()
	var p pkgref.Pattern
	if p.MatchName("a") || p.MatchName("") || p.Match("a", version(t, "1.0.0")) || p.HasVersions() {
		t.Error("the zero pattern matches")
	}
}

// In lower case is the name alone: prereleases have a case of their own.
func TestPatternLower(t *testing.T) {
	t.Parallel()
	p, err := pkgref.ParsePattern("@Acme/B*@1.0.0-RC.1", true)
	if err != nil {
		t.Fatal(err)
	}
	lower := p.Lower()
	v, err := pkgref.ParseVersion("1.0.0-RC.1")
	if err != nil {
		t.Fatal(err)
	}
	if !lower.Match("@acme/button", v) || lower.MatchName("@Acme/Button") || lower.String() != p.String() || p.MatchName("@acme/button") {
		t.Errorf("%v became %v", p, lower)
	}
}
