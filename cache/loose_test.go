package cache_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
)

// files makes an open files release held that lists what is given.
func (e env) files(tb testing.TB, list ...cache.File) *cache.Manifest {
	tb.Helper()
	m := manifest(tb, "@files/x", "1.0.0")
	m.Open, m.Fetched = true, time.Unix(1e9, 5).UTC()
	m = m.WithFiles(list)
	if err := e.PutManifest(m); err != nil {
		tb.Fatal(err)
	}
	return m
}

func (e env) receive(tb testing.TB, path, body string) *cache.Loose {
	tb.Helper()
	l, err := e.Receive(strings.NewReader(body), cache.File{Path: path, Size: -1}, 1<<20)
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

func TestReceive(t *testing.T) {
	t.Parallel()
	boom := errors.New("connection reset")
	tests := map[string]struct {
		r     io.Reader
		f     cache.File
		limit int64
		want  error
	}{
		"unknown":          {strings.NewReader("body"), cache.File{Size: -1}, 100, nil},
		"exactly at limit": {strings.NewReader("body"), cache.File{Size: 4}, 4, nil},
		"without a limit":  {strings.NewReader("body"), cache.File{Size: 4}, math.MaxInt64, nil},
		"known digest":     {strings.NewReader("body"), cache.File{Size: 4, SHA256: sum("body")}, 100, nil},
		"byte by byte":     {iotest.OneByteReader(strings.NewReader("body")), cache.File{Size: -1, SHA256: sum("body")}, 100, nil},
		"above the limit":  {strings.NewReader("body"), cache.File{Size: -1}, 3, outcome.Refused},
		"endless":          {endless{}, cache.File{Size: -1}, 1 << 20, outcome.Refused},
		"short":            {strings.NewReader("bod"), cache.File{Size: 4}, 100, outcome.Refused},
		"long":             {strings.NewReader("body!"), cache.File{Size: 4}, 100, outcome.Refused},
		"other digest":     {strings.NewReader("BODY"), cache.File{Size: 4, SHA256: sum("body")}, 100, outcome.Refused},
		"reader fails":     {io.MultiReader(strings.NewReader("bo"), iotest.ErrReader(boom)), cache.File{Size: -1}, 100, boom},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := open(t)
			tt.f.Path = "a.js"
			l, err := e.Receive(tt.r, tt.f, tt.limit)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if err == nil {
				if l.File.Size != 4 || l.File.SHA256 != sum("body") {
					t.Errorf("%+v", l.File)
				}
				l.Abort()
			}
			wantNothingStaged(t, e)
		})
	}
}

func TestLoose_Show_PG5(t *testing.T) {
	t.Parallel()
	e := open(t)
	m := e.files(t)
	l := e.receive(t, "dist/a b.js", "body")
	defer l.Abort()
	if err := l.Show(m, nil); !errors.Is(err, cache.ErrStale) {
		t.Errorf("before AddFile: %v", err)
	}
	wantNothingStaged(t, e)
	l = e.receive(t, "dist/a b.js", "body")
	grown, err := e.AddFile(m, l.File)
	if err != nil {
		t.Fatal(err)
	}
	denied := errors.New("denied")
	if err := l.Show(grown, func() error { return denied }); !errors.Is(err, denied) {
		t.Errorf("got %v", err)
	}
	wantGone(t, e.view("@files"))
	l = e.receive(t, "dist/a b.js", "body")
	if err := l.Show(grown, nil); err != nil {
		t.Fatal(err)
	}
	wantFile(t, e.view("@files/x/1.0.0/dist/a b.js"), "body")
	if !e.InView(grown, l.File) {
		t.Error("not in the view")
	}
	e.DropFromMemory(m.Name, m.Version)
	if held, err := e.Manifest(m.Name, m.Version); err != nil || held.Content() != grown.Content() {
		t.Errorf("on the disk: %v", err)
	}
	wantNothingStaged(t, e)
}

func TestLoose_Detach(t *testing.T) {
	t.Parallel()
	e := open(t)
	l := e.receive(t, "a.js.gz", "body")
	f, err := l.Detach()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	wantNothingStaged(t, e)
	if got, err := io.ReadAll(f); string(got) != "body" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	l.Abort()
}

func TestAddFile_Concurrent(t *testing.T) {
	t.Parallel()
	e := open(t)
	m := e.files(t)
	const n = 60
	var herd sync.WaitGroup
	for i := range n {
		herd.Go(func() {
			path := fmt.Sprintf("f%d.js", i)
			if _, err := e.AddFile(m, cache.File{Path: path, Size: 1, SHA256: sum(path)}); err != nil {
				t.Error(err)
			}
		})
		herd.Go(func() {
			e.DropFromMemory(m.Name, m.Version)
			_, _ = e.Manifest(m.Name, m.Version)
		})
	}
	herd.Wait()
	for _, where := range []string{"memory", "disk"} {
		held, err := e.Manifest(m.Name, m.Version)
		if err != nil || len(held.Files()) != n {
			t.Errorf("in %s: %d files, %v", where, len(held.Files()), err)
		}
		e.DropFromMemory(m.Name, m.Version)
	}
}

func TestAddFile_Pins_PG5(t *testing.T) {
	t.Parallel()
	e := open(t)
	m := e.files(t, cache.File{Path: "listed.js", Size: -1, Integrity: "sha384-x"})
	a := cache.File{Path: "a.js", Size: 1, SHA256: sum("a")}
	first, err := e.AddFile(m, a)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := e.AddFile(m, a); err != nil || again != first {
		t.Errorf("again: %v", err)
	}
	b := a
	b.SHA256 = sum("b")
	if _, err := e.AddFile(m, b); !errors.Is(err, outcome.Refused) {
		t.Errorf("other bytes: %v", err)
	}
	if held, _ := e.Manifest(m.Name, m.Version); !held.Has("a.js") || fileOf(t, held, "a.js").SHA256 != sum("a") {
		t.Error("other bytes replaced what was pinned")
	}
	listed := cache.File{Path: "listed.js", Size: 1, SHA256: sum("l"), Integrity: "sha384-x"}
	if n, err := e.AddFile(m, listed); err != nil || fileOf(t, n, "listed.js") != listed {
		t.Errorf("of a listed one: %v", err)
	}
	if _, err := e.AddFile(m, cache.File{Path: "../x", SHA256: sum("x")}); !errors.Is(err, outcome.Refused) {
		t.Errorf("leading out: %v", err)
	}
}

// Bytes from before a flush are not pinned after it.
func TestAddFile_Stale(t *testing.T) {
	t.Parallel()
	f := cache.File{Path: "a.js", Size: 1, SHA256: sum("a")}
	tests := map[string]func(e env, m cache.Manifest) error{
		"evicted": func(e env, m cache.Manifest) error { return e.Evict(m.Name, m.Version) },
		"flushed": func(e env, m cache.Manifest) error { m.Fetched = m.Fetched.Add(1); return e.Replace(&m) },
		"changed": func(e env, m cache.Manifest) error { m.State = "other"; return e.Replace(&m) },
		"closed":  func(e env, m cache.Manifest) error { m.Open = false; return e.Replace(&m) },
	}
	for name, meanwhile := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := open(t)
			m := e.files(t)
			if err := meanwhile(e, *m); err != nil {
				t.Fatal(err)
			}
			if _, err := e.AddFile(m, f); !errors.Is(err, cache.ErrStale) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("reread", func(t *testing.T) {
		t.Parallel()
		e := open(t)
		m := e.files(t)
		e.DropFromMemory(m.Name, m.Version)
		if _, err := e.AddFile(m, f); err != nil {
			t.Error(err)
		}
	})
}
