package component_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/registryd/registryd/component"
)

// Strangers cannot make the registry grow for ever, and do not shut out who is
// there already.
func TestRegister_HostsAreBounded(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	s.registry.Obey(component.Rules{MaxHosts: 8})
	var taken atomic.Int64
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			switch a := s.register(fmt.Sprintf(`{"react":"^%d.0.0"}`, i)); {
			case a.status == 200:
				taken.Add(1)
			case a.status != 503 || a.kind() != "tooManyHosts" || a.header.Get("Retry-After") == "":
				t.Errorf("%d: %d %s", i, a.status, a.body)
			}
		})
	}
	wg.Wait()
	if hosts, _, _ := s.registry.Index().Size(); taken.Load() != 8 || hosts != 8 {
		t.Errorf("%d were told yes, and there are %d", taken.Load(), hosts)
	}
	answered := 0
	for i := range 24 {
		if s.register(fmt.Sprintf(`{"react":"^%d.0.0"}`, i)).status == 200 {
			answered++
		}
	}
	if answered != 8 {
		t.Errorf("%d are answered again", answered)
	}
	s.registry.Obey(component.Rules{MaxHosts: 9})
	if a := s.register(`{"vue":"3"}`); a.status != 200 {
		t.Errorf("with more room: %d %s", a.status, a.body)
	}
	s.registry.Close()
	again := newSite(t, options{store: s.store})
	if hosts, _, _ := again.registry.Index().Size(); hosts != 9 {
		t.Errorf("%d after a start", hosts)
	}
}

// Few hosts may not fill the memory either.
func TestRegister_WhatHostsProvideIsBounded(t *testing.T) {
	t.Parallel()
	x := component.NewIndex()
	long := strings.Repeat("n", 100)
	for i := range 3 {
		_, added, err := x.AddHostWithin(component.Dependencies{long: fmt.Sprint(i)}, 10, 400)
		if want := i < 2; added != want || (err == nil) != want {
			t.Errorf("%d: %v %v", i, added, err)
		}
	}
}

// Who publishes hears of the hosts of all processes on the store (C-P3), and the
// file of hosts says what they get.
func TestPublish_CP3_HostsOfOtherProcesses(t *testing.T) {
	t.Parallel()
	base := openFile(t, t.TempDir())
	here, there := newSite(t, options{store: base, shared: true}), newSite(t, options{store: base, shared: true})
	host := `{"react":"^16.0.0"}`
	if a := there.register(host); a.status != 200 {
		t.Fatal(a)
	}
	id := fmt.Sprint(component.HostID(dependencies(t, host)))
	if a := here.publish("widget", "1.0.0", `{"react":"16"}`); a.status != 200 || !strings.Contains(a.body, id) {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := there.get("/widget?hostId=" + id); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
