package component_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/component"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

func name(t testing.TB, s string) component.Name {
	t.Helper()
	n, err := component.ParseName(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func version(t testing.TB, s string) pkgref.Version {
	t.Helper()
	v, err := component.ParseVersion(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func addHost(t testing.TB, x *component.Index, d component.Dependencies) uint32 {
	t.Helper()
	id, _, err := x.AddHost(d)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestIndex_Section4_CG2_CP4_WorkedSession(t *testing.T) {
	t.Parallel()
	x := component.NewIndex()
	first := addHost(t, x, component.Dependencies{"react": "^16.8.0", "react-dom": "^16.8.0"})
	widget, clock := name(t, "widget"), name(t, "clock")
	if _, err := x.Lookup(first, widget); !errors.Is(err, component.ErrNoComponent) {
		t.Errorf("lookup in an empty registry: %v", err)
	}
	publish := func(n component.Name, v string, d component.Dependencies, want map[uint32]component.Mismatches) {
		t.Helper()
		if diff := cmp.Diff(want, x.AddVersion(n, version(t, v), d)); diff != "" {
			t.Errorf("%s %s moves (-want +got):\n%s", n, v, diff)
		}
	}
	none := map[uint32]component.Mismatches{}
	publish(widget, "1.0.0", component.Dependencies{"react": "^16.8.0"}, map[uint32]component.Mismatches{first: {}})
	newer := map[uint32]component.Mismatches{first: {"react": {Host: "^16.8.0", Component: "^16.9.0"}}}
	publish(widget, "1.1.0", component.Dependencies{"react": "^16.9.0"}, newer)
	publish(widget, "1.0.5", component.Dependencies{"react": "^16.8.0"}, none)
	publish(widget, "2.0.0", component.Dependencies{"react": "^17.0.0"}, none)
	publish(widget, "1.1.0", component.Dependencies{}, none)
	if v, err := x.Lookup(first, widget); err != nil || v.String() != "1.1.0" {
		t.Errorf("the host gets %s, %v", v, err)
	}
	second := addHost(t, x, component.Dependencies{"react": "16.9.0", "moment": "^2.24.0"})
	third := addHost(t, x, component.Dependencies{"react": "^15.0.0"})
	got, err := x.Choices(second)
	if diff := cmp.Diff(map[string]component.Choice{"widget": {Version: "1.1.0", Mismatches: component.Mismatches{}}}, got); diff != "" || err != nil {
		t.Errorf("choices of the second, %v (-want +got):\n%s", err, diff)
	}
	if got, err := x.Choices(third); err != nil || len(got) != 0 {
		t.Errorf("choices of the third: %v %v", got, err)
	}
	publish(clock, "0.1.0", component.Dependencies{"react": ">=15", "moment": "^2.0.0"}, map[uint32]component.Mismatches{second: {}})
	publish(name(t, "plain"), "1.0.0", nil, map[uint32]component.Mismatches{first: {}, second: {}, third: {}})
}

func TestIndex_CID7_CollisionIsNotAnswered(t *testing.T) {
	t.Parallel()
	one, other := collidingMaps(t)
	x := component.NewIndex()
	id := addHost(t, x, one)
	if got, _, err := x.AddHost(other); got != id || !errors.Is(err, component.ErrCollision) || !errors.Is(err, outcome.Conflict) {
		t.Errorf("the other map of %d: %d, %v", id, got, err)
	}
	if d, ok := x.Host(id); !ok || !d.Equal(one) {
		t.Errorf("the first host changed: %v", d)
	}
}

// collidingMaps returns two maps of one id, which a search found.
func collidingMaps(t *testing.T) (a, b component.Dependencies) {
	t.Helper()
	a, b = component.Dependencies{"react": "1.17225.0"}, component.Dependencies{"react": "1.187173.0"}
	if component.HostID(a) != component.HostID(b) {
		t.Fatal("the maps have two ids")
	}
	return a, b
}

func TestIndex_CR6_InvalidHostRangeIsNotProvided(t *testing.T) {
	t.Parallel()
	x := component.NewIndex()
	x.AddVersion(name(t, "widget"), version(t, "1.0.0"), component.Dependencies{"react": "^16.0.0"})
	id := addHost(t, x, component.Dependencies{"react": "latest"})
	if got, err := x.Choices(id); err != nil || len(got) != 0 {
		t.Errorf("%v %v", got, err)
	}
	if _, err := x.Lookup(1, name(t, "widget")); !errors.Is(err, component.ErrUnknownHost) {
		t.Errorf("an unknown host: %v", err)
	}
}

// Whatever the order in which hosts and versions come, and by whichever way,
// each host has the highest version that is compatible: the contract's steps
// C-H2 and C-P4, done slowly, agree.
func TestIndex_CH2_CP4_OrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	ranges := []string{"^1.0.0", "^1.2.0", "1.x", "^2.0.0", ">=1", "latest", "", "~1.2.3", "2.0.0-beta.1", "*"}
	versions := []string{"0.9.0", "1.0.0-rc.1", "1.0.0", "1.1.0", "2.0.0-beta", "2.0.0", "10.0.0"}
	deps := func() component.Dependencies {
		d := component.Dependencies{}
		for _, n := range []string{"a", "b"} {
			if r.IntN(3) > 0 {
				d[n] = ranges[r.IntN(len(ranges))]
			}
		}
		return d
	}
	for round := range 60 {
		x, slow := component.NewIndex(), map[uint32]string{}
		hosts, published := map[uint32]component.Dependencies{}, map[string]component.Dependencies{}
		n := name(t, "widget")
		for range 30 {
			if v := versions[r.IntN(len(versions))]; r.IntN(2) == 0 && published[v] == nil {
				d := deps()
				published[v] = d
				moved := x.AddVersion(n, version(t, v), d)
				for id, h := range hosts {
					_, fits := component.Compare(h, d)
					moves := fits && (slow[id] == "" || version(t, slow[id]).Compare(version(t, v)) < 0)
					if _, ok := moved[id]; ok != moves {
						t.Fatalf("round %d: C-P4: %s for %v moves: %v, want %v", round, v, h, ok, moves)
					}
					if moves {
						slow[id] = v
					}
				}
				continue
			}
			h := deps()
			id := addHost(t, x, h)
			hosts[id] = h
			for v, d := range published {
				if _, fits := component.Compare(h, d); fits && (slow[id] == "" || version(t, slow[id]).Compare(version(t, v)) < 0) {
					slow[id] = v
				}
			}
		}
		for id := range hosts {
			v, err := x.Lookup(id, n)
			if got := v.String(); got != slow[id] || (err == nil) != (slow[id] != "") {
				t.Fatalf("round %d: host %v has %q (%v), want %q", round, hosts[id], got, err, slow[id])
			}
		}
	}
}

func TestIndex_ConcurrentUseLosesNothing_CS2(t *testing.T) {
	t.Parallel()
	x := component.NewIndex()
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() { _, _, _ = x.AddHost(component.Dependencies{"react": fmt.Sprintf("^16.%d.0", i)}) })
		wg.Go(func() {
			x.AddVersion(name(t, "widget"), version(t, fmt.Sprintf("1.%d.0", i)), component.Dependencies{"react": "*"})
		})
		wg.Go(func() { _, _ = x.Lookup(uint32(i), name(t, "widget")) })
	}
	wg.Wait()
	for i := range 50 {
		id := component.HostID(component.Dependencies{"react": fmt.Sprintf("^16.%d.0", i)})
		if v, err := x.Lookup(id, name(t, "widget")); err != nil || v.String() != "1.49.0" {
			t.Errorf("host %d has %s, %v", i, v, err)
		}
	}
	if hosts, components, versions := x.Size(); hosts != 50 || components != 1 || versions != 50 {
		t.Errorf("size %d %d %d", hosts, components, versions)
	}
}
