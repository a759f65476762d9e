package daemon_test

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/registryd/registryd/module"
)

// hooked is a module in Go that counts its hooks.
type hooked struct {
	goModule
	attached, detached *atomic.Int64
}

func (h hooked) Attach(context.Context, module.Context) error {
	h.attached.Add(1)
	return nil
}

func (h hooked) Detach() { h.detached.Add(1) }

// G20, G21: a configuration without modules ends those in Go, too; one that has them again begins anew.
func TestModulesOff_G20_G21(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.write("modules: {}\n")
	var attached, detached atomic.Int64
	o := f.options()
	o.Modules = map[string]module.Factory{"counter": func(context.Context) (module.Module, error) {
		return hooked{attached: &attached, detached: &detached}, nil
	}}
	s := f.serverOf(o)
	for i := range int64(3) {
		if code, body := operate(s, http.MethodGet, "/api/modules/go/7"); code != 200 || attached.Load() != i+1 || detached.Load() != i {
			t.Errorf("%d: %d %s; attached %d, detached %d", i, code, body, attached.Load(), detached.Load())
		}
		f.write("")
		if r := report(t, s, ""); fmt.Sprint(r.Removed) != "[counter]" {
			t.Errorf("removed: %v", r.Removed)
		}
		if code, _ := operate(s, http.MethodGet, "/api/modules/go/7"); code != 404 || detached.Load() != i+1 {
			t.Errorf("%d: off: %d, detached %d", i, code, detached.Load())
		}
		f.write("modules: {}\n")
		report(t, s, "")
	}
}
