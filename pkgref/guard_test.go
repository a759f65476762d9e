package pkgref_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// guard is GuardPatterns compiled.
type guard struct {
	exprs  []*regexp.Regexp
	refuse []bool
}

func compileGuard(pub string) guard {
	var g guard
	for _, p := range pkgref.GuardPatterns(pub) {
		g.exprs = append(g.exprs, regexp.MustCompile(p.Expr))
		g.refuse = append(g.refuse, p.Refuse)
	}
	return g
}

// refuses gives the verdict of the first match.
func (g guard) refuses(target string) bool {
	s := latin1(target)
	for i, expr := range g.exprs {
		if expr.MatchString(s) {
			return g.refuse[i]
		}
	}
	return false
}

// latin1 makes one rune of each byte, because nginx matches bytes.
func latin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

func TestCheckRaw_PH1(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"/lib/", "/lib/d3", "/lib/d3/7.0.0/dist/d3.js", "/lib/@a/b/1.0.0/", "/lib/%40a/b", "/lib/@a%2fb", "/lib/%40a%2Fb/1/x", "/lib/@a%2fb@^1/x", "/lib/@a%2fb%401/x",
		"/lib/@%61%2f%62/x", "/lib/@a%2fb?%2f%zz//..", "/lib/d3?/../%00", "/lib/a/1/%25", "/lib/a/1/x%2ey", "/lib/a/1/..x", "/lib/a/1/...", "/lib/a/1/%2e%2e%2e", "/lib/a/1/.x",
		"/lib/a/1/x.", "/lib/a/1/x..", "/lib/a/%3E%3D1%20%3C2/x", "/lib/a/^1 || 2/", "/lib/a/1/\xff\xfe", "/lib/a/1/%ff%c0%af", "/lib/a/1/%c2%85", "/lib/a/1/%80", "/lib/a/1/%23%3f", "/lib/a/1/a;b=c",
		"/lib/@..%2fb", "/lib/x@..", "/lib/%20", "/lib/@a%2f_b", "/lib/@_%2f~", "/lib/" + strings.Repeat("a", 1019), "/lib/" + strings.Repeat("a", 1019) + "?" + strings.Repeat("q", 999),
	} {
		t.Run("allowed "+s, func(t *testing.T) {
			t.Parallel()
			if err := pkgref.CheckRaw(s, "/lib/"); err != nil {
				t.Error(err)
			}
		})
	}
	for _, s := range []string{
		"//", "/lib//", "//lib/a", "/lib/a//b", "/lib/.", "/lib/./a", "/lib/../a", "/lib/..", "/lib/%2e", "/lib/%2E/a", "/lib/.%2e/a", "/lib/%2e%2E", "/lib/a/..", "/lib/a/..?x",
		"/lib/\x00", "/lib/a\n", "/lib/a\r\nX: y", "/lib/\x1f", "/lib/\x7f", "/lib/%00", "/lib/%0a", "/lib/%0D", "/lib/%1f", "/lib/%7f", "/lib/%7F", "/lib/a\\b", "/lib/a%5cb", "/lib/%5C..",
		"/lib/%", "/lib/%2", "/lib/%zz", "/lib/%2g", "/lib/%g2", "/lib/%?2f", "/lib/%2?f", "/lib/%%20", "/lib/%u002e", "/lib/a#b", "/lib/..#",
		"/lib/a%2fb", "/lib/a%2Fb", "/lib/@a/b%2fc", "/lib/@a%2fb%2fc", "/lib/@a%2fb/%2f", "/lib/@a%2f", "/lib/@%2fb", "/lib/@a%2f.b", "/lib/@a%2f..", "/lib/@a%2f../x", "/lib/@a%2f%2e%2e",
		"/lib/@a%2f.@1", "/lib/@a%2fb c", "/lib/@a%2fb%20", "/lib/@a b%2fc", "/lib/x/@a%2fb", "/LIB/@a%2fb", "/l%69b/@a%2fb", "/lib/%2f", "/lib/@a%252fb%2f", "/%2flib/a", "/lib%2fa", "/@a%2fb",
		"/lib/" + strings.Repeat("a", 1020),
	} {
		t.Run("refused "+s, func(t *testing.T) {
			t.Parallel()
			if err := pkgref.CheckRaw(s, "/lib/"); !errors.Is(err, outcome.Invalid) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestGuardPatterns_N13 tries every sequence of a few fragments that the guard
// looks at, below two prefixes: the patterns and CheckRaw must always agree.
func TestGuardPatterns_N13(t *testing.T) {
	t.Parallel()
	fragments := []string{"/", "%2f", "%2F", ".", "%2e", "@", "%40", "a", "%41", "%5f", "_", "~", "%", "%2", "?", "#", "\\", "%5c", "\n", "%0a", "\x7f", "%7f", "%25", " ", "%20", "\xe9", "$", "%24", "lib"}
	for _, pub := range []string{"/", "/a.b/"} {
		t.Run(pub, func(t *testing.T) {
			t.Parallel()
			g := compileGuard(pub)
			refused := 0
			check := func(target string) {
				_, refuse := agree(t, g, target, pub)
				if refuse {
					refused++
				}
			}
			n := 0
			for _, a := range fragments {
				for _, b := range fragments {
					for _, c := range fragments {
						check(pub + a + b + c)
						check(pub + "@a%2fb" + a + b + c)
						check(pub + "@" + a + "%2f" + b + c)
						check("/" + a + b + c)
						n += 4
					}
				}
			}
			if refused == 0 || refused == n {
				t.Errorf("%d of %d refused", refused, n)
			}
		})
	}
}

// agree compares the two halves of the guard on one target.
func agree(t *testing.T, g guard, target, pub string) (err error, refuse bool) {
	t.Helper()
	err, refuse = pkgref.CheckRaw(target, pub), g.refuses(target)
	if (err != nil) != refuse {
		t.Errorf("%q below %s: patterns refuse: %v, CheckRaw: %v", target, pub, refuse, err)
	}
	return err, refuse
}

func TestGuardPatternsLength_N13(t *testing.T) {
	t.Parallel()
	g := compileGuard("/lib/")
	for _, n := range []int{1023, 1024, 1025, 1026, 5000} {
		for _, fill := range []string{"a", "\xe9", "/a", "%20"} {
			target := "/lib/" + strings.Repeat(fill, n)
			agree(t, g, target[:n], "/lib/")
			agree(t, g, target[:n]+"?"+target, "/lib/")
		}
	}
}

func TestGuardPatternsQuoting_N13(t *testing.T) {
	t.Parallel()
	for _, p := range pkgref.GuardPatterns("/lib/") {
		if strings.ContainsAny(p.Expr, "\"'$;\n ") {
			t.Errorf("hard to quote: %s", p.Expr)
		}
	}
}
