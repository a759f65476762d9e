package component_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/registryd/registryd/component"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// denied are versions, as name@version, that a gate denies.
type denied []string

func (d denied) Check(n pkgref.Name, v pkgref.Version) error {
	if what := string(n) + "@" + v.String(); slices.Contains(d, what) {
		return &outcome.Denial{Rule: "deny " + what, Reason: "withdrawn"}
	}
	return nil
}

// A denied version is not published, not served, not chosen, not listed and not
// in the view; without the rule it is back.
func TestRules_CN7_WithdrawnVersion(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	host := `{"react":"^16.0.0"}`
	s.register(host)
	id := fmt.Sprint(component.HostID(dependencies(t, host)))
	for _, v := range []string{"1.0.0", "1.1.0"} {
		s.publish("@Acme%2FButton", v, `{"react":"16"}`)
		s.get("/@acme/button/" + v + "/main.js")
	}
	gets := func(want string) {
		t.Helper()
		a := s.get("/@acme/button?hostId=" + id)
		if got := a.header.Get("Dynamico-Component-Version"); a.status != 200 || got != want {
			t.Errorf("the host gets %d %q, want %s", a.status, got, want)
		}
		if again := s.register(host); !strings.Contains(again.body, want) {
			t.Errorf("registered again: %s", again.body)
		}
	}
	gets("1.1.0")
	s.registry.Obey(component.Rules{Gate: denied{"@acme/button@1.1.0", "new@1.0.0"}})
	removed, err := s.registry.Sweep()
	if err != nil || fmt.Sprint(removed) != "[@acme/button@1.1.0]" {
		t.Errorf("swept %q, %v", removed, err)
	}
	gets("1.0.0")
	if _, err := os.Stat(string(s.view) + "/@acme/button/1.1.0"); !os.IsNotExist(err) {
		t.Errorf("the view still has it: %v", err)
	}
	for _, path := range []string{"/@acme/button/1.1.0/main.js", "/@acme/button?componentVersion=1.1.0"} {
		if a := s.get(path); a.status != http.StatusForbidden || a.kind() != "forbidden" || !strings.Contains(a.body, "withdrawn") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := s.get("/"); strings.Contains(a.body, "1.1.0") || !strings.Contains(a.body, "1.0.0") {
		t.Errorf("list: %s", a.body)
	}
	if a := s.publish("new", "1.0.0", `{}`); a.status != http.StatusForbidden || a.kind() != "forbidden" {
		t.Errorf("publish: %d %s", a.status, a.body)
	}
	if a := s.publish("@acme%2Fbutton", "1.0.5", `{"react":"16"}`); !strings.Contains(a.body, id) {
		t.Errorf("a higher version than the allowed one moves nobody: %d %s", a.status, a.body)
	}
	s.registry.Obey(component.Rules{})
	gets("1.1.0")
}

// What a rule denies from the start is loaded and not served.
func TestRules_CN7_FromTheStart(t *testing.T) {
	t.Parallel()
	first := newSite(t, options{})
	first.publish("widget", "1.0.0", `{}`)
	first.publish("widget", "2.0.0", `{}`)
	first.registry.Close()
	r := component.New(component.Config{Store: first.store, View: first.view})
	t.Cleanup(r.Close)
	r.Obey(component.Rules{Gate: denied{"widget@2.0.0"}})
	r.Start(t.Context())
	got, err := r.Register(t.Context(), component.Dependencies{"x": "1"})
	if err != nil || got.Index["widget"] != "1.0.0" {
		t.Errorf("%+v, %v", got, err)
	}
}

// Whatever is asked for while the rules change: after the sweep the view has
// nothing of what they deny.
func TestRules_CN7_NothingComesBackAfterTheSweep(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	s.publish("widget", "1.0.0", `{}`)
	for range 20 {
		s.registry.Obey(component.Rules{})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { s.get("/widget/1.0.0/main.js") })
		}
		s.registry.Obey(component.Rules{Gate: denied{"widget@1.0.0"}})
		if _, err := s.registry.Sweep(); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if dirs, err := s.view.Versions(); err != nil || len(dirs) > 0 {
			t.Fatalf("the view has %q, %v", dirs, err)
		}
	}
}
