package daemon_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// G18, G19: a filter that matches a module written in Go alone has matched, also where everything is strict.
func TestStrictFilter_G18_G19(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.modules(map[string]string{"site/module.yaml": "operations: {/site: {handler: {static: .}}}\n"})
	f.write("modules: {dir: modules, strict: true}\n")
	s, made := f.counting()
	for _, filter := range []string{"counter", "count*"} {
		if r := report(t, s, "?filter="+filter); fmt.Sprint(r.Reloaded, r.Kept) != "[counter] []" {
			t.Errorf("%s: %+v", filter, r)
		}
	}
	if w := admin(s, http.MethodPost, "reload?filter=none"); w.Code != 400 || !strings.Contains(w.Body.String(), "no plugin matches none") {
		t.Errorf("no match: %d %s", w.Code, w.Body)
	}
	if made.Load() != 3 {
		t.Errorf("the module was made %d times", made.Load())
	}
}
