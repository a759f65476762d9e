package registry_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider"
)

func TestUnknownVersion_PH7(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0")
	c := newClock()
	e := start(t, setup{providers: []provider.Provider{s}, clock: c})
	e.wantBody(t, "/lib/p/1.0.0/index.js", "npm 1.0.0")
	for range 20 {
		e.want(t, "/lib/p/9.9.9/index.js", outcome.NotFound)
	}
	s.wantCount(t, "release p@9.9.9", 1)
	c.add(59 * time.Second)
	e.want(t, "/lib/p/9.9.9/index.js", outcome.NotFound)
	s.wantCount(t, "release p@9.9.9", 1)

	// The mark outlives a restart, its time does not start anew.
	e.stop()
	e = start(t, setup{providers: []provider.Provider{s}, clock: c, dir: e.dir})
	e.want(t, "/lib/p/9.9.9/index.js", outcome.NotFound)
	s.wantCount(t, "release p@9.9.9", 1)
	s.versionsOf("p", "9.9.9")
	c.add(time.Second)
	e.wantBody(t, "/lib/p/9.9.9/index.js", "npm 9.9.9")
	s.wantCount(t, "release p@9.9.9", 2)
}

// A version that a range leads to exists, whatever was known before.
func TestPublishedMeanwhile_PC7(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0")
	e := start(t, one(s))
	e.wantRedirect(t, "/lib/p/^1/index.js", "/lib/p/1.0.0/index.js")
	e.clock.add(2 * time.Hour)
	e.want(t, "/lib/p/1.1.0/index.js", outcome.NotFound)
	s.versionsOf("p", "1.1.0")
	e.wantRedirect(t, "/lib/p/^1/index.js", "/lib/p/1.1.0/index.js")
	e.wantBody(t, "/lib/p/1.1.0/index.js", "npm 1.1.0")
}

func TestUnknownNames_PF2_F36(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0")
	e := start(t, one(s))
	e.wantBody(t, "/lib/p/1.0.0/index.js", "npm 1.0.0")
	before := below(t, e.dir)
	specs := []string{"1.0.0", "^1", "latest", "main"}
	for i := range 2000 {
		e.want(t, fmt.Sprintf("/lib/random-%x/%s/index.js", i*2654435761, specs[i%4]), outcome.NotFound)
	}
	if diff := cmp.Diff(before, below(t, e.dir)); diff != "" {
		t.Errorf("the data directory changed (-before +after):\n%s", diff)
	}
	calls := s.count("")
	for i := range 2000 { // what is known to be absent is not asked for again
		e.want(t, fmt.Sprintf("/lib/random-%x/%s/index.js", i*2654435761, specs[i%4]), outcome.NotFound)
	}
	s.wantCount(t, "", calls)
	// Many versions of one package cost one small file.
	for i := range 300 {
		e.want(t, fmt.Sprintf("/lib/p/7.0.%d/index.js", i), outcome.NotFound)
	}
	if got := len(below(t, e.dir)) - len(before); got > 1 {
		t.Errorf("%d more files", got)
	}
}

func TestAllowListAsksNobody_PF2(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("other", "1.0.0")
	policy := deny()
	policy.Default, policy.Rules = "deny", nil
	e := start(t, setup{providers: []provider.Provider{s}, policy: policy})
	for i := range 50 {
		for _, spec := range []string{"1.0.0", "^1", "latest", "main", ""} {
			e.want(t, fmt.Sprintf("/lib/other%d/%s", i, spec), outcome.Forbidden)
		}
	}
	s.wantCount(t, "", 0)
}
