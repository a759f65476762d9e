package cache_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/cache"
)

// verify looks at a package and returns "file: problem" for each finding.
func (e env) verify(tb testing.TB, name string, fix bool) []string {
	tb.Helper()
	check, err := e.Verify(tb.Context(), parseName(tb, name), fix)
	if err != nil {
		tb.Fatal(err)
	}
	var found []string
	for _, f := range check.Findings {
		found = append(found, f.File+": "+f.Problem)
	}
	return found
}

// held is an env with one release, of which two files are in the view.
func held(t *testing.T) (env, *cache.Manifest) {
	t.Helper()
	e := open(t)
	m := e.put(t, "lodash", "1.0.0", lodash)
	e.show(t, m, "index.js")
	e.show(t, m, "dist/a.js")
	if err := e.Designate(m.Name, m.Version, "ops", true); err != nil {
		t.Fatal(err)
	}
	return e, m
}

const manifestOfLodash = "state/packages/lodash/releases/1.0.0.jsonl"

// damages are the ways in which a disk, a person or an attacker changes what is
// held, and what is to be said about each.
var damages = map[string]struct {
	damage func(t *testing.T, e env, m *cache.Manifest)
	file   string // below the data directory; "" nothing is wrong
	says   string
	lost   bool // something has to be fetched again
	kept   bool // it is in quarantine afterwards
}{
	"nothing":      {func(*testing.T, env, *cache.Manifest) {}, "", "", false, false},
	"flipped byte": {func(t *testing.T, e env, _ *cache.Manifest) { keepTime(t, e.view("lodash/1.0.0/index.js"), flip) }, "www/lib/lodash/1.0.0/index.js", "has sha256 ", false, false},
	"truncated":    {func(t *testing.T, e env, _ *cache.Manifest) { os.Truncate(e.view("lodash/1.0.0/index.js"), 3) }, "www/lib/lodash/1.0.0/index.js", "has 3 bytes instead of 19", false, false},
	"emptied":      {func(t *testing.T, e env, _ *cache.Manifest) { os.Truncate(e.view("lodash/1.0.0/dist/a.js"), 0) }, "www/lib/lodash/1.0.0/dist/a.js", "has 0 bytes instead of 6", false, false},
	"touched": {func(t *testing.T, e env, _ *cache.Manifest) {
		os.Chtimes(e.view("lodash/1.0.0/index.js"), time.Now(), time.Now())
	}, "www/lib/lodash/1.0.0/index.js", "has a modification time", false, false},
	"deleted":  {func(t *testing.T, e env, _ *cache.Manifest) { os.Remove(e.view("lodash/1.0.0/index.js")) }, "", "", false, false},
	"mode 000": {func(t *testing.T, e env, _ *cache.Manifest) { os.Chmod(e.view("lodash/1.0.0/index.js"), 0) }, "www/lib/lodash/1.0.0/index.js", "has mode 0,", false, false},
	"link in its place": {func(t *testing.T, e env, _ *cache.Manifest) {
		os.Remove(e.view("lodash/1.0.0/index.js"))
		symlink(t, "dist/a.js", e.view("lodash/1.0.0/index.js"))
	}, "www/lib/lodash/1.0.0/index.js", "is no regular file", false, false},
	"extra file":             {func(t *testing.T, e env, _ *cache.Manifest) { write(t, e.view("lodash/1.0.0/dist/evil.js"), "x") }, "www/lib/lodash/1.0.0/dist/evil.js", "is not in the manifest", false, true},
	"extra file of odd name": {func(t *testing.T, e env, _ *cache.Manifest) { write(t, e.view("lodash/1.0.0/\xff\n"), "x") }, "www/lib/lodash/1.0.0/\xff\n", "is not in the manifest", false, true},
	"compressed sibling":     {func(t *testing.T, e env, _ *cache.Manifest) { write(t, e.view("lodash/1.0.0/dist/a.js.gz"), "x") }, "www/lib/lodash/1.0.0/dist/a.js.gz", "would be taken for a compressed copy", false, false},
	"file for a release":     {func(t *testing.T, e env, _ *cache.Manifest) { write(t, e.view("lodash/2.0.0"), "x") }, "www/lib/lodash/2.0.0", "is no directory", false, false},
	"link for a release": {func(t *testing.T, e env, _ *cache.Manifest) {
		os.RemoveAll(e.view("lodash/1.0.0"))
		symlink(t, "/etc", e.view("lodash/1.0.0"))
	}, "www/lib/lodash/1.0.0", "is no directory", false, false},
	"unknown release":  {func(t *testing.T, e env, _ *cache.Manifest) { write(t, e.view("lodash/3.0.0/index.js"), "x") }, "www/lib/lodash/3.0.0", "no manifest tells", false, false},
	"stray file":       {func(t *testing.T, e env, _ *cache.Manifest) { write(t, e.view("lodash/notes.txt"), "x") }, "www/lib/lodash/notes.txt", "does not belong into the view", false, true},
	"stray directory":  {func(t *testing.T, e env, _ *cache.Manifest) { write(t, e.view("lodash/.git/config"), "x") }, "www/lib/lodash/.git", "does not belong into the view", false, true},
	"torn manifest":    {func(t *testing.T, e env, _ *cache.Manifest) { os.Truncate(e.path(manifestOfLodash), 400) }, manifestOfLodash, "is no readable manifest", true, true},
	"foreign manifest": {func(t *testing.T, e env, _ *cache.Manifest) { write(t, e.path(manifestOfLodash), "{}\n") }, manifestOfLodash, "is no readable manifest", true, true},
	"missing blob":     {func(t *testing.T, e env, m *cache.Manifest) { os.Remove(e.blob(m)) }, "blobs/", "is missing", true, false},
	"damaged blob":     {func(t *testing.T, e env, m *cache.Manifest) { flip(t, e.blob(m)) }, "blobs/", "does not have the sha512 of its name", true, true},
	"short blob":       {func(t *testing.T, e env, m *cache.Manifest) { os.Truncate(e.blob(m), 10) }, "blobs/", "has 10 bytes instead of ", true, true},
	"link for a blob": {func(t *testing.T, e env, m *cache.Manifest) {
		os.Rename(e.blob(m), e.path("b"))
		symlink(t, "../../../b", e.blob(m))
	}, "blobs/", "is no regular file", true, true},
	"damaged pack": {func(t *testing.T, e env, m *cache.Manifest) { flip(t, e.pack(m)) }, "packs/", "holds other bytes for ", false, false},
	"short pack":   {func(t *testing.T, e env, m *cache.Manifest) { os.Truncate(e.pack(m), 1) }, "packs/", "holds other bytes for ", false, false},
	"missing pack": {func(t *testing.T, e env, m *cache.Manifest) { os.Remove(e.pack(m)) }, "", "", false, false},
	"main moved by hand": {func(t *testing.T, e env, _ *cache.Manifest) {
		os.Remove(e.view("lodash/main"))
		symlink(t, "0.9.0", e.view("lodash/main"))
	}, "", "", false, false},
	"lost main": {func(t *testing.T, e env, _ *cache.Manifest) { os.Remove(e.view("lodash/main")) }, "", "", false, false},
	"main of a person": {func(t *testing.T, e env, _ *cache.Manifest) {
		os.Remove(e.view("lodash/main"))
		write(t, e.view("lodash/main/x.js"), "x")
	}, "", "", false, false},
	"torn pin": {func(t *testing.T, e env, _ *cache.Manifest) {
		write(t, e.path("state/packages/lodash/pin.json"), `{"ver`)
	}, "state/packages/lodash/pin.json", "is no readable record", false, true},
}

// keepTime changes a file behind the back of its modification time.
func keepTime(t *testing.T, path string, change func(*testing.T, string)) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	change(t, path)
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
}

// tree is every file below a directory with what it says.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		said := info.Mode().String() + info.ModTime().String()
		if d.Type().IsRegular() && info.Mode().Perm() != 0 {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			said += string(data)
		}
		found[path] = said
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// Fault 28: silent corruption.
func TestVerify_FindsExactlyWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, tt := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, m := held(t)
			tt.damage(t, e, m)
			before := tree(t, e.dir)
			dry := e.verify(t, "lodash", false)
			if diff := cmp.Diff(before, tree(t, e.dir)); diff != "" {
				t.Errorf("a dry run changed something: %s", diff)
			}
			check, err := e.Verify(t.Context(), m.Name, true)
			if err != nil {
				t.Fatal(err)
			}
			if tt.file == "" {
				if len(check.Findings) > 0 || len(dry) > 0 {
					t.Errorf("found %+v, dry %q", check.Findings, dry)
				}
				return
			}
			if len(check.Findings) != 1 || len(dry) != 1 || (len(check.Losses) == 1) != tt.lost {
				t.Fatalf("found %+v, dry %q, lost %v", check.Findings, dry, check.Losses)
			}
			f := check.Findings[0]
			if !strings.HasPrefix(f.File, tt.file) || !strings.HasPrefix(f.Problem, tt.says) || f.Name != "lodash" {
				t.Errorf("found %+v", f)
			}
			kept := entries(t, e.path("state/quarantine"))
			if target, err := filepath.Glob(e.path("state/quarantine/*/blobs/*/*/*")); err == nil {
				kept = append(kept, target...)
			}
			if (len(kept) > 0) != tt.kept {
				t.Errorf("in quarantine: %q", kept)
			}
			e.DropFromMemory(m.Name, m.Version)
			if again := e.verify(t, "lodash", true); (len(again) > 0) != (name == "missing blob" || strings.HasSuffix(tt.file, "blobs/")) {
				t.Errorf("a second look finds %q", again)
			}
		})
	}
}

// What is removed comes back by first touch, and nothing else is touched.
func TestVerify_LeavesTheRestAlone(t *testing.T) {
	t.Parallel()
	e, m := held(t)
	keepTime(t, e.view("lodash/1.0.0/index.js"), flip)
	flip(t, e.pack(m))
	if found := e.verify(t, "lodash", true); len(found) != 2 {
		t.Errorf("found %q", found)
	}
	wantGone(t, e.view("lodash/1.0.0/index.js"))
	wantFile(t, e.view("lodash/1.0.0/dist/a.js"), "let a\n")
	e.show(t, m, "index.js")
	wantFile(t, e.view("lodash/1.0.0/index.js"), "module.exports = 1\n")
	if found := e.verify(t, "lodash", true); len(found) != 0 {
		t.Errorf("a second look finds %q", found)
	}
}

func TestVerify_NeverThroughLinks(t *testing.T) {
	t.Parallel()
	e, m := held(t)
	other := e.put(t, "@s/other", "1.0.0", lodash)
	e.show(t, other, "index.js")
	write(t, e.path("elsewhere/1.0.0/index.js"), "a person's")
	if err := errors.Join(os.RemoveAll(e.view("lodash")), os.Rename(e.view("@s"), e.view("@t"))); err != nil {
		t.Fatal(err)
	}
	symlink(t, "../../elsewhere", e.view("lodash"))
	symlink(t, "@t", e.view("@s"))
	write(t, e.view("@t/notes.txt"), "x")
	write(t, e.view("robots.txt"), "x")
	for _, name := range []string{string(m.Name), "@s/other"} {
		if found := e.verify(t, name, true); len(found) != 0 {
			t.Errorf("%s: found %q", name, found)
		}
	}
	wantFile(t, e.path("elsewhere/1.0.0/index.js"), "a person's")
	check, err := e.VerifyBeside(t.Context(), true)
	if err != nil || len(check.Notes) != 2 || len(check.Findings) != 2 {
		t.Errorf("beside: %+v, %v", check, err)
	}
	wantGone(t, e.view("robots.txt"))
	if check, err = e.VerifyBeside(t.Context(), true); err != nil || len(check.Findings) != 0 {
		t.Errorf("beside, again: %+v, %v", check, err)
	}
}

// The record follows what a person's hand did to main.
func TestVerify_PinFollowsMain_PM3(t *testing.T) {
	t.Parallel()
	e, m := held(t)
	os.Remove(e.view("lodash/main"))
	symlink(t, "0.9.0", e.view("lodash/main"))
	dry, err := e.Verify(t.Context(), m.Name, false)
	if err != nil || len(dry.Notes) != 1 || len(dry.Findings) != 0 {
		t.Errorf("dry: %+v, %v", dry, err)
	}
	check, err := e.Verify(t.Context(), m.Name, true)
	want := []string{"state/packages/lodash/pin.json: says 1.0.0, and main points at 0.9.0; it follows main now"}
	if diff := cmp.Diff(want, check.Notes); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if pin, err := e.Pin(m.Name); err != nil || pin.Version != "0.9.0" || pin.By != cache.ByHand {
		t.Errorf("the record says %+v, %v", pin, err)
	}
	if target, err := os.Readlink(e.view("lodash/main")); err != nil || target != "0.9.0" {
		t.Errorf("main points at %q, %v", target, err)
	}
}

// Requests go on while everything is hashed, and neither sees the other's half.
func TestVerify_BesideRequests(t *testing.T) {
	t.Parallel()
	e := open(t)
	m := e.put(t, "lodash", "1.0.0", lodash)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			for _, f := range m.Files() {
				if err := e.Materialise(m, f, nil); err != nil && !errors.Is(err, cache.ErrStale) && !m.Shipped(f.Path) {
					t.Error(err)
				}
				if m.Shipped(f.Path) {
					os.Remove(e.view("lodash/1.0.0", f.Path))
				}
			}
		}
	})
	wg.Go(func() {
		for ctx.Err() == nil {
			if err := errors.Join(e.Evict(m.Name, m.Version), e.PutManifest(e.commit(t, "lodash", "1.0.0", lodash))); err != nil {
				t.Error(err)
			}
		}
	})
	for range 50 {
		for _, found := range e.verify(t, "lodash", false) {
			if !strings.Contains(found, "a.js.gz") { // the test's own doing
				t.Errorf("found %s", found)
			}
		}
	}
	stop()
	wg.Wait()
}

// TestVerify_BytesThatCameBack: a release that was evicted while it was looked at,
// and fetched again before that could be told, is not damaged.
func TestVerify_BytesThatCameBack(t *testing.T) {
	t.Parallel()
	e, m := held(t)
	if told, err := e.StillMissing(t.Context(), m); told || err != nil {
		t.Errorf("told of a tarball that is there: %t, %v", told, err)
	}
	if err := os.Remove(e.blob(m)); err != nil {
		t.Fatal(err)
	}
	if told, err := e.StillMissing(t.Context(), m); !told || err != nil {
		t.Errorf("told of one that is not there: %t, %v", told, err)
	}
}

func TestVerify_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	e, m := held(t)
	flip(t, e.blob(m))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if check, err := e.Verify(ctx, m.Name, true); !errors.Is(err, context.Canceled) || len(check.Findings) != 0 {
		t.Errorf("got %+v, %v", check, err)
	}
	if _, err := os.Stat(e.blob(m)); err != nil {
		t.Error(err)
	}
}

func TestVerifyNames(t *testing.T) {
	t.Parallel()
	e := open(t)
	e.put(t, "@s/b", "1.0.0", lodash)
	m := e.put(t, "a", "1.0.0", lodash)
	e.show(t, m, "index.js")
	write(t, e.view("only-seen/1.0.0/x.js"), "x")
	var names []string
	for _, n := range e.VerifyNames() {
		names = append(names, string(n))
	}
	if diff := cmp.Diff([]string{"@s/b", "a", "only-seen"}, names); diff != "" {
		t.Error(diff)
	}
}
