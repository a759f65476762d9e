package cache_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
)

const crashDir = "CACHE_TEST_CRASH_DIR"

// TestCrash kills a process that works on a data directory, again and again.
// Whatever the moment, every file in the view is whole and what a manifest
// says, and the next start needs no repair.
func TestCrash(t *testing.T) {
	t.Parallel()
	if dir := os.Getenv(crashDir); dir != "" {
		work(t, dir)
		return
	}
	dir := filepath.Join(t.TempDir(), "data")
	var shown int
	for round := range 20 {
		crash(t, dir, time.Duration(rand.IntN(60))*time.Millisecond)
		e := openWith(t, cache.Config{Dir: dir})
		if e.Recovered() {
			t.Error("the view was set aside without a reboot")
		}
		wantNothingToMend(t, e)
		shown += wantWhole(t, e)
		e.WaitForDeletions()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		wantNothingStaged(t, e)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	if shown == 0 {
		t.Error("no process ever showed a file: nothing was tested")
	}
}

// crash runs this test in a process of its own and kills it after a while.
func crash(t *testing.T, dir string, after time.Duration) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCrash$")
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil { // it has begun
		t.Errorf("the process ended by itself: %v", err)
	}
	timer := time.AfterFunc(after, func() { cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() {
		t.Errorf("the process was not killed: %v", err)
	}
}

// work never ends.
func work(t *testing.T, dir string) {
	e := openWith(t, cache.Config{Dir: dir, PackBytes: 50_000})
	fmt.Println("ready")
	var workers sync.WaitGroup
	for w := range 4 {
		workers.Go(func() {
			for i := 0; ; i++ {
				if err := step(t, e, w, i); err != nil && !errors.Is(err, cache.ErrStale) && !errors.Is(err, outcome.NotFound) {
					t.Error(err)
				}
			}
		})
	}
	workers.Wait()
}

// crashFiles differ from one generation to the next, so that no two releases
// share a blob.
func crashFiles(generation int) text {
	files := text{"package.json", "{}"}
	for i := range 10 {
		files = append(files, fmt.Sprintf("dir%d/f.js", i), strings.Repeat(fmt.Sprintf("%d.%d ", generation, i), 50*i))
	}
	return files
}

func step(t *testing.T, e env, worker, i int) error {
	s, err := e.Ingest(bytes.NewReader(tarball(t, crashFiles(10*i+worker))), cache.Tarball{Limits: wide, MaxBytes: 1 << 20})
	if err != nil {
		return err
	}
	m, err := s.Commit(manifest(t, "x", fmt.Sprintf("1.%d.%d", worker, i%3)))
	if err != nil {
		return err
	}
	if err := e.Replace(m); err != nil {
		return err
	}
	for _, f := range m.Files() {
		err = errors.Join(err, e.Materialise(m, f, nil))
	}
	if i%4 == 3 {
		err = errors.Join(err, e.Evict(m.Name, m.Version))
	}
	return errors.Join(err, e.Designate(m.Name, m.Version, "ops", true))
}

// wantNothingToMend has everything hashed, tarballs too.
func wantNothingToMend(t *testing.T, e env) {
	t.Helper()
	for _, name := range e.VerifyNames() {
		if found := e.verify(t, string(name), false); len(found) > 0 {
			t.Errorf("to be mended: %q", found)
		}
	}
}

// wantWhole compares the view with the manifests and counts what it saw.
func wantWhole(t *testing.T, e env) int {
	t.Helper()
	found := entries(t, e.View())
	for _, path := range found {
		name, rest, _ := strings.Cut(path, "/")
		version, file, _ := strings.Cut(rest, "/")
		m, err := e.Manifest(parseName(t, name), parseVersion(t, version))
		if err != nil {
			t.Errorf("%s is in the view without a manifest: %v", path, err)
			continue
		}
		data, err := os.ReadFile(e.view(path))
		if f, ok := m.File(file); err != nil || !ok || sum(string(data)) != f.SHA256 || !e.InView(m, f) {
			t.Errorf("%s is not what its manifest says: %v", path, err)
		}
	}
	for _, name := range e.Names() {
		for _, v := range e.Held(name) {
			m, err := e.Manifest(name, v)
			if err != nil {
				t.Errorf("a manifest is not whole: %v", err)
				continue
			}
			for _, f := range m.Files() {
				e.show(t, m, f.Path)
			}
		}
	}
	wantPinWhole(t, e)
	return len(found)
}

// wantPinWhole checks main: a link is only there when its record is.
func wantPinWhole(t *testing.T, e env) {
	t.Helper()
	main, err := e.Main("x")
	if err != nil || main.Kind != cache.MainPin && main.Kind != cache.MainNone {
		t.Errorf("main: %+v, %v", main, err)
	}
	if _, err := e.Pin("x"); err != nil && main.Kind == cache.MainPin {
		t.Errorf("main leads to %s without a record: %v", main.Version, err)
	}
}
