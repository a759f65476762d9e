package daemon_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/registryd/registryd/internal/daemon"
	"github.com/registryd/registryd/module"
)

// G18, G19: a filter that matches a module written in Go alone has matched, also where everything is strict.
func TestStrictFilter_G18_G19(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.modules(map[string]string{"site/module.yaml": "operations: {/site: {handler: {static: .}}}\n"})
	f.write("modules: {dir: modules, strict: true}\n")
	var made atomic.Int64
	o := f.options()
	o.Modules = map[string]module.Factory{"counter": func(context.Context) (module.Module, error) { return goModule{made.Add(1)}, nil }}
	s, err := daemon.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
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
