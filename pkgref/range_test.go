package pkgref_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

func TestRangeLimits_PVT3(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		valid      bool
	}{
		{"1024 bytes", "1" + strings.Repeat(" ", 1023), true},
		{"1025 bytes", "1" + strings.Repeat(" ", 1024), false},
		{"64 comparators", alternatives("=%.0.0", 64), true},
		{"65 comparators", alternatives("=%.0.0", 65), false},
		{"32 carets", alternatives("^%", 32), true},
		{"33 carets", alternatives("^%", 33), false},
		{"65 times the same", strings.Repeat("1.2.3 ", 65), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := pkgref.ParseRange(c.text)
			if (err == nil) != c.valid || err != nil && !errors.Is(err, outcome.Invalid) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// alternatives joins n different ranges made from a template.
func alternatives(template string, n int) string {
	var list []string
	for i := range n {
		list = append(list, strings.ReplaceAll(template, "%", string(rune('1'+i/8))+string(rune('0'+i%8))))
	}
	return strings.Join(list, "||")
}

func TestZeroVersionIsInNoRange(t *testing.T) {
	t.Parallel()
	if parse(t, "*").Has(pkgref.Version{}) || parsePre(t, "*").Has(pkgref.Version{}) {
		t.Error("the zero version satisfies a range")
	}
}

func TestZeroRangeIsEmpty(t *testing.T) {
	t.Parallel()
	var r pkgref.Range
	if _, ok := r.MinVersion(); ok || r.Has(version(t, "1.0.0")) || r.Intersects(parse(t, "*")) || r.Max(versions(t, []string{"1.0.0"})) != -1 {
		t.Error("the zero range has a version")
	}
}

func TestMaxTakesFirstOfEquals_PVT3(t *testing.T) {
	t.Parallel()
	vs := versions(t, []string{"1.0.0", "1.3.0+a", "1.3.0", "2.0.0-rc.1", "2.0.0"})
	if i := parse(t, "1").Max(vs); i != 1 {
		t.Errorf("got %d", i)
	}
	if i := parse(t, "3").Max(vs); i != -1 {
		t.Errorf("got %d", i)
	}
}

func TestVersionEqualsByText_PVT3(t *testing.T) {
	t.Parallel()
	a, b, c := version(t, "1.3.0+x"), version(t, "1.3.0"), version(t, "1.3.0+"+strings.Clone("x"))
	if a == b || a != c || a.Compare(b) != 0 {
		t.Error("== must compare texts, Compare precedence")
	}
	if (pkgref.Version{}).IsZero() != true || a.IsZero() {
		t.Error("IsZero is wrong")
	}
}

func TestIsPrerelease(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"1.2.3": false, "1.2.3+a-b": false, "1.2.3-0": true, "1.2.3-a+b": true} {
		if got := version(t, text).IsPrerelease(); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestHotPathsDoNotAllocate(t *testing.T) {
	vs := versions(t, []string{"1.0.0-alpha.1", "1.2.3-beta.9007199254740993", "1.2.3-beta.9007199254740995", "2.0.0"})
	r := parse(t, "^1.2.3-beta.1 || >=2 <3")
	p, err := pkgref.ParsePattern("@acme/*-x*@<2", false)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func(){
		"Max":      func() { r.Max(vs) },
		"Match":    func() { p.Match("@acme/a-xyz", vs[3]) },
		"CheckRaw": func() { _ = pkgref.CheckRaw("/lib/@acme/a/1.2.3/dist/a.js", "/lib/") },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}
