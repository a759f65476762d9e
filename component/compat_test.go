package component_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/component"
)

func TestCompare_CR1_CR2_CR3_CR5_CR6_Table(t *testing.T) {
	t.Parallel()
	const compatible, mismatch, incompatible = "compatible", "mismatch", "incompatible"
	for _, test := range []struct{ host, component, want string }{
		{"^1.0.0", "^1.0.0", compatible},
		{"^1.0.0", "^1.3.0", mismatch},
		{"1.0.0", "^1.3.0", incompatible},
		{">=1.0.0", "^2.0.0", mismatch},
		{"^1.0.0 || ^2.0.0", "^2.0.0", mismatch},
		{"*", "^1.0.0", mismatch},
		{"16", "^16.8.8", mismatch},
		{"^16.8.3", "*", compatible},
		{"^1.0.0", "^0.0.1", incompatible},
		{"", "*", incompatible},                   // C-R1
		{"^1.0.0", "^2.0.0-beta.1", incompatible}, // C-R5
		{"latest", "^16.0.0", incompatible},       // C-R6
		{"^16.0.0", "latest", incompatible},       // C-R6
		{"^1.0.0", "", compatible},
	} {
		t.Run(test.host+" with "+test.component, func(t *testing.T) {
			t.Parallel()
			found, ok := component.Compare(component.Dependencies{"react": test.host}, component.Dependencies{"react": test.component})
			got := incompatible
			if ok {
				got = compatible
			}
			if len(found) > 0 {
				got = mismatch
				want := component.Mismatches{"react": {Host: test.host, Component: test.component}}
				if diff := cmp.Diff(want, found); diff != "" {
					t.Errorf("C-R3 (-want +got):\n%s", diff)
				}
			}
			if got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

func TestCompare_CR1_CR4_WhoHasWhat(t *testing.T) {
	t.Parallel()
	host := component.Dependencies{"react": "^16.0.0"}
	if _, ok := component.Compare(host, component.Dependencies{"moment": "*"}); ok {
		t.Error("C-R1: a dependency that the host lacks is compatible")
	}
	for name, h := range map[string]component.Dependencies{"some": host, "none": nil} {
		if found, ok := component.Compare(h, nil); !ok || found == nil || len(found) != 0 {
			t.Errorf("C-R4, host with %s: %v %v", name, found, ok)
		}
	}
}
