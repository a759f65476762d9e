package plugin_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/plugin"
)

// names are the names in a list of failures.
func names(failures []plugin.Failure) []string {
	list := []string{}
	for _, f := range failures {
		list = append(list, f.Name)
	}
	return list
}

func TestReload_GN3_NamesWhatItDid(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	for _, name := range []string{"kept", "changed", "broken", "gone"} {
		h.write(name+".js", "version: 1\n")
	}
	if d := cmp.Diff([]string{"broken", "changed", "gone", "kept"}, h.load().Reloaded); d != "" {
		t.Fatalf("first (-want +got):\n%s", d)
	}
	h.write("changed.js", "version: 2\n")
	h.write("broken.js", "nonsense\n")
	h.write("new.js", "nonsense\n")
	if err := os.Remove(filepath.Join(h.dir, "gone.js")); err != nil {
		t.Fatal(err)
	}
	r := h.load()
	if d := cmp.Diff([][]string{{"kept"}, {"changed"}, {"broken", "new"}, {"gone"}}, [][]string{r.Kept, r.Reloaded, names(r.Failed), r.Removed}); d != "" {
		t.Errorf("report (-want +got):\n%s", d)
	}
	if !strings.Contains(r.Failed[0].Error, "broken.js: syntax error") || r.Failed[0].Path != filepath.Join(h.dir, "broken.js") {
		t.Errorf("failure %+v", r.Failed[0])
	}
	h.says("kept", "1")
	h.says("changed", "2")
	h.says("broken", "1") // G22
	for _, name := range []string{"gone", "new"} {
		if _, err := h.ask(name, "version"); !errors.Is(err, outcome.Unavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// G22: whatever fails, the old goes on, and a later reload succeeds.
func TestReload_G22_FailureKeepsTheOld(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"load", "start", "attach", "selftest"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			h := newHome(t)
			h.write("a.js", "version: 1\n")
			h.load()
			h.write("a.js", "version: 2\nhooks: selftest\nfail: "+step+"\n")
			if r := h.load(); len(r.Failed) != 1 {
				t.Errorf("report %+v", r)
			}
			h.says("a", "1")
			h.write("a.js", "version: 3\n")
			h.load()
			h.says("a", "3")
		})
	}
}

func TestReload_GN3_Atomic(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.write("a.js", "version: 1\n")
	h.write("b.js", "version: 1\n")
	h.load()
	h.write("a.js", "version: 2\n")
	h.write("b.js", "nonsense\n")
	if _, err := h.Reload(t.Context(), h.at(), plugin.Reload{Atomic: true}); !errors.Is(err, outcome.Invalid) || !strings.Contains(err.Error(), "b.js") {
		t.Errorf("error %v", err)
	}
	h.says("a", "1")
	h.write("b.js", "version: 2\n")
	h.load(plugin.Reload{Atomic: true})
	h.says("a", "2")
	h.says("b", "2")
}

func TestReload_G18_Filter(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	for _, name := range []string{"ab", "ac", "bc"} {
		h.write(name+".js", "version: 1\n")
	}
	h.load()
	for filter, want := range map[string][]string{
		"ab": {"ab"}, "a*": {"ab", "ac"}, "?c": {"ac", "bc"}, "[b]c": {"bc"}, "/^.c$/": {"ac", "bc"}, "": {"ab", "ac", "bc"}, "x": {},
	} {
		if d := cmp.Diff(want, h.load(plugin.Reload{Filter: filter, Force: true}).Reloaded); d != "" {
			t.Errorf("%q (-want +got):\n%s", filter, d)
		}
	}
	for _, filter := range []string{"/(/", "[", "a["} {
		if _, err := h.Reload(t.Context(), h.at(), plugin.Reload{Filter: filter}); !errors.Is(err, outcome.Invalid) {
			t.Errorf("%q: %v", filter, err)
		}
	}
	// G19
	s := h.at()
	s.Strict = true
	if _, err := h.Reload(t.Context(), s, plugin.Reload{Filter: "x"}); !errors.Is(err, outcome.Invalid) {
		t.Errorf("strict, no match: %v", err)
	}
}

func TestReload_Strict(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.write("a.js", "nonsense\n")
	h.write("b/readme", "x")
	s := h.at()
	s.Strict = true
	_, err := h.Reload(t.Context(), s, plugin.Reload{})
	if !errors.Is(err, outcome.Invalid) || !strings.Contains(err.Error(), "a.js: syntax error") || !strings.Contains(err.Error(), "neither plugin.yaml") {
		t.Errorf("error %v", err)
	}
	if r := h.load(); len(r.Failed) != 2 {
		t.Errorf("without strict: %+v", r)
	}
}

// G13: of two with one name the second is not seen at all; everything else goes on.
func TestReload_G13_Collision(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.write("a.js", "version: 1\n")
	h.write("b/plugin.yaml", "name: a\nmain: index.js\n")
	h.write("b/index.js", "version: 2\n")
	h.write("c.js", "version: 3\n")
	r := h.load()
	if d := cmp.Diff([]string{"a", "c"}, r.Reloaded); d != "" {
		t.Errorf("loaded (-want +got):\n%s", d)
	}
	if len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Error, "name a is taken by "+filepath.Join(h.dir, "a.js")) {
		t.Errorf("failed %+v", r.Failed)
	}
	h.says("a", "1")
	// When the first goes, the second takes its place.
	if err := os.Remove(filepath.Join(h.dir, "a.js")); err != nil {
		t.Fatal(err)
	}
	h.load()
	h.says("a", "2")
	// Strict, the second is an error, although something of its name serves.
	h.write("a.js", "version: 4\n")
	s := h.at()
	s.Strict = true
	if _, err := h.Reload(t.Context(), s, plugin.Reload{}); !errors.Is(err, outcome.Invalid) || !strings.Contains(err.Error(), "name a is taken by ") {
		t.Errorf("strict: %v", err)
	}
	h.says("a", "2")
}

func TestReload_Accept(t *testing.T) {
	t.Parallel()
	h := newHome(t, func(c *plugin.Config) {
		c.Accept = func(p *plugin.Candidate, others []*plugin.Candidate) error {
			if p.Manifest.Name == "b" && len(others) == 1 {
				return errors.New("b wants to be alone")
			}
			return nil
		}
	})
	h.write("a.js", "version: 1\nhooks: check\n")
	h.write("b.js", "version: 1\n")
	r := h.load()
	if len(r.Failed) != 1 || r.Failed[0].Error != "b wants to be alone" {
		t.Errorf("report %+v", r)
	}
	if l := h.Loaded(); len(l) != 1 || l[0].Manifest.Kind != plugin.KindProvider {
		t.Errorf("loaded %+v", l)
	}
}

func TestReload_Budget(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	for _, name := range []string{"a", "b"} {
		h.write(name+"/plugin.yaml", "main: x.js\nlimits: {memory: 64MiB, instances: {max: 8}}\n") // 1 GiB each
		h.write(name+"/x.js", "version: 1\n")
	}
	s := h.at()
	s.Budget = 2<<30 - 1
	r, err := h.Reload(t.Context(), s, plugin.Reload{})
	if err != nil || len(r.Reloaded) != 1 || len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Error, "would be 2GiB, plugins.budget is") {
		t.Errorf("%+v, %v", r, err)
	}
	s.Budget++
	if r, err = h.Reload(t.Context(), s, plugin.Reload{}); err != nil || len(r.Failed) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// A prepared change is not in force, and leaves nothing behind when it is given up.
func TestPrepare_Discard(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.write("a.js", "version: 1\n")
	h.load()
	h.write("a.js", "version: 2\n")
	c, err := h.Prepare(t.Context(), h.at(), plugin.Reload{})
	if err != nil {
		t.Fatal(err)
	}
	h.says("a", "1")
	c.Discard()
	h.says("a", "1")
	h.load()
	h.says("a", "2")
}

// What was prepared and given up ends with the last request that it was asked by.
func TestPrepare_DiscardWhileUsed(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.write("a.js", "version: 1\n")
	c, err := h.Prepare(t.Context(), h.at(), plugin.Reload{})
	if err != nil {
		t.Fatal(err)
	}
	lease, ok := c.Loaded()[0].Enter()
	if !ok {
		t.Fatal("what is prepared cannot be used")
	}
	c.Discard()
	if r, err := lease.Call(t.Context(), "version"); err != nil || string(r.JSON) != `"1"` {
		t.Errorf("%v, %v", r, err)
	}
	lease.Leave()
	for deadline := time.Now().Add(30 * time.Second); h.engine.open.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it does not end")
		}
	}
}

// G-N2: what entered before a reload ends on the generation that it entered; detach comes after its last call.
func TestReload_GN2_OldEndsOnTheOld(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.write("a.js", "version: 1\n")
	h.load()
	old, err := h.Enter("a")
	if err != nil {
		t.Fatal(err)
	}
	answer := make(chan string, 1)
	go func() {
		r, err := old.Call(t.Context(), "wait")
		if err != nil {
			answer <- err.Error()
			return
		}
		answer <- string(r.JSON)
	}()
	h.write("a.js", "version: 2\n")
	h.load()
	h.says("a", "2")
	for _, i := range h.engine.all() {
		if i.calls.Load() > 0 && i.program.keys["version"] == "1" && i.detached.Load() > 0 {
			t.Error("detached while its generation is used")
		}
	}
	close(h.engine.release)
	if got := <-answer; got != `"1"` {
		t.Errorf("the old call ended with %s", got)
	}
	if r, err := old.Call(t.Context(), "version"); err != nil || string(r.JSON) != `"1"` {
		t.Errorf("the next call of the request: %v, %v", r, err)
	}
	old.Leave()
	old.Leave()
}

// Calls that do not end are cut off.
func TestReload_DrainIsForced(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.write("a.js", "version: 1\n")
	h.load()
	ended := make(chan error, 1)
	lease, err := h.Enter("a")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer lease.Leave()
		_, err := lease.Call(context.Background(), "wait")
		ended <- err
	}()
	s := h.at()
	s.Drain = time.Millisecond
	h.write("a.js", "version: 2\n")
	if _, err := h.Reload(t.Context(), s, plugin.Reload{}); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, outcome.Unavailable) {
		t.Errorf("the call ended with %v", err)
	}
	h.says("a", "2")
}

func TestRevoke_G28(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.write("a.js", "version: 1\n")
	h.load()
	h.Revoke()
	h.Revoke()
	if _, err := h.Enter("a"); !errors.Is(err, outcome.Unavailable) {
		t.Errorf("enter: %v", err)
	}
	if _, err := h.Reload(t.Context(), h.at(), plugin.Reload{}); !errors.Is(err, outcome.Busy) {
		t.Errorf("reload: %v", err)
	}
}

// G-N4: how each does.
func TestStatus_GN4(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.write("a.js", "version: 1\n")
	h.write("b.js", "nonsense\n")
	h.load()
	h.write("a.js", "version: 2\n")
	h.load()
	if _, err := h.ask("a", "throw"); err == nil {
		t.Fatal("it does not throw")
	}
	list := h.Status()
	if len(list) != 2 {
		t.Fatalf("status %+v", list)
	}
	a, b := list[0], list[1]
	if a.Name != "a" || a.Generation != 2 || a.Calls != 1 || a.Failures != 1 || !strings.Contains(a.LastError, "throw:") || a.Loaded.IsZero() || a.Instances != 2 {
		t.Errorf("a: %+v", a)
	}
	if b.Name != "b" || b.Generation != 0 || !strings.Contains(b.LastError, "syntax error") {
		t.Errorf("b: %+v", b)
	}
}

// G22: a directory whose manifest is gone for a moment is a failure, not a plugin that was taken away.
func TestReload_G22_ManifestGone(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.small("a", "name: other\n", "version: 1\n")
	h.load()
	if err := os.Remove(filepath.Join(h.dir, "a", "plugin.yaml")); err != nil {
		t.Fatal(err)
	}
	r := h.load(plugin.Reload{Filter: "other"})
	if d := cmp.Diff([][]string{{"other"}, {}}, [][]string{names(r.Failed), r.Removed}); d != "" {
		t.Errorf("failed and removed (-want +got):\n%s", d)
	}
	h.says("other", "1")
	if err := os.RemoveAll(filepath.Join(h.dir, "a")); err != nil {
		t.Fatal(err)
	}
	if r := h.load(); len(r.Removed) != 1 {
		t.Errorf("report %+v", r)
	}
}

// The code of a single file is attached with what its manifest says, and not before that is known.
func TestReload_SingleFile_AttachedOnce(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.write("a.js", "version: 1\nneeds: config\nmanifest: {\"config\":{\"base\":1},\"limits\":{\"instances\":{\"min\":1,\"max\":1}}}\n")
	if r := h.load(); len(r.Failed) != 0 {
		t.Fatalf("report %+v", r)
	}
	h.says("a", "1")
	for n, i := range h.engine.all() {
		if want := int64(min(n, 1)); i.attached.Load() != want { // the first one was only asked for the manifest
			t.Errorf("instance %d: attached %d times, want %d", n, i.attached.Load(), want)
		}
	}
}

// GN-4: what does not load stays in the status while other plugins are reloaded.
func TestStatus_GN4_FailureStays(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.write("broken.js", "nonsense\n")
	h.write("good.js", "version: 1\n")
	h.load()
	h.load(plugin.Reload{Filter: "good", Force: true})
	if s := h.Status(); len(s) != 2 {
		t.Errorf("status %+v", s)
	}
	h.write("broken.js", "version: 1\n")
	h.load()
	if s := h.Status(); len(s) != 2 || s[0].Generation == 0 || s[1].Generation == 0 {
		t.Errorf("status %+v", s)
	}
}
