package cache_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/registryd/registryd/cache"
)

const packSize = 10_000

// fat is a release whose pack has packSize bytes.
func fat(i int) text { return text{"a.js", fmt.Sprintf("%0*d", packSize, i)} }

func packBytes(t *testing.T, e env) (sum int64) {
	t.Helper()
	for _, p := range entries(t, e.path("packs")) {
		info, err := os.Stat(e.path("packs", p))
		if err != nil {
			t.Fatal(err)
		}
		sum += info.Size()
	}
	return sum
}

func TestPacks_BudgetKeepsTheNewest(t *testing.T) {
	t.Parallel()
	e := openWith(t, cache.Config{PackBytes: 5 * packSize})
	var all []*cache.Manifest
	for i := range 12 {
		m := e.put(t, "x", fmt.Sprintf("1.0.%d", i), fat(i))
		age(t, e.pack(m), time.Duration(12-i)*time.Minute)
		all = append(all, m)
		e.WaitForDeletions()
		if got := packBytes(t, e); got > 5*packSize {
			t.Fatalf("%d bytes after release %d", got, i)
		}
	}
	for i, m := range all {
		_, err := os.Stat(e.pack(m))
		if i >= 9 && err != nil || i < 7 && !os.IsNotExist(err) {
			t.Errorf("pack %d: %v", i, err)
		}
		if _, err := os.Stat(e.blob(m)); err != nil {
			t.Errorf("blob %d: %v", i, err)
		}
	}
	e.show(t, all[0], "a.js") // made again, on demand
	wantFile(t, e.view("x/1.0.0/a.js"), fat(0)[1])
	e.WaitForDeletions()
	if got := packBytes(t, e); got > 5*packSize {
		t.Errorf("%d bytes after one was made again", got)
	}
}

func age(t *testing.T, path string, by time.Duration) {
	t.Helper()
	then := time.Now().Add(-by)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

// What is used stays, however old it is.
func TestPacks_UseRenews(t *testing.T) {
	t.Parallel()
	e := openWith(t, cache.Config{PackBytes: 3 * packSize})
	old := e.put(t, "old", "1.0.0", fat(0))
	idle := e.put(t, "idle", "1.0.0", fat(1))
	e.WaitForDeletions()
	age(t, e.pack(old), 48*time.Hour)
	age(t, e.pack(idle), 24*time.Hour)
	e.show(t, old, "a.js")
	for i := range 2 {
		m := e.put(t, "new", fmt.Sprintf("1.0.%d", i), fat(2+i))
		e.WaitForDeletions()
		if i == 0 {
			age(t, e.pack(m), time.Hour)
		}
	}
	wantGone(t, e.pack(idle))
	if _, err := os.Stat(e.pack(old)); err != nil {
		t.Error(err)
	}
}

// A budget smaller than one pack still serves.
func TestPacks_TinyBudgetUnderAHerd(t *testing.T) {
	t.Parallel()
	e := openWith(t, cache.Config{PackBytes: 1})
	var all []*cache.Manifest
	for i := range 6 {
		all = append(all, e.put(t, "x", fmt.Sprintf("1.0.%d", i), fat(i)))
	}
	for range 5 {
		os.RemoveAll(e.view("x"))
		var herd sync.WaitGroup
		for i := range 30 {
			herd.Go(func() {
				if err := e.Materialise(all[i%6], fileOf(t, all[i%6], "a.js"), nil); err != nil {
					t.Error(err)
				}
			})
		}
		herd.Wait()
	}
	e.WaitForDeletions()
	if got := packBytes(t, e); got > packSize {
		t.Errorf("%d bytes", got)
	}
	for i := range all {
		wantFile(t, e.view(fmt.Sprintf("x/1.0.%d/a.js", i)), fat(i)[1])
	}
}

func TestPacks_ConcurrentIngest(t *testing.T) {
	t.Parallel()
	e := openWith(t, cache.Config{PackBytes: 4 * packSize})
	var herd sync.WaitGroup
	for i := range 40 {
		herd.Go(func() {
			s, err := e.Ingest(bytes.NewReader(tarball(t, fat(i))), cache.Tarball{Limits: wide, MaxBytes: 1 << 20})
			if err == nil {
				_, err = s.Commit(manifest(t, "x", fmt.Sprintf("1.0.%d", i)))
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	herd.Wait()
	e.WaitForDeletions()
	if got := packBytes(t, e); got > 4*packSize {
		t.Errorf("%d bytes are more than the budget", got)
	}
	if n := len(entries(t, e.path("blobs"))); n != 40 {
		t.Errorf("%d blobs", n)
	}
	wantNothingStaged(t, e)
}

func TestPacks_Unlimited(t *testing.T) {
	t.Parallel()
	e := open(t)
	for i := range 5 {
		e.put(t, "x", fmt.Sprintf("1.0.%d", i), fat(i))
	}
	if got := packBytes(t, e); got != 5*packSize {
		t.Errorf("%d bytes", got)
	}
	if got, _ := filepath.Glob(e.path("packs/*/*.pack")); len(got) != 5 || !strings.HasPrefix(got[0], e.dir) {
		t.Errorf("%v", got)
	}
}
