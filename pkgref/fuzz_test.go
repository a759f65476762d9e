package pkgref_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/Masterminds/semver/v3"

	"github.com/registryd/registryd/pkgref"
)

func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{
		"/lib/d3/7.0.0/dist/d3.js", "/lib/@a%2fb@%5E1/x/", "/lib/%40a/b/main/", "/lib/d3", "/lib/d3/>=1 <2/%ff%25", "/lib/../x", "/lib/@a%2f../x", "/lib/d3/1/%2e%2e/x",
		"/lib/d3/%5E7/%2f%2fevil/x", "/lib/d3/1.0.0/%252e%252e/", "/lib/a@1@2?x", "/lib/@a/b@1.x || 2/é",
	} {
		f.Add(seed, "/lib/")
		f.Add(seed, "/")
	}
	guards := map[string]guard{"/lib/": compileGuard("/lib/"), "/": compileGuard("/")}
	f.Fuzz(func(t *testing.T, raw, pub string) {
		g, known := guards[pub]
		if !known {
			pub = "/"
			g = guards[pub]
		}
		guardErr, _ := agree(t, g, raw, pub)
		ref, err := pkgref.ParsePath(raw, pub)
		if err != nil {
			return
		}
		if guardErr != nil {
			t.Fatalf("%q is parsed although the guard refuses it", raw)
		}
		checkInside(t, string(ref.Name)+"/"+ref.Path)
		checkRoundTrip(t, ref, pub)
		checkRedirect(t, pkgref.Location(pub, ref.Name, ref.Spec.Text, ref.Path))
	})
}

// checkInside demands that a decoded path can leave no directory.
func checkInside(t *testing.T, path string) {
	t.Helper()
	segments := strings.Split(strings.TrimSuffix(path, "/"), "/")
	for _, s := range segments {
		if s == "." || s == ".." || s == "" {
			t.Fatalf("%q has segment %q", path, s)
		}
	}
	if strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) {
		t.Fatalf("%q has a byte that no path may have", path)
	}
}

func checkRoundTrip(t *testing.T, ref pkgref.Ref, pub string) {
	t.Helper()
	u := ref.URL(pub)
	checkRedirect(t, u)
	again, err := pkgref.ParsePath(u, pub)
	if err != nil {
		if len(u) > pkgref.MaxPathLen {
			return // escaping made it longer
		}
		t.Fatalf("%q: %v", u, err)
	}
	want := flat(ref)
	want.At = false
	if flat(again) != want || again.URL(pub) != u {
		t.Fatalf("%q: %+v, then %+v", u, want, flat(again))
	}
}

func checkRedirect(t *testing.T, u string) {
	t.Helper()
	if !strings.HasPrefix(u, "/") || strings.HasPrefix(u, "//") || strings.ContainsFunc(u, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '\\' }) {
		t.Fatalf("%q is no good redirect", u)
	}
}

func FuzzParseRange(f *testing.F) {
	for _, seed := range []string{"", "^1.2.3-beta", "~> 1 || 2 - 3.x", "*1.2.3", ">1.2.9007199254740991", "+a 1", "1.2.3-v = 2", "~x.1", "<0.0.0-0", "\ufeff1\u2003", "\xff", "> +b 1"} {
		f.Add(seed, "1.2.3-beta.1")
	}
	vs := []string{"0.0.0-0", "0.0.0", "1.2.3-beta", "1.2.3", "2.0.0", "9007199254740991.9007199254740991.9007199254740991"}
	f.Fuzz(func(t *testing.T, text, v string) {
		for _, parse := range []func(string) (*pkgref.Range, error){pkgref.ParseRange, pkgref.ParseRangeWithPrereleases} {
			r, err := parse(text)
			checkSpecKind(t, text, err)
			if err != nil {
				continue
			}
			checkRangeLaws(t, r, parse)
			if w, err := pkgref.ParseVersion(v); err == nil {
				checkMember(t, r, w)
			}
			for _, s := range vs {
				checkMember(t, r, version(t, s))
			}
		}
	})
}

// checkSpecKind checks that a range is a spec, and that a tag is no range.
func checkSpecKind(t *testing.T, text string, rangeErr error) {
	t.Helper()
	spec, err := pkgref.ParseSpec(text)
	if rangeErr == nil && err != nil || spec.Kind == pkgref.KindTag && text != "" && rangeErr == nil {
		t.Fatalf("%q as a range: %v; as a spec: %+v, %v", text, rangeErr, spec, err)
	}
}

// checkRangeLaws checks what must hold for any range by itself.
func checkRangeLaws(t *testing.T, r *pkgref.Range, parse func(string) (*pkgref.Range, error)) {
	t.Helper()
	normal := r.String()
	if len(normal) <= pkgref.MaxRangeLen {
		if again, err := parse(normal); err != nil || again.String() != normal {
			t.Fatalf("normal form %q becomes %q: %v", normal, again, err)
		}
	}
	if v, ok := r.MinVersion(); ok && !r.Has(v) || !ok && !v.IsZero() {
		t.Fatalf("%q has not its own lowest version %q", normal, v)
	}
	if _, ok := r.MinVersion(); ok && normal == "<0.0.0-0" {
		t.Fatal("the empty range has a lowest version")
	}
}

func checkMember(t *testing.T, r *pkgref.Range, v pkgref.Version) {
	t.Helper()
	if i := r.Max([]pkgref.Version{v}); (i == 0) != r.Has(v) {
		t.Fatalf("Max and Has disagree on %q and %q", r, v)
	}
}

func FuzzParseVersion(f *testing.F) {
	for _, seed := range []string{"1.2.3", "1.2.3-beta.1+b", "0.0.0-0", "1.2.3--", "9007199254740992.0.0", "1.0.0-9007199254740993", "v1.2.3", "01.2.3", "1.2.3+", "\xff",
		"999999999999999.0.0", "1000000000000000.0.0-0", "1.2.00", "1.2", "1.2.3.4", "1..3", "1.2.3-", "1.2.3-00", "0.0.0", "1.2.3-01"} {
		f.Add(seed, "1.2.3-beta")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		v, err := pkgref.ParseVersion(a)
		checkStrict(t, a, v, err)
		if err != nil {
			return
		}
		if v.String() != a || v.Compare(v) != 0 || v.IsZero() {
			t.Fatalf("%q became %q", a, v)
		}
		if w, err := pkgref.ParseVersion(b); err == nil && v.Compare(w) != -w.Compare(v) {
			t.Fatalf("%q and %q: %d and %d", v, w, v.Compare(w), w.Compare(v))
		}
		bare, _, _ := strings.Cut(a, "+")
		if r, err := pkgref.ParseRange(a); err != nil || !r.Has(v) || r.String() != bare {
			t.Fatalf("%q as a range: %q, %v", a, r, err)
		}
		if spec, err := pkgref.ParseSpec(a); err != nil || spec.Version != v {
			t.Fatalf("%q as a spec: %+v, %v", a, spec, err)
		}
	})
}

// checkStrict compares the verdict on a version with that of the library.
func checkStrict(t *testing.T, text string, v pkgref.Version, err error) {
	t.Helper()
	sv, strict := semver.StrictNewVersion(text)
	if strict == nil && (len(text) > pkgref.MaxVersionLen || max(sv.Major(), sv.Minor(), sv.Patch()) > pkgref.MaxNumber) {
		return // valid, but not for npm
	}
	if (strict == nil) != (err == nil) {
		t.Fatalf("%q: %v, the library: %v", text, err, strict)
	}
	if err != nil {
		return
	}
	numbers := fmt.Sprintf("%d.%d.%d", sv.Major(), sv.Minor(), sv.Patch())
	same, _ := pkgref.ParseRangeWithPrereleases(">=" + numbers + "-0 <=" + numbers)
	if !same.Has(v) || v.IsPrerelease() != (sv.Prerelease() != "") {
		t.Fatalf("%q has other numbers than %s, or another prerelease than %q", text, numbers, sv.Prerelease())
	}
}

func FuzzPattern(f *testing.F) {
	for _, seed := range []string{"*", "@acme/*", "d3-*@<2", "a*b*c", "event-stream@3.3.6+b", "a**", "*/x", "@*@*"} {
		f.Add(seed, "@acme/d3-abc", "1.2.3-a")
	}
	f.Fuzz(func(t *testing.T, pattern, name, v string) {
		p, err := pkgref.ParsePattern(pattern, true)
		if err != nil {
			return
		}
		n, err := pkgref.ParseName(name)
		if err != nil {
			return
		}
		glob, _, _ := strings.Cut(pattern[1:], "@")
		if want := matches(pattern[:1]+glob, name); p.MatchName(n) != want {
			t.Fatalf("%q matches %q: want %v", pattern, name, want)
		}
		if w, err := pkgref.ParseVersion(v); err == nil && p.Match(n, w) && !p.MatchName(n) {
			t.Fatalf("%q matches %s@%s but not the name", pattern, name, v)
		}
	})
}

// matches is the meaning of a glob, as a table over both texts.
func matches(glob, s string) bool {
	row := make([]bool, len(s)+1) // row[i]: the glob so far matches s[:i]
	row[0] = true
	for _, g := range []byte(glob) {
		next := make([]bool, len(s)+1)
		for i := range next {
			switch {
			case g == '*':
				next[i] = row[i] || i > 0 && next[i-1]
			case i > 0:
				next[i] = row[i-1] && s[i-1] == g
			}
		}
		row = next
	}
	return row[len(s)]
}
