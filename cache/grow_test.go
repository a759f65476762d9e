package cache_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
)

// assumed is a manifest that nothing is held of.
func assumed(tb testing.TB) *cache.Manifest {
	tb.Helper()
	m := manifest(tb, "@files/x", "1.0.0")
	m.Open, m.Assumed, m.Fetched = true, true, time.Unix(1e9, 5).UTC()
	return m
}

func TestBegin_PG5_PF2(t *testing.T) {
	t.Parallel()
	e := open(t)
	m := assumed(t)
	a := cache.File{Path: "a.js", Size: 1, SHA256: sum("a")}
	if _, err := e.Begin(m, a, func() bool { return false }); !errors.Is(err, cache.ErrStale) {
		t.Errorf("not to be believed any more: %v", err)
	}
	if _, err := e.Begin(m, cache.File{Path: "../x", SHA256: sum("x")}, nil); !errors.Is(err, outcome.Refused) {
		t.Errorf("a path that leads out: %v", err)
	}
	if e.Known(m.Name) {
		t.Error("something was kept")
	}
	begun, err := e.Begin(m, a, nil)
	if err != nil || begun.Assumed || !begun.Open || fileOf(t, begun, "a.js") != a || !m.Assumed {
		t.Fatalf("got %+v, %v", begun, err)
	}
	if held, err := e.Manifest(m.Name, m.Version); err != nil || held != begun {
		t.Errorf("held is %+v, %v", held, err)
	}
	never := func() bool { t.Error("what is held needs no belief"); return false }
	grown, err := e.Begin(m, cache.File{Path: "b.js", Size: 1, SHA256: sum("b")}, never)
	if err != nil || len(grown.Files()) != 2 {
		t.Errorf("second file: %+v, %v", grown, err)
	}
	if _, err := e.Begin(m, cache.File{Path: "a.js", Size: 1, SHA256: sum("c")}, never); !errors.Is(err, outcome.Refused) {
		t.Errorf("other bytes: %v", err)
	}
	other := assumed(t)
	other.Fetched = other.Fetched.Add(time.Second)
	if _, err := e.Begin(other, cache.File{Path: "c.js", SHA256: sum("c")}, never); !errors.Is(err, cache.ErrStale) {
		t.Errorf("of another time: %v", err)
	}
}

func TestBegin_Concurrent(t *testing.T) {
	t.Parallel()
	e := open(t)
	m := assumed(t)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			path := fmt.Sprint(i)
			if _, err := e.Begin(m, cache.File{Path: path, Size: 1, SHA256: sum(path)}, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if held, err := e.Manifest(m.Name, m.Version); err != nil || len(held.Files()) != 20 {
		t.Errorf("held is %+v, %v", held, err)
	}
}

// A file whose digest was listed without a size gets the size with its bytes.
func TestAddFile_LearnsSize(t *testing.T) {
	t.Parallel()
	e := open(t)
	m := e.files(t, cache.File{Path: "a.js", Size: -1, SHA256: sum("a")})
	l := e.receive(t, "a.js", "a")
	defer l.Abort()
	if grown, err := e.AddFile(m, l.File); err != nil || fileOf(t, grown, "a.js").Size != 1 {
		t.Errorf("got %+v, %v", grown, err)
	}
}

func TestShippedOfAnOpenRelease_PH4(t *testing.T) {
	t.Parallel()
	m := assumed(t).WithFiles([]cache.File{{Path: "a.js"}, {Path: "b.js.gz"}})
	for path, want := range map[string]bool{"a.js": false, "a.js.gz": true, "b.js.gz": true, "c.br": true, "gz": false} {
		if m.Shipped(path) != want {
			t.Errorf("%s: got %v", path, !want)
		}
	}
}
