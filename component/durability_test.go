package component_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/registryd/registryd/component"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/store"
)

// dying is a store whose process dies at the n-th write: that one may reach the
// disk or not, nothing after it does, and nobody tidies up.
type dying struct {
	store.Store
	mu      sync.Mutex
	left    int
	reaches bool // the last write
}

func (d *dying) step() (do, last bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left--
	return d.left > 0, d.left == 0
}

func (d *dying) Put(ctx context.Context, key string, v []byte, c store.Condition) (store.Object, error) {
	do, last := d.step()
	if do {
		return d.Store.Put(ctx, key, v, c)
	}
	if last && d.reaches {
		_, _ = d.Store.Put(ctx, key, v, c)
	}
	return store.Object{}, outcome.New(outcome.Busy, "dead")
}

func (d *dying) Get(ctx context.Context, key string) ([]byte, store.Object, error) {
	if d.dead() {
		return nil, store.Object{}, outcome.New(outcome.Busy, "dead")
	}
	return d.Store.Get(ctx, key)
}

func (d *dying) Delete(ctx context.Context, key string) error {
	if do, _ := d.step(); !do {
		return outcome.New(outcome.Busy, "dead")
	}
	return d.Store.Delete(ctx, key)
}

func (d *dying) dead() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.left <= 0
}

// At whichever write the process dies: what was acknowledged is there after a
// start, what was not is there whole or can be published again.
func TestCrash_CP10_AtEveryWrite(t *testing.T) {
	t.Parallel()
	for _, reaches := range []bool{false, true} {
		for n := 1; n <= 16; n++ {
			base := openFile(t, t.TempDir())
			d := &dying{Store: base, left: n, reaches: reaches}
			s := newSite(t, options{store: d})
			hosts, versions := map[string]bool{}, map[string]bool{}
			for i := range 4 {
				h := fmt.Sprintf(`{"react":"^16.%d.0"}`, i)
				hosts[h] = s.register(h).status == 200
				v := fmt.Sprintf("1.%d.0", i)
				versions[v] = s.publish("widget", v, `{"react":"*"}`).status == 200
			}
			s.registry.Close()
			after(t, fmt.Sprint(n, reaches), newSite(t, options{store: base}), hosts, versions)
		}
	}
}

func after(t *testing.T, what string, s *site, hosts, versions map[string]bool) {
	t.Helper()
	file, _, _ := s.store.Get(t.Context(), "index.json")
	for h, acknowledged := range hosts {
		if id := fmt.Sprintf(`"%d"`, component.HostID(dependencies(t, h))); acknowledged && !strings.Contains(string(file), id) {
			t.Errorf("%s: the host %s is lost: %s", what, h, file)
		}
		if a := s.register(h); a.status != 200 {
			t.Errorf("%s: register %s: %d %s", what, h, a.status, a.body)
		}
	}
	for v, acknowledged := range versions {
		a := s.get("/widget?componentVersion=" + v)
		switch {
		case a.status == 200 && a.body != codeOf("widget", v), acknowledged && a.status != 200:
			t.Errorf("%s: %s: %d %q", what, v, a.status, a.body)
		case a.status == 404:
			if again := s.publish("widget", v, `{"react":"*"}`); again.status != 200 {
				t.Errorf("%s: %s cannot be published again: %d %s", what, v, again.status, again.body)
			}
		}
	}
}

// What another left of an unfinished publication does not block the next one.
func TestPublish_CP10_OrphanIsReplaced(t *testing.T) {
	t.Parallel()
	s := newSite(t, options{})
	if _, err := s.store.Put(t.Context(), "widget/1.0.0/main.js", []byte("half"), store.Condition{}); err != nil {
		t.Fatal(err)
	}
	if a := s.publish("widget", "1.0.0", `{}`); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.get("/widget?componentVersion=1.0.0"); a.body != codeOf("widget", "1.0.0") {
		t.Errorf("%q", a.body)
	}
}

// Registrations and publications at once, by two processes on one store as far
// as it allows it: the index file has all of them, and agrees with the content.
func TestConcurrent_CS1_CS2_NothingIsLost(t *testing.T) {
	t.Parallel()
	base := openFile(t, t.TempDir())
	sites := []*site{newSite(t, options{store: base, shared: true}), newSite(t, options{store: base, shared: true})}
	const count = 25
	var wg sync.WaitGroup
	for i := range count {
		for j, s := range sites {
			wg.Go(func() {
				if a := s.register(fmt.Sprintf(`{"react":"^16.%d.%d"}`, i, j)); a.status != 200 {
					t.Errorf("register: %d %s", a.status, a.body)
				}
			})
			wg.Go(func() {
				if a := s.publish(fmt.Sprint("c", j), fmt.Sprintf("1.%d.0", i), `{"react":"*"}`); a.status != 200 {
					t.Errorf("publish: %d %s", a.status, a.body)
				}
			})
		}
	}
	// The same version by both: exactly one wins.
	won := make([]answer, len(sites))
	for j, s := range sites {
		wg.Go(func() {
			won[j] = s.upload("/same/1.0.0", tgz(t, map[string]string{"package.json": "{}", "index.js": fmt.Sprint(j)}), text("{}"), nil)
		})
	}
	wg.Wait()
	if (won[0].status == 200) == (won[1].status == 200) {
		t.Errorf("both or none won: %d %d", won[0].status, won[1].status)
	}
	for j, a := range won {
		if got := sites[1-j].get("/same?componentVersion=1.0.0"); a.status == 200 && got.body != fmt.Sprint(j) {
			t.Errorf("%d won, and %q is served", j, got.body)
		}
	}
	fresh := newSite(t, options{store: base})
	hosts, components, versions := fresh.registry.Index().Size()
	if hosts != 2*count || components != 3 || versions != 2*count+1 {
		t.Errorf("%d hosts, %d components, %d versions", hosts, components, versions)
	}
	checkIndexFile(t, base, fresh)
}

// checkIndexFile compares the file of hosts with what the index says.
func checkIndexFile(t *testing.T, s store.Store, fresh *site) {
	t.Helper()
	// Another registration writes the file once more, with all that is known.
	fresh.register(`{"vue":"^3.0.0"}`)
	data, _, err := s.Get(t.Context(), "index.json")
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]struct {
		Dependencies component.Dependencies
		Components   map[string]string
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	for id, e := range file {
		if got := fmt.Sprint(component.HostID(e.Dependencies)); got != id {
			t.Errorf("%v is under %s", e.Dependencies, id)
		}
		want := fresh.registry.Index().Chosen(component.HostID(e.Dependencies))
		if fmt.Sprint(e.Components) != fmt.Sprint(want) {
			t.Errorf("%s has %v, want %v", id, e.Components, want)
		}
	}
}

// A directory that the original server wrote, strays included.
func TestOriginalLayout_CS3_CS7(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"index.json":                  `{"978942195":{"dependencies":{"react":"^15.0.0"},"components":{"Widget":"1.0.0"}}}`,
		"Widget/1.0.0/package.json":   `{"name":"Widget","version":"1.0.0","main":"main.js","peerDependencies":{"react":">=15"}}`,
		"Widget/1.0.0/main.js":        "old",
		"Widget/README.md":            "stray",
		"Widget/notes/package.json":   "{}",
		"package.json":                "{}",
		"Widget/2.0.0/main.js":        "no package.json",
		"Widget/3.0.0/package.json":   "{broken",
		"Widget/4.0.0/package.json":   `{"main":"missing.js"}`,
		"node_modules/x/package.json": "{}",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f := &failing{Store: openFile(t, dir)}
	s := newSite(t, options{store: f})
	for _, path := range []string{"/widget?hostId=978942195", "/Widget?hostId=978942195", "/widget/1.0.0/main.js"} {
		if a := s.get(path); a.status != 200 || a.body != "old" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if _, components, versions := s.registry.Index().Size(); components != 1 || versions != 1 {
		t.Errorf("%d components, %d versions", components, versions)
	}
	if a := s.register(`{"react":"^15.0.0"}`); !strings.Contains(a.body, `"Widget":"1.0.0"`) || !strings.Contains(a.body, `"issues":{}`) {
		t.Errorf("the host of old: %s", a.body)
	}
	f.away.Store(true)
	if a := s.get("/widget?hostId=978942195"); a.status != 200 || a.body != "old" {
		t.Errorf("C-N5: %d %s", a.status, a.body)
	}
}

func TestDamagedIndexFile_IsKeptAside(t *testing.T) {
	t.Parallel()
	base := openFile(t, t.TempDir())
	if _, err := base.Put(t.Context(), "index.json", []byte("{half"), store.Condition{}); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, options{store: base})
	if a := s.register(`{}`); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	kept := ""
	for o := range base.List(t.Context(), "index.json.damaged-") {
		data, _, _ := base.Get(t.Context(), o.Key)
		kept = string(data)
	}
	if kept != "{half" {
		t.Errorf("kept %q", kept)
	}
}
