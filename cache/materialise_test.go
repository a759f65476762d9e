package cache_test

import (
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
)

func TestMaterialise(t *testing.T) {
	t.Parallel()
	e := open(t)
	m := e.put(t, "@acme/x", "1.0.0", lodash)
	for i := 0; i < len(lodash); i += 2 {
		path, body := lodash[i], lodash[i+1]
		e.show(t, m, path)
		wantFile(t, e.view("@acme/x/1.0.0", path), body)
		info, err := os.Stat(e.view("@acme/x/1.0.0", path))
		if err != nil || info.Mode() != 0o644 || !info.ModTime().Equal(sum(body).ModTime()) {
			t.Errorf("%s: %v, modified %v", path, info.Mode(), info.ModTime())
		}
		if !e.InView(m, fileOf(t, m, path)) {
			t.Errorf("%s is not in the view", path)
		}
		e.show(t, m, path)
		if again, err := os.Stat(e.view("@acme/x/1.0.0", path)); err != nil || !os.SameFile(info, again) {
			t.Errorf("%s was written again: %v", path, err)
		}
	}
	wantNothingStaged(t, e)
}

// What is not as it must be is put right by the next touch.
func TestMaterialise_Heals(t *testing.T) {
	t.Parallel()
	const file = "x/1.0.0/dist/a.js"
	chtime := func(path string) error { return os.Chtimes(path, sum("let a\n").ModTime(), sum("let a\n").ModTime()) }
	tests := map[string]func(t *testing.T, e env){
		"truncated":         func(_ *testing.T, e env) { os.Truncate(e.view(file), 2) },
		"truncated, dated":  func(_ *testing.T, e env) { os.Truncate(e.view(file), 0); chtime(e.view(file)) },
		"tampered":          func(t *testing.T, e env) { write(t, e.view(file), "let b\n") },
		"removed":           func(_ *testing.T, e env) { os.Remove(e.view(file)) },
		"unreadable":        func(_ *testing.T, e env) { os.Chmod(e.view(file), 0o600) },
		"directory removed": func(_ *testing.T, e env) { os.RemoveAll(e.view("x")) },
		"view removed":      func(_ *testing.T, e env) { os.RemoveAll(e.path("www")) },
		"state removed":     func(_ *testing.T, e env) { os.RemoveAll(e.path("state/packages")) },
		"tmp removed":       func(_ *testing.T, e env) { os.RemoveAll(e.path("tmp")); os.Remove(e.view(file)) },
		"directory there":   func(t *testing.T, e env) { os.Remove(e.view(file)); write(t, e.view(file, "deep/x"), "x") },
		"file for release": func(t *testing.T, e env) {
			os.RemoveAll(e.view("x/1.0.0"))
			write(t, e.view("x/1.0.0"), "x")
		},
		"file for directory": func(t *testing.T, e env) {
			os.RemoveAll(e.view("x/1.0.0/dist"))
			write(t, e.view("x/1.0.0/dist"), "x")
		},
		"link to the same bytes": func(t *testing.T, e env) {
			write(t, e.path("tmp/elsewhere"), "let a\n")
			chtime(e.path("tmp/elsewhere"))
			os.Remove(e.view(file))
			symlink(t, e.path("tmp/elsewhere"), e.view(file))
		},
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := open(t)
			m := e.put(t, "x", "1.0.0", lodash)
			e.show(t, m, "dist/a.js")
			damage(t, e)
			e.show(t, m, "dist/a.js")
			wantFile(t, e.view(file), "let a\n")
			if info, err := os.Lstat(e.view(file)); err != nil || info.Mode() != 0o644 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
		})
	}
}

// A link that somebody planted is never written through, and where the place
// is ours the file appears nevertheless.
func TestMaterialise_LinksInTheView(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		at    string
		heals bool
	}{
		"release":           {"x/1.0.0", true},
		"directory":         {"x/1.0.0/dist", true},
		"package":           {"x", false},
		"scope":             {"@s", false},
		"release of scoped": {"@s/x/1.0.0", true},
	}
	for name, tt := range tests {
		for where, inside := range map[string]bool{"inside": true, "outside": false} {
			t.Run(name+" "+where, func(t *testing.T) {
				t.Parallel()
				e := open(t)
				trap := t.TempDir()
				target := trap
				if inside {
					trap = e.path("www/lib/trap")
					target = strings.Repeat("../", strings.Count(tt.at, "/")) + "trap"
					os.Mkdir(trap, 0o755)
				}
				symlink(t, target, e.view(tt.at))
				ref := "x"
				if strings.HasPrefix(tt.at, "@") {
					ref = "@s/x"
				}
				m := e.put(t, ref, "1.0.0", lodash)
				err := e.Materialise(m, fileOf(t, m, "dist/a.js"), nil)
				if got := entries(t, trap); len(got) != 0 {
					t.Errorf("written through the link: %v", got)
				}
				if tt.heals {
					wantFile(t, e.view(ref, "1.0.0/dist/a.js"), "let a\n")
				} else if to, _ := os.Readlink(e.view(tt.at)); to != target || !errors.Is(err, outcome.Busy) {
					t.Errorf("the link leads to %q, and %v", to, err)
				}
				wantDeleted(t, e)
			})
		}
	}
}

func wantDeleted(t *testing.T, e env) {
	t.Helper()
	e.WaitForDeletions()
	wantNothingStaged(t, e)
}

func TestMaterialise_GateAndStale(t *testing.T) {
	t.Parallel()
	e := open(t)
	m := e.put(t, "x", "1.0.0", lodash)
	denied := errors.New("denied")
	f := fileOf(t, m, "index.js")
	deny := func() error { return denied }
	if err := e.Materialise(m, f, deny); !errors.Is(err, denied) {
		t.Errorf("got %v", err)
	}
	wantGone(t, e.view("x"))
	e.show(t, m, "index.js")
	if err := e.Materialise(m, f, deny); !errors.Is(err, denied) {
		t.Errorf("of what is in the view: %v", err)
	}
	other := f
	other.SHA256[0]++
	missing := f
	missing.Path = "other.js"
	leads := f
	leads.Path = "../2.0.0/index.js"
	for name, f := range map[string]cache.File{"digest": other, "path": missing, "leading out": leads} {
		if err := e.Materialise(m, f, nil); !errors.Is(err, cache.ErrStale) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMaterialise_Herd(t *testing.T) {
	t.Parallel()
	e := open(t)
	m := e.put(t, "x", "1.0.0", lodash)
	var herd sync.WaitGroup
	for i := range 50 {
		path := lodash[(i*2)%len(lodash)]
		herd.Go(func() {
			if err := e.Materialise(m, fileOf(t, m, path), nil); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			wantFile(t, e.view("x/1.0.0", path), lodash[(i*2)%len(lodash)+1])
		})
	}
	herd.Wait()
	wantNothingStaged(t, e)
}

func TestOpenPacked_PH4(t *testing.T) {
	t.Parallel()
	e := open(t)
	m := e.put(t, "x", "1.0.0", lodash)
	f, err := e.OpenPacked(m, fileOf(t, m, "dist/a.js.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, err := io.ReadAll(f); string(got) != "not really gzip" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	wantGone(t, e.view("x"))
	wantNothingStaged(t, e)
}

func TestOpenView(t *testing.T) {
	t.Parallel()
	e := open(t)
	m := e.put(t, "x", "1.0.0", lodash)
	e.show(t, m, "dist/a.js")
	symlink(t, "1.0.0", e.view("x/main"))
	write(t, e.path("secret/f"), "x")
	symlink(t, "/etc", e.view("out/main"))
	symlink(t, "../../../../../../../../etc", e.view("up/main"))
	symlink(t, "loop", e.view("x/1.0.0/loop"))
	for _, release := range []string{"1.0.0", "main"} {
		f, err := e.OpenView("x", release, "dist/a.js")
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := io.ReadAll(f); string(got) != "let a\n" {
			t.Errorf("%s: %q", release, got)
		}
		f.Close()
		if !e.ViewHasDir("x", release, "dist") || e.ViewHasDir("x", release, "dist/a.js") {
			t.Errorf("%s: directories", release)
		}
	}
	for _, ref := range [][3]string{
		{"x", "1.0.0", "index.js"}, {"x", "1.0.0", "dist"}, {"x", "1.0.0", "dist/a.js/b"}, {"x", "1.0.0", "loop"}, {"x", "2.0.0", "a"},
		{"out", "main", "hostname"}, {"up", "main", "hostname"}, {"x", "1.0.0", strings.Repeat("n", 300)},
	} {
		if f, err := e.OpenView(parseName(t, ref[0]), ref[1], ref[2]); !errors.Is(err, outcome.NotFound) {
			f.Close()
			t.Errorf("%v: %v", ref, err)
		}
	}
}
