package registry_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider"
)

// A range is found out once for each list, but never answered from a list or
// rules that are not in force any more.
func TestFind_RangeAgain(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0", "1.1.0", "2.0.0")
	e := start(t, one(s))
	twice := func(path, want string) {
		t.Helper()
		for range 2 {
			e.wantRedirect(t, path, want)
		}
	}
	twice("/lib/p/^1/index.js", "/lib/p/1.1.0/index.js")
	if _, err := e.Swap(generation(t, setup{providers: []provider.Provider{s}, policy: deny("p@1.1.0", "p@2")})); err != nil {
		t.Fatal(err)
	}
	twice("/lib/p/^1/index.js", "/lib/p/1.0.0/index.js")
	for range 2 {
		e.want(t, "/lib/p/^2/index.js", outcome.Forbidden)
	}
	if _, err := e.Swap(generation(t, one(s))); err != nil {
		t.Fatal(err)
	}
	twice("/lib/p/^1/index.js", "/lib/p/1.1.0/index.js")
	s.versionsOf("p", "1.2.0")
	if _, err := e.Flush(t.Context(), "p", spec(t, "^1"), "test"); err != nil {
		t.Fatal(err)
	}
	twice("/lib/p/^1/index.js", "/lib/p/1.2.0/index.js")
}

// More ranges than are remembered, and longer ones, are answered all the same.
func TestFind_ManyRanges(t *testing.T) {
	t.Parallel()
	e := start(t, one(newSource("npm").versionsOf("p", "1.0.0", "1.30.0")))
	long := strings.Repeat("1.0.0%20%7C%7C%20", 10)
	for range 2 {
		for i := range 40 {
			e.wantRedirect(t, fmt.Sprintf("/lib/p/>=1.%d.0/index.js", i%30), "/lib/p/1.30.0/index.js")
			e.wantRedirect(t, fmt.Sprintf("/lib/p/%s<1.%d/index.js", long, i%30+1), "/lib/p/1.0.0/index.js")
		}
	}
}
