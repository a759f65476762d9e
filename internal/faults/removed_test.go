package faults_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/e2e"
	"github.com/registryd/registryd/provider/providertest"
)

// outside is a directory that belongs to somebody else: what is in it stays.
type outside struct {
	dir    string
	before map[string]string
}

// newOutside makes one in which every file of a package has other content.
func newOutside(t *testing.T, p providertest.Package) outside {
	t.Helper()
	dir := t.TempDir()
	for path := range p.Files {
		file := filepath.Join(dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("somebody else's "+path), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	// nginx follows a link where its owner owns the target, too.
	if os.Getuid() == 0 {
		giveAway(t, dir)
	} else {
		t.Log("WITHOUT ROOT NGINX FOLLOWS LINKS TO WHAT BELONGS TO THE SAME USER")
	}
	return outside{dir, contents(t, dir)}
}

// giveAway makes a directory and all in it somebody else's.
func giveAway(t *testing.T, dir string) {
	t.Helper()
	const nobody = 65534
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err == nil {
			err = os.Chown(path, nobody, nobody)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// untouched fails when anything in it was changed, added or removed.
func (o outside) untouched(t *testing.T) {
	t.Helper()
	if diff := cmp.Diff(o.before, contents(t, o.dir)); diff != "" {
		t.Errorf("what lies outside was written to (-before +after):\n%s", diff)
	}
}

// contents are the files below a directory.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// replace puts a link to target in the place of what is there, or a file where
// there is no target. The daemon may make it again meanwhile.
func replace(t *testing.T, path, target string) {
	t.Helper()
	eventually(t, path+" cannot be replaced", func() bool {
		if os.RemoveAll(path) != nil {
			return false
		}
		if target == "" {
			return os.WriteFile(path, []byte("in the way"), 0o644) == nil
		}
		return os.Symlink(target, path) == nil
	})
}

// removal is one thing that happens to a data directory.
type removal struct {
	name string
	do   func(t *testing.T, data string, o outside)
}

// removals are what people and programs do to a data directory that is in use.
func removals() []removal {
	return []removal{
		{"a file", func(t *testing.T, data string, _ outside) { remove(t, data+"/www/lib/gone/1.0.0/package.json") }},
		{"a release", func(t *testing.T, data string, _ outside) { remove(t, data+"/www/lib/gone/1.0.0") }},
		{"a package", func(t *testing.T, data string, _ outside) {
			remove(t, data+"/www/lib/gone", data+"/state/packages/gone")
		}},
		{"the view", func(t *testing.T, data string, _ outside) { remove(t, data+"/www") }},
		{"the state", func(t *testing.T, data string, _ outside) { remove(t, data+"/state") }},
		{"tarballs and packs", func(t *testing.T, data string, _ outside) { remove(t, data+"/blobs", data+"/packs", data+"/www/lib") }},
		{"everything in it", func(t *testing.T, data string, _ outside) {
			for _, e := range list(t, data) {
				remove(t, filepath.Join(data, e))
			}
		}},
		{"a file in place of a release", func(t *testing.T, data string, _ outside) { replace(t, data+"/www/lib/gone/1.0.0", "") }},
		{"a file in place of a package", func(t *testing.T, data string, _ outside) { replace(t, data+"/www/lib/gone", "") }},
		{"files in place of directories", func(t *testing.T, data string, _ outside) {
			for _, dir := range []string{"/packs", "/blobs", "/tmp", "/state/packages"} {
				replace(t, data+dir, "")
			}
			remove(t, data+"/www/lib")
		}},
		{"a link in place of a file", func(t *testing.T, data string, o outside) {
			replace(t, data+"/www/lib/gone/1.0.0/package.json", o.dir+"/package.json")
		}},
		{"a link in place of a release", func(t *testing.T, data string, o outside) { replace(t, data+"/www/lib/gone/1.0.0", o.dir) }},
		{"links in place of directories", func(t *testing.T, data string, o outside) {
			for _, dir := range []string{"/packs", "/blobs/sha512", "/tmp", "/state"} {
				replace(t, data+dir, o.dir)
			}
			remove(t, data+"/www/lib")
		}},
	}
}

// The data directory is emptied under a daemon that runs, or parts of it are, or
// something else is put there. What is asked for is fetched again, nothing is
// ever written through a link, and the next daemon goes on from there.
func TestRemovedUnderneath_Fault27(t *testing.T) {
	t.Parallel()
	p := some("gone")
	r := start(t, e2e.Options{Packages: []providertest.Package{p}, LogLevel: "info", Nginx: "  cache: {path: " + t.TempDir() + "}\n"})
	for i, damage := range removals() {
		t.Log(damage.name)
		cold := some("cold" + itoa(i))
		r.expect(cold)
		r.Upstream.Add(t, cold)
		o := newOutside(t, p)
		r.servesAll(p)
		damage.do(t, r.Data, o)
		r.servesAll(cold)
		r.servesAll(p)
		o.untouched(t)
	}
	r.StopDaemon()
	r.StartDaemon()
	r.servesAll(p)
	r.nothingLost()
}

// servesAll asks daemon and front for each file of a package: nginx may have
// files open that are gone.
func (r *recorder) servesAll(p providertest.Package) {
	r.t.Helper()
	for _, path := range paths(p) {
		if a, err := r.Try(http.MethodGet, r.Daemon+path); err != nil || a.Status != http.StatusOK {
			r.t.Fatalf("%s: the daemon answers %d, %v\n%s", path, a.Status, err, tail(r.Log()))
		}
		r.must(path, http.StatusOK)
	}
}

// Without a data directory there is nothing to work on. The daemon says so and
// ends, and one that is started again begins with an empty one.
func TestDirectoryRemoved_Fault27(t *testing.T) {
	t.Parallel()
	p := some("gone")
	r := start(t, e2e.Options{Packages: []providertest.Package{p}, LogLevel: "info", Nginx: "  cache: {path: " + t.TempDir() + "}\n"})
	for _, path := range paths(p)[1:] {
		r.must(path, http.StatusOK)
	}
	remove(t, r.Data)
	for range 5 { // it is not remembered as absent, nor a fault of its own
		if status := r.ask(paths(p)[0]); status != http.StatusServiceUnavailable && status != http.StatusBadGateway {
			t.Errorf("status %d without a data directory", status)
		}
	}
	select {
	case <-r.Ended():
	case <-time.After(time.Minute):
		t.Fatal("it goes on without a data directory")
	}
	if code := r.StopDaemon(); code != 1 { // what the unit's Restart=on-failure starts again
		t.Errorf("it ended with %d, want 1", code)
	}
	if log := r.Log(); !strings.Contains(log, "data directory was removed or replaced") {
		t.Errorf("it does not say why it ended:\n%s", tail(log))
	}
	r.StartDaemon()
	for _, path := range paths(p) {
		r.heals(path)
	}
}

// Whoever takes the directory over while its lock is removed may keep it.
func TestLockRemoved_Fault27_Fault29(t *testing.T) {
	t.Parallel()
	p := some("held")
	r := start(t, e2e.Options{Packages: []providertest.Package{p}, LogLevel: "info"})
	remove(t, r.Data+"/state")
	eventually(t, "the lock is not taken again", func() bool {
		return strings.Contains(r.Log(), "the lock of the data directory was removed and is taken again")
	})
	out, err := r.Command("serve", "--set", "root.fs="+r.Data, "--set", "listen=127.0.0.1:0")
	if err == nil || !strings.Contains(out, "held by another registryd") {
		t.Errorf("a second daemon: %v, it says:\n%s", err, out)
	}
	r.must(paths(p)[0], http.StatusOK)
}

// remove removes trees, to which the daemon may add something meanwhile.
func remove(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		eventually(t, path+" cannot be removed", func() bool { return os.RemoveAll(path) == nil })
	}
}

func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
