package registry_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider"
)

func one(p provider.Provider) setup { return setup{providers: []provider.Provider{p}} }

func site() text {
	return text{
		"package.json": `{"main": "lib/main"}`, "lib/main.js": "main", "lib/deep/a.js": "a",
		"docs/index.html": "<p>", "min/index.min.js": "min", "min/b.js": "b", "odd/ü %2f.js": "odd",
	}
}

func TestExact_PH2(t *testing.T) {
	t.Parallel()
	s := newSource("npm").put("lodash", "1.0.0", site())
	e := start(t, one(s))
	e.wantBody(t, "/lib/lodash/1.0.0/lib/main.js", "main")
	e.wantBody(t, "/lib/lodash/1.0.0/odd/%c3%bc%20%252f.js", "odd")
	e.wantBody(t, "/lib/lodash@1.0.0/lib/main.js", "main")
	e.wantViewed(t, "lodash/1.0.0/lib/main.js", "lodash/1.0.0/odd/ü %2f.js")
	s.wantCount(t, "archive", 1)
	s.wantCount(t, "release", 1)
	s.wantCount(t, "versions", 0)
}

func TestDirectories_PH3(t *testing.T) {
	t.Parallel()
	e := start(t, one(newSource("npm").put("lodash", "1.0.0", site()).
		put("page", "1.0.0", text{"index.html": "root", "index.js": "js"}).
		put("plain", "1.0.0", text{"a.js": "a"})))
	e.wantRedirect(t, "/lib/lodash/1.0.0", "/lib/lodash/1.0.0/")
	e.wantRedirect(t, "/lib/lodash/1.0.0/lib", "/lib/lodash/1.0.0/lib/")
	e.wantRedirect(t, "/lib/lodash/1.0.0/", "/lib/lodash/1.0.0/lib/main.js")
	e.wantRedirect(t, "/lib/lodash/1.0.0/min/", "/lib/lodash/1.0.0/min/index.min.js")
	e.wantBody(t, "/lib/lodash/1.0.0/docs/", "<p>")
	e.wantBody(t, "/lib/page/1.0.0/", "root")
	for _, path := range []string{"/lib/lodash/1.0.0/lib/", "/lib/lodash/1.0.0/lib/deep/", "/lib/plain/1.0.0/"} {
		if a, err := e.find(t, path); err != nil || a.Listing == nil {
			t.Errorf("%s: got %+v, %v; want a listing", path, a, err)
		}
	}
	e.want(t, "/lib/lodash/1.0.0/nothing/", outcome.NotFound)
	e.want(t, "/lib/lodash/1.0.0/lib/main.js/", outcome.NotFound)
}

func TestEntry_PH3(t *testing.T) {
	t.Parallel()
	files := text{"a.js": "", "b.js": "", "lib/index.js": "", "index.js": "", "x/y.mjs": ""}
	for name, tt := range map[string]struct{ json, want string }{
		"order":         {`{"main":"b.js","jsdelivr":"a.js","unpkg":"b.js"}`, "a.js"},
		"unpkg":         {`{"main":"b.js","module":"b.js","browser":"b.js","unpkg":"./a.js"}`, "a.js"},
		"browser":       {`{"main":"b.js","module":"b.js","browser":"a"}`, "a.js"},
		"module":        {`{"main":"b.js","module":"/x/y.mjs"}`, "x/y.mjs"},
		"browser map":   {`{"browser":{"./a.js":"./b.js"},"main":"b"}`, "b.js"},
		"directory":     {`{"main":"lib/"}`, "lib/index.js"},
		"missing":       {`{"unpkg":"dist/none.js","main":"a"}`, "a.js"},
		"escape":        {`{"main":"../../b.js"}`, "b.js"},
		"dots":          {`{"main":"./"}`, "index.js"},
		"no text":       {`{"main":["a.js"]}`, "index.js"},
		"broken":        {`{"main":"a.js"`, "index.js"},
		"no object":     {`"a.js"`, "index.js"},
		"a mark before": {"\ufeff" + `{"main":"a.js"}`, "a.js"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with := text{"package.json": tt.json}
			for path, body := range files {
				with[path] = body
			}
			e := start(t, one(newSource("npm").put("p", "1.0.0", with)))
			e.wantRedirect(t, "/lib/p/1.0.0/", "/lib/p/1.0.0/"+tt.want)
		})
	}
}

// A listing, metadata and the redirect to an entry come from the manifest and
// one file of it: nothing enters the view for them.
func TestDescribedShowsNothing_PL1(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*source{
		"archive": newSource("npm"), "files": {id: "cdn", files: true, hashes: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept := newSource(s.id)
			kept.files, kept.hashes = s.files, s.hashes
			kept.put("p", "1.0.0", text{"package.json": `{"main":"lib/a"}`, "lib/a.js": "a", "lib/b.js": "b"})
			e := start(t, one(kept))
			for _, path := range []string{"/lib/p/1.0.0/lib/a.js", "/lib/p/1.0.0/lib/", "/lib/p/1.0.0/", "/lib/p/1.0.0", "/lib/p/1.0.0/lib"} {
				if _, err := e.Describe(t.Context(), parse(t, path)); err != nil {
					t.Errorf("%s: %v", path, err)
				}
			}
			for range 3 {
				if a, err := e.find(t, "/lib/p/1.0.0/lib/"); err != nil || a.Listing == nil {
					t.Errorf("listing: %+v, %v", a, err)
				}
				e.wantRedirect(t, "/lib/p/1.0.0/", "/lib/p/1.0.0/lib/a.js")
			}
			e.wantViewed(t)
			kept.wantCount(t, "file p@1.0.0/package.json", map[bool]int{true: 1}[kept.files])
		})
	}
}

func TestMissingFile_PH4(t *testing.T) {
	t.Parallel()
	s := newSource("npm").put("lodash", "1.0.0", site())
	e := start(t, one(s))
	e.want(t, "/lib/lodash/1.0.0/none.js", outcome.NotFound)
	before := below(t, e.dir)
	calls := s.count("")
	for _, path := range []string{"none.js", "lib/main.js.gz", "lib/main.js.br", "lib/none", "Lib/main.js", "lib/main.j"} {
		e.want(t, "/lib/lodash/1.0.0/"+path, outcome.NotFound)
	}
	s.wantCount(t, "", calls)
	if diff := cmp.Diff(before, below(t, e.dir)); diff != "" {
		t.Errorf("something was written (-before +after):\n%s", diff)
	}
}

func TestShippedSiblings_PH4(t *testing.T) {
	t.Parallel()
	shipped := text{"a.js": "plain", "a.js.gz": "not the same", "a.js.br": "brotli", "alone.gz": "alone"}
	for name, s := range map[string]*source{
		"archive": newSource("npm"), "files": newSource("cdn"), "files without digests": newSource("url"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.files, s.hashes = s.id != "npm", s.id == "cdn"
			s.put("p", "1.0.0", shipped)
			e := start(t, one(s))
			for range 2 {
				for path, want := range shipped {
					e.wantBody(t, "/lib/p/1.0.0/"+path, want)
				}
			}
			e.wantViewed(t, "p/1.0.0/a.js", "p/1.0.0/alone.gz")
			if _, err := e.Warm(t.Context(), "p", spec(t, "1.0.0"), true); err != nil {
				t.Error(err)
			}
			e.wantViewed(t, "p/1.0.0/a.js", "p/1.0.0/alone.gz")
			e.wantNothingStaged(t)
		})
	}
}

func TestRedirects_PH5(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("lodash", "1.0.0", "1.2.0", "2.0.0-beta.1", "2.0.0-beta.2", "1.3.0+b").tag("lodash", "latest", "1.2.0").tag("lodash", "next", "2.0.0-beta.2").
		tag("lodash", "gone", "9.9.9").versionsOf("@acme/w", "1.0.0").versionsOf("pre", "1.0.0-a.1")
	e := start(t, one(s))
	for path, want := range map[string]string{
		"/lib/lodash":                       "/lib/lodash/1.2.0/",
		"/lib/lodash/":                      "/lib/lodash/1.2.0/",
		"/lib/lodash/latest/a%20b.js":       "/lib/lodash/1.2.0/a%20b.js",
		"/lib/lodash/^1/x":                  "/lib/lodash/1.3.0%2Bb/x",
		"/lib/lodash/1.0/x":                 "/lib/lodash/1.0.0/x",
		"/lib/lodash/v1.0.0/x":              "/lib/lodash/1.0.0/x",
		"/lib/lodash@next/x":                "/lib/lodash/2.0.0-beta.2/x",
		"/lib/lodash/%5E2.0.0-beta.1/x":     "/lib/lodash/2.0.0-beta.2/x",
		"/lib/@acme%2fw/*/":                 "/lib/@acme/w/1.0.0/",
		"/lib/%40acme/w":                    "/lib/@acme/w/1.0.0/",
		"/lib/lodash/1/%3Cscript%3E%22/%0b": "",
	} {
		if want != "" {
			e.wantRedirect(t, path, want)
		}
	}
	for _, path := range []string{"/lib/lodash/^3/x", "/lib/lodash/2.x/x", "/lib/lodash/unknown/x", "/lib/lodash/gone/x", "/lib/pre/x", "/lib/nothing/^1/x", "/lib/nothing"} {
		e.want(t, path, outcome.NotFound)
	}
	e.wantViewed(t)
	s.wantCount(t, "archive", 0)
	s.wantCount(t, "versions lodash", 1)
}

func TestDenied_PH7(t *testing.T) {
	t.Parallel()
	routes := []string{"/lib/bad/1.0.0/index.js", "/lib/bad/^1/index.js", "/lib/bad/latest/x", "/lib/bad/main/x", "/lib/bad", "/lib/bad/1.0.0/"}
	for name, tt := range map[string]struct {
		conceal bool
		want    error
	}{"forbidden": {false, outcome.Forbidden}, "concealed": {true, outcome.Declined}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSource("npm").versionsOf("bad", "1.0.0")
			policy := deny("bad")
			policy.Conceal = tt.conceal
			e := start(t, setup{providers: []provider.Provider{s}, policy: policy})
			before := below(t, e.dir)
			for _, path := range routes {
				if err := e.want(t, path, tt.want); errors.Is(err, outcome.NotFound) {
					t.Errorf("%s: a denial counts as absence", path)
				}
				_, err := e.Describe(t.Context(), parse(t, path))
				if !errors.Is(err, tt.want) {
					t.Errorf("%s?meta: got %v", path, err)
				}
			}
			for _, text := range []string{"1.0.0", "^1", "latest", "main"} {
				if _, err := e.Flush(t.Context(), "bad", spec(t, text), "ops"); !errors.Is(err, tt.want) {
					t.Errorf("flush %s: got %v", text, err)
				}
				if _, err := e.Locate(t.Context(), "bad", spec(t, text)); !errors.Is(err, tt.want) {
					t.Errorf("locate %s: got %v", text, err)
				}
				if _, err := e.Warm(t.Context(), "bad", spec(t, text), true); !errors.Is(err, tt.want) {
					t.Errorf("warm %s: got %v", text, err)
				}
			}
			if err := e.Designate(t.Context(), "bad", version(t, "1.0.0"), "ops"); !errors.Is(err, tt.want) {
				t.Errorf("designate: got %v", err)
			}
			s.wantCount(t, "", 0)
			if diff := cmp.Diff(before, below(t, e.dir)); diff != "" {
				t.Errorf("something was written (-before +after):\n%s", diff)
			}
		})
	}
}

func TestFilesRelease_PG5(t *testing.T) {
	t.Parallel()
	s := newSource("url")
	s.files, s.open = true, true
	s.put("@files/p", "1.0.0", text{"a.js": "a", "lib/b.js": "b"})
	e := start(t, one(s))
	for range 3 {
		e.wantBody(t, "/lib/@files/p/1.0.0/a.js", "a")
		e.want(t, "/lib/@files/p/1.0.0/none.js", outcome.NotFound)
	}
	e.wantBody(t, "/lib/@files/p/1.0.0/lib/b.js", "b")
	s.wantCount(t, "file @files/p@1.0.0/none.js", 1)
	s.wantCount(t, "file @files/p@1.0.0/a.js", 1)
	e.wantViewed(t, "@files/p/1.0.0/a.js", "@files/p/1.0.0/lib/b.js")

	// What was fetched once is pinned: other bytes later are an alarm.
	remove(t, e.cache.View()+"/@files/p/1.0.0")
	s.put("@files/p", "1.0.0", text{"a.js": "other", "lib/b.js": "b"})
	e.want(t, "/lib/@files/p/1.0.0/a.js", outcome.Refused)
	if e.count("content-change") == 0 || !strings.Contains(e.log.String(), "other content") {
		t.Errorf("no alarm in %s", e.log)
	}
	e.wantBody(t, "/lib/@files/p/1.0.0/lib/b.js", "b")
	if _, err := e.Flush(t.Context(), "@files/p", spec(t, "1.0.0"), "ops"); err != nil {
		t.Error(err)
	}
	e.wantBody(t, "/lib/@files/p/1.0.0/a.js", "other")
	e.wantNothingStaged(t)
}
