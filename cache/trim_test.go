package cache_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/pkgref"
)

// roomy is a cache whose clock can be moved out of the grace.
type roomy struct {
	env
	mu  sync.Mutex
	now time.Time
}

func openRoomy(t *testing.T) *roomy {
	t.Helper()
	r := &roomy{now: time.Now()}
	r.env = openWith(t, cache.Config{Now: func() time.Time {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.now
	}})
	return r
}

// later lets the time pass in which what was just answered stays.
func (r *roomy) later() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(2 * time.Minute)
}

// fill puts n releases of a package into the view, the first used least recently.
func (r *roomy) fill(t *testing.T, name string, n int) []*cache.Manifest {
	t.Helper()
	var all []*cache.Manifest
	for i := range n {
		m := r.put(t, name, fmt.Sprintf("1.0.%d", i), fat(i))
		r.show(t, m, "a.js")
		r.use(t, m, time.Now().Add(time.Duration(i-n)*time.Hour))
		all = append(all, m)
	}
	r.later()
	return all
}

// use lets a release look as if it was used last at that time.
func (r *roomy) use(t *testing.T, m *cache.Manifest, at time.Time) {
	t.Helper()
	view := r.view(string(m.Name), m.Version.String(), "a.js")
	for _, file := range []string{view, r.blob(m), r.pack(m)} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		modified := info.ModTime()
		if file != view { // whose mtime is its hash
			modified = at
		}
		if err := os.Chtimes(file, at, modified); err != nil {
			t.Fatal(err)
		}
	}
}

func (r *roomy) trim(t *testing.T, limit cache.Amount, dryRun bool) *cache.Trimmed {
	t.Helper()
	r.SetBudget(limit)
	got, err := r.Trim(t.Context(), dryRun)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func versions(trimmed *cache.Trimmed) []string {
	list := []string{}
	for _, e := range trimmed.Evicted {
		list = append(list, e.Version)
	}
	return list
}

// What was used least recently goes, until nine tenths of the budget are left.
func TestTrim_PF3(t *testing.T) {
	t.Parallel()
	r := openRoomy(t)
	all := r.fill(t, "x", 10)
	dry := r.trim(t, cache.Amount{Files: 20}, true)
	// Of each release: a directory, its file, tarball and pack.
	if held := r.Holding(); dry.Before.Files != 40 || held.Releases != 10 || dry.Before.Bytes < 10*2*packSize {
		t.Fatalf("counted %+v, %+v", dry.Before, held)
	}
	if d := cmp.Diff([]string{"1.0.0", "1.0.1", "1.0.2", "1.0.3", "1.0.4", "1.0.5"}, versions(dry)); d != "" {
		t.Errorf("would evict (-want +got)\n%s", d)
	}
	if _, err := os.Stat(r.view("x/1.0.0/a.js")); err != nil { // reading it would be a use
		t.Errorf("a dry run removed it: %v", err)
	}
	got := r.trim(t, cache.Amount{Files: 20}, false)
	if d := cmp.Diff(dry, got); d != "" {
		t.Errorf("did something else than it said (-said +did)\n%s", d)
	}
	if got.After.Files != 16 { // 18 are nine tenths
		t.Errorf("%d files are left", got.After.Files)
	}
	for i, m := range all {
		_, err := os.Stat(r.view("x", m.Version.String()))
		_, blob := os.Stat(r.blob(m))
		if gone := os.IsNotExist(err) && os.IsNotExist(blob); gone != (i < 6) {
			t.Errorf("release %d: %v, %v", i, err, blob)
		}
	}
	if n := len(r.Held("x")); n != 10 {
		t.Errorf("%d manifests are left", n)
	}
	if n := r.Evictions(); n != 6 {
		t.Errorf("counted %d evictions", n)
	}
}

// Bytes that are missing on purpose are no damage. They come back as they would
// after one, and are compared with the manifest.
func TestTrimmedIsNoDamage_PF3(t *testing.T) {
	t.Parallel()
	r := openRoomy(t)
	m := r.fill(t, "x", 1)[0]
	r.trim(t, cache.Amount{Files: 1}, false)
	check, err := r.Verify(t.Context(), m.Name, true)
	if err != nil || len(check.Findings) > 0 {
		t.Errorf("verify found %+v, %v", check.Findings, err)
	}
	if err := r.Materialise(m, fileOf(t, m, "a.js"), nil); !errors.Is(err, cache.ErrDamaged) {
		t.Errorf("materialised with %v", err)
	}
	r.put(t, "x", "1.0.0", fat(0))
	r.show(t, m, "a.js")
	if err := os.Remove(r.blob(m)); err != nil {
		t.Fatal(err)
	}
	check, err = r.Verify(t.Context(), m.Name, true)
	if err != nil || len(check.Findings) != 1 {
		t.Errorf("of real damage verify found %+v, %v", check.Findings, err)
	}
}

func TestTrimExempts_PF3(t *testing.T) {
	t.Parallel()
	r := openRoomy(t)
	all := r.fill(t, "x", 3)
	other := r.fill(t, "y", 1)[0]
	if err := errors.Join(r.Designate("x", all[0].Version, "ops", true), r.Designate("y", other.Version, cache.FirstTouch, false)); err != nil {
		t.Fatal(err)
	}
	r.show(t, all[1], "a.js") // just answered
	got := r.trim(t, cache.Amount{Files: 1}, false)
	if d := cmp.Diff([]string{"1.0.2", "1.0.0"}, versions(got)); d != "" || got.Evicted[1].Name != "y" || got.Pinned != 1 || got.Young != 1 {
		t.Errorf("evicted %+v, %d pinned, %d young\n%s", got.Evicted, got.Pinned, got.Young, d)
	}
	wantFile(t, r.view("x/1.0.0/a.js"), fat(0)[1])
	wantFile(t, r.view("x/1.0.1/a.js"), fat(1)[1])
	if main, err := r.Main("y"); err != nil || main.Kind != cache.MainPin {
		t.Errorf("main of y is %+v, %v", main, err)
	}
	r.later()
	if got := r.trim(t, cache.Amount{Files: 1}, false); len(got.Evicted) != 1 || got.Pinned != 1 {
		t.Errorf("later evicted %+v", got.Evicted)
	}
}

// told is what somebody else knows of last use.
type told map[string]time.Time

func (told) Read() error { return errors.New("only in part") }
func (t told) Used(_ pkgref.Name, v pkgref.Version) time.Time {
	return t[v.String()]
}

func TestTrimAsksUses_PF3(t *testing.T) {
	t.Parallel()
	r := openRoomy(t)
	r.fill(t, "x", 3)
	r.SetUses(told{"1.0.0": time.Now(), "1.0.2": time.Unix(1, 0)})
	got := r.trim(t, cache.Amount{Files: 9}, true)
	if d := cmp.Diff([]string{"1.0.1"}, versions(got)); d != "" {
		t.Errorf("would evict (-want +got)\n%s", d)
	}
}

// A person's link in the place of a release is not ours to remove.
func TestTrimLeavesLinks_PF3(t *testing.T) {
	t.Parallel()
	r := openRoomy(t)
	r.fill(t, "x", 1)
	if err := os.Symlink("1.0.0", r.view("x", "9.0.0")); err != nil {
		t.Fatal(err)
	}
	r.trim(t, cache.Amount{Files: 1}, false)
	if _, err := os.Lstat(r.view("x", "9.0.0")); err != nil {
		t.Error(err)
	}
}

// What a killed process left is removed, what this one is about to name is not.
func TestTrimRemovesOrphans_PF3(t *testing.T) {
	t.Parallel()
	r := openRoomy(t)
	m := r.put(t, "x", "1.0.0", fat(0))
	fresh := r.commit(t, "x", "2.0.0", fat(1))
	stale := r.commit(t, "x", "3.0.0", fat(2))
	age(t, r.blob(stale), time.Hour)
	age(t, r.pack(stale), time.Hour)
	dry := r.trim(t, cache.Amount{}, true)
	if got := r.trim(t, cache.Amount{}, false); got.Orphans.Files != 2 || dry.Orphans != got.Orphans || len(got.Evicted) > 0 {
		t.Errorf("removed %+v", got)
	}
	wantGone(t, r.blob(stale))
	wantGone(t, r.pack(stale))
	for _, m := range []*cache.Manifest{m, fresh} {
		if _, err := os.Stat(r.blob(m)); err != nil {
			t.Error(err)
		}
	}
}

// Whatever comes in, the budget holds again soon.
func TestBudget_PF3(t *testing.T) {
	t.Parallel()
	r := openRoomy(t)
	limit := cache.Amount{Bytes: 40 * packSize}
	r.SetBudget(limit)
	for i := range 60 {
		m := r.put(t, "x", fmt.Sprintf("1.0.%d", i), fat(i))
		r.show(t, m, "a.js")
		r.later()
		r.WaitForDeletions()
		var sum int64
		for _, dir := range []string{"blobs", "packs", "www"} {
			sum += disk(t, r.path(dir))
		}
		if sum > limit.Bytes+4*packSize {
			t.Fatalf("%d bytes with release %d", sum, i)
		}
		wantFile(t, r.view("x", m.Version.String(), "a.js"), fat(i)[1])
	}
	if r.Evictions() == 0 {
		t.Error("nothing was evicted")
	}
}

// disk adds up the sizes of the files below a directory.
func disk(t *testing.T, dir string) (sum int64) {
	t.Helper()
	if err := filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestTrimEnds_PF3(t *testing.T) {
	t.Parallel()
	r := openRoomy(t)
	r.fill(t, "x", 2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Trim(ctx, false); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled trim ended with %v", err)
	}
}

// Requests go on while releases are evicted: each file is whole or missing.
func TestTrimWhileServing_PF3(t *testing.T) {
	t.Parallel()
	r := openRoomy(t)
	all := r.fill(t, "x", 8)
	r.SetBudget(cache.Amount{Files: 8})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 40 {
				m := all[i%len(all)]
				if err := r.Materialise(m, fileOf(t, m, "a.js"), nil); err != nil && !errors.Is(err, cache.ErrDamaged) {
					t.Errorf("%s: %v", m.Ref(), err)
				}
			}
		})
	}
	for range 10 {
		r.later()
		if _, err := r.Trim(t.Context(), false); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	for i, m := range all {
		if data, err := os.ReadFile(r.view("x", m.Version.String(), "a.js")); err == nil && string(data) != fat(i)[1] {
			t.Errorf("release %d holds other bytes", i)
		}
	}
}

// counted counts surveys, and does something in the middle of the first.
type counted struct {
	mu     sync.Mutex
	n      int
	during func()
}

func (c *counted) Read() error {
	c.mu.Lock()
	c.n++
	do := c.during
	c.during = nil
	c.mu.Unlock()
	if do != nil {
		do()
	}
	return nil
}

func (c *counted) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func (*counted) Used(pkgref.Name, pkgref.Version) time.Time { return time.Time{} }

// A budget that cannot be kept to is not a reason to survey everything for each
// release that comes in.
func TestTrimRests_PF3(t *testing.T) {
	t.Parallel()
	e := open(t)
	pinned := func(i int) {
		m := e.put(t, fmt.Sprintf("y%d", i), "1.0.0", text{"a.js", "a"})
		if err := e.Designate(m.Name, m.Version, "ops", true); err != nil {
			t.Fatal(err)
		}
		e.WaitForDeletions()
	}
	for i := range 60 {
		pinned(i)
	}
	u := &counted{}
	e.SetUses(u)
	e.SetBudget(cache.Amount{Files: 100}) // of 120
	for i := range 20 {
		pinned(100 + i)
	}
	// At once, and then for each tenth of the budget that came in.
	if got := u.count(); got == 0 || got > 6 {
		t.Errorf("%d surveys for 20 releases", got)
	}
}

// What comes in while a trim runs is counted: the budget holds afterwards.
func TestTrimCountsWhatComesIn_PF3(t *testing.T) {
	t.Parallel()
	r := openRoomy(t)
	r.fill(t, "x", 10)
	r.SetUses(&counted{during: func() { // the survey has counted
		for i := range 30 {
			r.put(t, "z", fmt.Sprintf("1.0.%d", i), fat(i))
		}
	}})
	r.SetBudget(cache.Amount{Files: 42})
	r.put(t, "y", "1.0.0", fat(0)) // starts it
	r.WaitForDeletions()
	if n := len(entries(t, r.path("blobs"))) + len(entries(t, r.path("packs"))); n > 42 {
		t.Errorf("%d tarballs and packs are left", n)
	}
}

// Directories take inodes as files do.
func TestTrimCountsDirectories_PF3(t *testing.T) {
	t.Parallel()
	r := openRoomy(t)
	var files text
	for i := range 60 {
		files = append(files, fmt.Sprintf("a%d/b/c/d.js", i), fmt.Sprint(i))
	}
	r.fill(t, "y", 1)
	m := r.put(t, "x", "1.0.0", files)
	if _, err := r.Count(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.SetBudget(cache.Amount{Files: 150})
	for i := range 60 {
		r.show(t, m, fmt.Sprintf("a%d/b/c/d.js", i))
	}
	r.later()
	r.WaitForDeletions()
	if r.Evictions() == 0 {
		t.Error("240 files and directories came in, and nothing was evicted")
	}
}

// A reload that makes the budget smaller takes effect at once.
func TestSmallerBudget_PF3(t *testing.T) {
	t.Parallel()
	r := openRoomy(t)
	r.fill(t, "x", 10)
	if _, err := r.Count(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.SetBudget(cache.Amount{Files: 20})
	r.WaitForDeletions()
	if r.Evictions() == 0 {
		t.Error("nothing is evicted until something new comes in")
	}
}

// Verifying is no use of a release.
func TestVerifyIsNoUse_PF3(t *testing.T) {
	t.Parallel()
	r := openRoomy(t)
	all := r.fill(t, "x", 3)
	for i, m := range all {
		r.use(t, m, time.Now().Add(time.Duration(i-72)*time.Hour))
	}
	r.use(t, all[0], time.Now().Add(-20*time.Hour)) // a read would renew the others alone
	before := versions(r.trim(t, cache.Amount{Files: 9}, true))
	if _, err := r.Verify(t.Context(), "x", false); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(before, versions(r.trim(t, cache.Amount{Files: 9}, true))); d != "" {
		t.Errorf("after verify others would go (-before +after)\n%s", d)
	}
}
