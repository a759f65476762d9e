package registry_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/registry"
)

// template is a source that neither lists anything nor knows what exists
// before it is asked for a file.
type template struct{ *source }

func newTemplate(name, version string, files text) template {
	return template{newSource("url").put(name, version, files)}
}

// Release describes whatever it is asked for.
func (s template) Release(ctx context.Context, name pkgref.Name, v pkgref.Version) (*provider.Release, error) {
	if err := s.called(ctx, "release "+string(name)+"@"+v.String()); err != nil {
		return nil, err
	}
	return &provider.Release{Name: name, Version: v, Files: &provider.Files{Open: true, Assumed: true}}, nil
}

func TestUnknownReleasesOfAnOpenSource_PF2_PG5(t *testing.T) {
	t.Parallel()
	s := newTemplate("p", "1.0.0", text{"a.js": "a"})
	npm := newSource("npm")
	e := start(t, setup{providers: []provider.Provider{npm, s}})
	e.wantBody(t, "/lib/p/1.0.0/a.js", "a")
	before := below(t, e.dir)
	for i := range 300 {
		for _, path := range []string{"a.js", "b.js", "", "dir/"} {
			e.want(t, fmt.Sprintf("/lib/random-%x/1.0.0/%s", i*2654435761, path), outcome.NotFound)
		}
		e.want(t, fmt.Sprintf("/lib/p/7.0.%d/a.js", i), outcome.NotFound)
	}
	if diff := cmp.Diff(before, below(t, e.dir)); diff != "" {
		t.Errorf("the data directory changed (-before +after):\n%s", diff)
	}
	if n := e.logged("level=INFO"); n > 2 {
		t.Errorf("%d lines in the log:\n%.500s", n, e.log)
	}
	// Who stands before it is asked once for each release, not for each path.
	npm.wantCount(t, "release random", 300)
	if _, err := e.Held("random-0"); !errors.Is(err, outcome.NotFound) {
		t.Errorf("a package of which nothing exists is held: %v", err)
	}
}

func TestOpenReleaseIsHeldWithItsFirstFile_PG5(t *testing.T) {
	t.Parallel()
	s := newTemplate("p", "1.0.0", text{"a.js": "a", "b.js": "b", "index.html": "<p>", "docs/index.html": "<d>"})
	e := start(t, one(s))
	e.want(t, "/lib/p/1.0.0/none.js", outcome.NotFound)
	if _, err := e.Describe(t.Context(), parse(t, "/lib/p/1.0.0/")); !errors.Is(err, outcome.NotFound) {
		t.Errorf("metadata of nothing: %v", err)
	}
	if err := e.Designate(t.Context(), "p", version(t, "1.0.0"), "ops"); !errors.Is(err, outcome.NotFound) {
		t.Errorf("designated to nothing: %v", err)
	}
	if _, err := e.Warm(t.Context(), "p", spec(t, "1.0.0"), true); !errors.Is(err, outcome.NotFound) {
		t.Errorf("warmed nothing: %v", err)
	}
	e.wantBody(t, "/lib/p/1.0.0/a.js", "a")
	if m, err := e.cache.Manifest("p", version(t, "1.0.0")); err != nil || m.Assumed || !m.Open || len(m.Files()) != 1 {
		t.Errorf("held is %+v, %v", m, err)
	}
	if err := e.Designate(t.Context(), "p", version(t, "1.0.0"), "ops"); err != nil {
		t.Error(err)
	}
	e.wantBody(t, "/lib/p/main/b.js", "b")
	e.wantBody(t, "/lib/p/1.0.0/", "<p>")
	e.wantBody(t, "/lib/p/1.0.0/docs/", "<d>")
	e.wantRedirect(t, "/lib/p/1.0.0/docs", "/lib/p/1.0.0/docs/")
	s.wantCount(t, "release", 2) // designating asks again

	// After a restart everything is as it was.
	e.stop()
	again := start(t, setup{providers: []provider.Provider{s}, dir: e.dir, clock: e.clock})
	again.wantBody(t, "/lib/p/1.0.0/a.js", "a")
	s.wantCount(t, "release", 2)
	s.wantCount(t, "file p@1.0.0/a.js", 1)
}

func TestOpenDirectories_PH3_PG5(t *testing.T) {
	t.Parallel()
	e := start(t, one(newTemplate("p", "1.0.0", text{"lib/a.js": "a", "min/index.min.js": "m", "package.json": `{"main": "lib/a.js"}`})))
	e.want(t, "/lib/p/1.0.0/lib/", outcome.NotFound) // nothing of it is held yet
	e.wantBody(t, "/lib/p/1.0.0/lib/a.js", "a")
	if a, err := e.find(t, "/lib/p/1.0.0/lib/"); err != nil || a.Listing == nil || !a.Listing.Manifest.Open {
		t.Errorf("got %+v, %v; want a listing of what is held", a, err)
	}
	if a, err := e.find(t, "/lib/p/1.0.0/"); err != nil || a.Listing == nil {
		t.Errorf("got %+v, %v; want a listing of what is held", a, err)
	}
	e.wantBody(t, "/lib/p/1.0.0/package.json", `{"main": "lib/a.js"}`)
	e.wantRedirect(t, "/lib/p/1.0.0/", "/lib/p/1.0.0/lib/a.js")
	e.wantBody(t, "/lib/p/1.0.0/min/index.min.js", "m")
	e.wantRedirect(t, "/lib/p/1.0.0/min/", "/lib/p/1.0.0/min/index.min.js")
}

// Which of two first files comes in first makes no difference.
func TestFirstFilesAtOnce_PG5(t *testing.T) {
	t.Parallel()
	files := text{}
	for i := range 20 {
		files[fmt.Sprintf("f%02d.js", i)] = fmt.Sprint(i)
	}
	s := newTemplate("p", "1.0.0", files)
	e := start(t, one(s))
	errs := make(chan error)
	for path := range files {
		go func() {
			_, err := e.Find(t.Context(), parse(t, "/lib/p/1.0.0/"+path))
			errs <- err
		}()
	}
	for range files {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	m, err := e.cache.Manifest("p", version(t, "1.0.0"))
	if err != nil || len(m.Files()) != len(files) {
		t.Fatalf("held is %+v, %v", m, err)
	}
	s.wantCount(t, "file", len(files))
}

func TestFlushOfAnOpenRelease_PF1_PG5(t *testing.T) {
	t.Parallel()
	s := newTemplate("p", "1.0.0", text{"a.js": "old"})
	e := start(t, one(s))
	before := below(t, e.dir)
	if _, err := e.Flush(t.Context(), "p", spec(t, "1.0.0"), "ops"); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(before, below(t, e.dir)); diff != "" {
		t.Errorf("flushing nothing left something (-before +after):\n%s", diff)
	}
	e.wantBody(t, "/lib/p/1.0.0/a.js", "old")
	s.put("p", "1.0.0", text{"a.js": "new"})
	e.wantBody(t, "/lib/p/1.0.0/a.js", "old")
	if _, err := e.Flush(t.Context(), "p", spec(t, "1.0.0"), "ops"); err != nil {
		t.Error(err)
	}
	e.wantViewed(t)
	e.wantBody(t, "/lib/p/1.0.0/a.js", "new")
	if _, err := e.Evict("p", version(t, "1.0.0")); err != nil {
		t.Error(err)
	}
	e.wantBody(t, "/lib/p/1.0.0/a.js", "new")
}

// A source that answers everything cannot fill the disk with one release.
func TestOpenReleaseIsBounded_PG5(t *testing.T) {
	t.Parallel()
	files := text{}
	for i := range 4 {
		files[fmt.Sprint(i)] = "x"
	}
	s := newTemplate("p", "1.0.0", files)
	e := start(t, setup{providers: []provider.Provider{s}, change: func(g *registry.Generation) { g.Archive.Entries = 3 }})
	for i := range 3 {
		e.wantBody(t, fmt.Sprintf("/lib/p/1.0.0/%d", i), "x")
	}
	e.want(t, "/lib/p/1.0.0/3", outcome.Refused)
	e.wantBody(t, "/lib/p/1.0.0/0", "x")
	s.wantCount(t, "file", 3)
}

// A precompressed file of an open release never enters the view: nginx would
// answer it for its sibling, of which nobody can know whether it exists.
func TestPrecompressedOfAnOpenRelease_PH4_PG5(t *testing.T) {
	t.Parallel()
	s := newTemplate("p", "1.0.0", text{"a.js.gz": "packed", "a.js": "plain"})
	e := start(t, one(s))
	e.wantBody(t, "/lib/p/1.0.0/a.js.gz", "packed")
	e.wantViewed(t)
	e.wantBody(t, "/lib/p/1.0.0/a.js", "plain")
	e.wantBody(t, "/lib/p/1.0.0/a.js.gz", "packed")
	e.wantViewed(t, "p/1.0.0/a.js")
	e.wantNothingStaged(t)
}

func TestAssumptionsAreForgotten_PF2(t *testing.T) {
	t.Parallel()
	npm, s := newSource("npm"), newTemplate("q", "1.0.0", nil)
	e := start(t, setup{providers: []provider.Provider{npm, s}})
	e.want(t, "/lib/p/1.0.0/a.js", outcome.NotFound)
	e.want(t, "/lib/p/1.0.0/b.js", outcome.NotFound)
	npm.wantCount(t, "release", 1)
	npm.put("p", "1.0.0", text{"a.js": "published meanwhile"})
	e.clock.add(time.Minute)
	e.wantBody(t, "/lib/p/1.0.0/a.js", "published meanwhile")
}
