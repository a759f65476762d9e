package cache_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
)

func TestLists(t *testing.T) {
	t.Parallel()
	e := open(t)
	providers := []string{"npm", "NPM", "a/b", "../../x", ".", "..", "a b", "ünï", "a%2fb", "", "x\x00y", "@scope", "a.b"}
	for _, name := range []string{"x", "@acme/x"} {
		for _, p := range providers {
			if err := e.PutList(parseName(t, name), p, []byte(name+p)); err != nil {
				t.Fatalf("%q: %v", p, err)
			}
		}
	}
	for _, p := range providers {
		if got, err := e.List("@acme/x", p); string(got) != "@acme/x"+p || err != nil {
			t.Errorf("%q: %q, %v", p, got, err)
		}
		if err := errors.Join(e.DropList("x", p), e.DropList("x", p)); err != nil {
			t.Errorf("%q: %v", p, err)
		}
		if _, err := e.List("x", p); !errors.Is(err, outcome.NotFound) {
			t.Errorf("%q: %v", p, err)
		}
	}
	if got := entries(t, e.path("state/packages/@acme/x")); len(got) != len(providers) {
		t.Errorf("files: %q", got)
	}
	if err := e.Forget("@acme/x"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.List("@acme/x", "npm"); !errors.Is(err, outcome.NotFound) {
		t.Errorf("after Forget: %v", err)
	}
	if _, err := e.List("x", strings.Repeat("p", 300)); !errors.Is(err, outcome.NotFound) {
		t.Errorf("of a long name: %v", err)
	}
}

func TestAbsent_PH7(t *testing.T) {
	t.Parallel()
	now := time.Unix(2e9, 0)
	e := openWith(t, cache.Config{Now: func() time.Time { return now }})
	v := parseVersion(t, "9.9.9")
	if err := e.MarkAbsent("unknown", v, "npm", time.Hour); err != nil {
		t.Fatal(err)
	}
	if e.Known("unknown") || e.AbsentFor("unknown", v, "npm") != 0 || len(entries(t, e.path("state/packages"))) != 0 {
		t.Error("a name that does not exist cost disk")
	}
	e.put(t, "x", "1.0.0", lodash)
	if err := e.MarkAbsent("x", v, "npm", time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := e.AbsentFor("x", v, "npm"); got != time.Minute {
		t.Errorf("absent for %v", got)
	}
	if got := e.AbsentFor("x", parseVersion(t, "9.9.8"), "npm"); got != 0 {
		t.Errorf("another one is absent for %v", got)
	}
	now = now.Add(time.Minute)
	if got := e.AbsentFor("x", v, "npm"); got != 0 {
		t.Errorf("after its time absent for %v", got)
	}
	if err := errors.Join(e.MarkAbsent("x", v, "npm", time.Minute), e.ClearAbsent("x"), e.ClearAbsent("x")); err != nil {
		t.Fatal(err)
	}
	if got := e.AbsentFor("x", v, "npm"); got != 0 {
		t.Errorf("after ClearAbsent absent for %v", got)
	}
}

func TestAbsent_Bounded_PF2(t *testing.T) {
	t.Parallel()
	now := time.Unix(2e9, 0)
	log, logged := logger()
	e := openWith(t, cache.Config{Logger: log, Now: func() time.Time { return now }})
	e.put(t, "x", "1.0.0", lodash)
	mark := func(i int) {
		if err := e.MarkAbsent("x", parseVersion(t, fmt.Sprintf("9.0.%d", i)), "npm", time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 200 {
		mark(i)
	}
	if info, err := os.Stat(e.path("state/packages/x/absent.json")); err != nil || info.Size() > 4096 {
		t.Errorf("%v, %v", info.Size(), err)
	}
	now = now.Add(time.Hour)
	mark(999)
	if got := e.AbsentFor("x", parseVersion(t, "9.0.999"), "npm"); got != time.Minute {
		t.Errorf("old marks keep out new ones: %v", got)
	}
	write(t, e.path("state/packages/x/absent.json"), "{")
	if e.AbsentFor("x", parseVersion(t, "9.0.999"), "npm") != 0 || !strings.Contains(logged.String(), "absent.json") {
		t.Errorf("damaged marks; logged %q", logged)
	}
	mark(1)
	if e.AbsentFor("x", parseVersion(t, "9.0.1"), "npm") != time.Minute {
		t.Error("damaged marks do not heal")
	}
}

func TestAudit_PA4(t *testing.T) {
	t.Parallel()
	e := open(t)
	type record struct {
		ID   int
		Text string
	}
	const n = 40
	var herd sync.WaitGroup
	for i := range n {
		herd.Go(func() {
			if err := e.Audit(record{i, strings.Repeat("line\nbreak ", 1000)}); err != nil {
				t.Error(err)
			}
		})
	}
	herd.Wait()
	if err := e.Audit(func() {}); err == nil {
		t.Error("a record that JSON cannot hold was taken")
	}
	f, err := os.Open(e.path("state/audit.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	seen := map[int]bool{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var r record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil || len(r.Text) != 11000 {
			t.Fatalf("a torn line: %v", err)
		}
		seen[r.ID] = true
	}
	if len(seen) != n || lines.Err() != nil {
		t.Errorf("%d records, %v", len(seen), lines.Err())
	}
	if info, _ := f.Stat(); info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestNote(t *testing.T) {
	t.Parallel()
	e := open(t)
	if got := e.Note("key"); got != "" {
		t.Errorf("at first: %q", got)
	}
	if err := e.PutNote("key", "a text"); err != nil {
		t.Fatal(err)
	}
	e.Close()
	if got := openWith(t, cache.Config{Dir: e.dir}).Note("key"); got != "a text" {
		t.Errorf("after reopening: %q", got)
	}
}
