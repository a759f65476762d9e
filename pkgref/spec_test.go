package pkgref_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

func TestParseSpec_PVT2(t *testing.T) {
	t.Parallel()
	for kind, specs := range map[pkgref.Kind][]string{
		pkgref.KindExact: {"1.2.3", "2.0.0-beta.1", "1.3.0+build", "0.0.0", "1.2.3-a+b"},
		pkgref.KindPin:   {"main"},
		pkgref.KindTag: {
			"", "latest", "next", "beta", "a", "Main", "LATEST", "v", "vue2-latest", "next-11", "a.b_c-d", "x-ray", "vx.1", "v1-beta",
			strings.Repeat("t", 128),
		},
		pkgref.KindRange: {
			"^1", "~1.2", "1", "1.x", ">=1 <2", "1.2 - 2", "||", "*", "x", "X", "v1.2.3", "=1.2.3", "v1", "vx", " ", "\t", " 1.2.3", "1 || 2",
			">1.2.3-beta", "+build", "X.x", "^1.2.3+b",
		},
	} {
		for _, s := range specs {
			t.Run(s, func(t *testing.T) {
				t.Parallel()
				spec, err := pkgref.ParseSpec(s)
				if err != nil || spec.Kind != kind {
					t.Fatalf("kind %d, want %d: %v", spec.Kind, kind, err)
				}
				checkSpec(t, s, spec)
			})
		}
	}
}

// checkSpec checks that exactly the fields of the kind are set.
func checkSpec(t *testing.T, s string, spec pkgref.Spec) {
	t.Helper()
	want := s
	if s == "" {
		want = "latest"
	}
	if spec.Text != want {
		t.Errorf("text %q, want %q", spec.Text, want)
	}
	if (spec.Range != nil) != (spec.Kind == pkgref.KindRange) {
		t.Errorf("range %v", spec.Range)
	}
	if spec.Kind == pkgref.KindExact && spec.Version.String() != s || spec.Kind != pkgref.KindExact && !spec.Version.IsZero() {
		t.Errorf("version %q", spec.Version)
	}
}

func TestParseSpecRefuses_PVT2(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"01.2.3", "^bad", "1.2.3.4", "1.2.3-", "é", "-1", "_tag", ".", "..", "a b", "a~b", "a@b", "a/b", "1beta", ">", "<=", "1 2 bad", "\x00",
		"1.x.2", "latest ", " main", strings.Repeat("t", 129), "1.0.0-" + strings.Repeat("a", 251), "9007199254740992.0.0",
		strings.Repeat(" ", 1025), strings.Repeat("1||", 64) + "1",
	} {
		t.Run(s, func(t *testing.T) {
			t.Parallel()
			if spec, err := pkgref.ParseSpec(s); !errors.Is(err, outcome.Invalid) || spec != (pkgref.Spec{}) {
				t.Errorf("got %+v, %v", spec, err)
			}
		})
	}
}
