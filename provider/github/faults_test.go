package github_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/github"
	"github.com/registryd/registryd/provider/providertest"
)

func TestFailures_PG2(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		fault         providertest.Fault
		list, release error
	}{
		{"internal error", providertest.Status(500), outcome.Unavailable, outcome.Unavailable},
		{"bad credentials", providertest.Status(401), outcome.Unavailable, outcome.Unavailable},
		{"forbidden", providertest.Status(403), outcome.Unavailable, outcome.Unavailable},
		{"blocked for legal reasons", providertest.Status(451), outcome.Unavailable, outcome.Unavailable},
		{"gone", providertest.Status(404), outcome.NotFound, outcome.NotFound},
		{"web page", providertest.HTML(), outcome.Unavailable, outcome.Unavailable},
		{"empty object", providertest.Text("{}"), outcome.Unavailable, outcome.Unavailable},
		{"empty list", providertest.Text("[]"), outcome.NotFound, outcome.Unavailable},
		{"empty body", providertest.Text(""), outcome.Unavailable, outcome.Unavailable},
		{"null", providertest.Text("null"), outcome.Unavailable, outcome.Unavailable},
		{"list of null", providertest.Text("[null]"), outcome.Unavailable, outcome.Unavailable},
		{"list of numbers", providertest.Text("[1]"), outcome.Unavailable, outcome.Unavailable},
		{"entries without a tag", providertest.Text("[{}]"), outcome.Unavailable, outcome.Unavailable},
		{"tag of another type", providertest.Text(`[{"tag_name":1}]`), outcome.Unavailable, outcome.Unavailable},
		{"another release", providertest.Text(`{"tag_name":"v1.0.1"}`), outcome.Unavailable, outcome.Unavailable},
		{"text after the end", providertest.Text(`[{"tag_name":"v1.0.0"}]x`), outcome.Unavailable, outcome.Unavailable},
		{"text after a release", providertest.Text(`{"tag_name":"v1.0.0"}x`), outcome.Unavailable, outcome.Unavailable},
		{"cut off", providertest.Text(`[{"tag_name":"v1.0.0"}`), outcome.Unavailable, outcome.Unavailable},
		{"depth bomb", providertest.Text(`[{"x":` + strings.Repeat("[", 1<<19)), outcome.Unavailable, outcome.Unavailable},
		{"truncated", providertest.Truncated(), outcome.Unavailable, outcome.Unavailable},
		{"beyond the limit", providertest.Text("[" + strings.Repeat(" ", 2<<20)), outcome.Refused, outcome.Refused},
		{"redirect to a private address", providertest.Redirect("http://10.0.0.1/"), outcome.Unavailable, outcome.Unavailable},
		{"redirect to a file", providertest.Redirect("file:///etc/passwd"), outcome.Unavailable, outcome.Unavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := providertest.NewGitHub(t)
			g.Release(t, widget("1.0.0"))
			g.Fault(providertest.Any, "", tt.fault)
			p := over(t, g, func(c *github.Config, _ *fetch.Config) { c.DocumentLimit = 1 << 20 })
			if _, err := p.Versions(t.Context(), "@acme/widget", ""); !errors.Is(err, tt.list) {
				t.Errorf("list: %v", err)
			}
			if _, err := p.Release(t.Context(), "@acme/widget", providertest.ParseVersion(t, "1.0.0")); !errors.Is(err, tt.release) {
				t.Errorf("release: %v", err)
			}
		})
	}
}

// A list may be as long as the limit of documents allows, and one of its
// entries still not make us hold all of that.
func TestHugeEntry(t *testing.T) {
	t.Parallel()
	g := providertest.NewGitHub(t)
	g.Release(t, widget("1.0.0"))
	p := over(t, g, nil)
	filler := strings.Repeat("x", 5<<20)
	g.Fault(providertest.Releases, "", providertest.Text(`[{"tag_name":"v1.0.0","body":"`+filler+`"},{"tag_name":"v1.1.0","body":"`+filler+`"}]`))
	if versions, _ := listed(t, p); versions != "1.0.0 1.1.0" {
		t.Errorf("large entries: %q", versions)
	}
	g.Fault(providertest.Releases, "", providertest.Text(`[{"tag_name":"v1.0.0","body":"`+filler+filler+`"}]`))
	if _, err := p.Versions(t.Context(), "@acme/widget", ""); !errors.Is(err, outcome.Refused) {
		t.Errorf("a huge entry: %v", err)
	}
	g.Fault(providertest.Releases, "", providertest.Text("["+strings.Repeat(`{"tag_name":"x"},`, 2000)+`{"tag_name":"x"}]`))
	if _, err := p.Versions(t.Context(), "@acme/widget", ""); !errors.Is(err, outcome.Refused) {
		t.Errorf("an endless page: %v", err)
	}
}

func TestLaterPageFails_PG2(t *testing.T) {
	t.Parallel()
	g := many(t, 250)
	p := over(t, g, nil)
	f := providertest.Status(500)
	g.Fault(providertest.Releases, "", providertest.Fault{Times: 1, Rewrite: func(b []byte) []byte { return b }})
	remove := g.Fault(providertest.Releases, "", f)
	if _, err := p.Versions(t.Context(), "@acme/widget", ""); !errors.Is(err, outcome.Unavailable) {
		t.Errorf("got %v", err)
	}
	remove()
	if _, vs := listed(t, p); len(vs.List) != 250 {
		t.Errorf("half a list was kept: %d versions", len(vs.List))
	}
}

func TestNothingTagged_PG2(t *testing.T) {
	t.Parallel()
	g := providertest.NewGitHub(t)
	g.Create("@acme/widget")
	for _, change := range []func(*github.Config, *fetch.Config){nil, plainTags} {
		p := over(t, g, change)
		if _, err := p.Versions(t.Context(), "@acme/widget", ""); !errors.Is(err, outcome.NotFound) {
			t.Errorf("list: %v", err)
		}
		// A repository without a commit answers 409 here.
		if _, err := p.Release(t.Context(), "@acme/widget", providertest.ParseVersion(t, "1.0.0")); !errors.Is(err, outcome.NotFound) {
			t.Errorf("release: %v", err)
		}
	}
}

func TestUnreachable_PG2(t *testing.T) {
	t.Parallel()
	g := providertest.NewGitHub(t)
	g.Release(t, widget("1.0.0"))
	p := over(t, g, nil)
	g.Close()
	if _, err := p.Versions(t.Context(), "@acme/widget", ""); !errors.Is(err, outcome.Unavailable) {
		t.Errorf("got %v", err)
	}
}

func TestHang_PG2(t *testing.T) {
	t.Parallel()
	g := providertest.NewGitHub(t)
	g.Release(t, widget("1.0.0"))
	g.Fault(providertest.Any, "", providertest.Hang(make(chan struct{})))
	p := over(t, g, func(_ *github.Config, f *fetch.Config) { f.HeaderTimeout = 30 * time.Millisecond })
	if _, err := p.Versions(t.Context(), "@acme/widget", ""); !errors.Is(err, outcome.TooSlow) {
		t.Errorf("list: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { g.Await(providertest.ReleaseByTag, 1); cancel() }()
	if _, err := over(t, g, nil).Release(ctx, "@acme/widget", providertest.ParseVersion(t, "1.0.0")); !errors.Is(err, context.Canceled) {
		t.Errorf("release: %v", err)
	}
}

func TestTarballFaults_PG2(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		kind  providertest.Kind
		fault providertest.Fault
		want  error
	}{
		{"truncated", providertest.Download, providertest.Truncated(), outcome.Unavailable},
		{"gone", providertest.Download, providertest.Status(404), outcome.NotFound},
		{"gone from the API", providertest.Tarball, providertest.Status(404), outcome.NotFound},
		{"forbidden", providertest.Download, providertest.Status(403), outcome.Unavailable},
		{"oversize", providertest.Download, providertest.Fault{Oversize: 1 << 20}, outcome.Refused},
		{"stalled", providertest.Download, providertest.Fault{Stall: make(chan struct{})}, outcome.TooSlow},
		{"redirect to a private address", providertest.Tarball, providertest.Redirect("http://169.254.169.254/x"), outcome.Unavailable},
		{"throttled", providertest.Download, providertest.SecondaryLimit(429, "Retry-After", "7"), outcome.Busy},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := providertest.NewGitHub(t)
			g.Release(t, widget("1.0.0"))
			g.Fault(tt.kind, "", tt.fault)
			p := over(t, g, func(c *github.Config, f *fetch.Config) {
				c.ArchiveLimit = 1 << 20
				if tt.fault.Stall != nil {
					f.StallTimeout = time.Second // the requests before it must not stall on a busy machine
				}
			})
			r, err := p.Release(t.Context(), "@acme/widget", providertest.ParseVersion(t, "1.0.0"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := readArchive(t, p, r); !errors.Is(err, tt.want) {
				t.Errorf("got %v", err)
			}
			// Whatever befalls the host of tarballs, the API is another one.
			if _, err := p.Versions(t.Context(), "@acme/widget", ""); err != nil {
				t.Errorf("list: %v", err)
			}
		})
	}
}

// The URL of a tarball may come from a list on disk: it decides on nothing but
// the spelling of the version's tag.
func TestTarballIsOfItsTag(t *testing.T) {
	t.Parallel()
	g := providertest.NewGitHub(t)
	g.Release(t, widget("1.0.0"))
	g.Release(t, widget("2.0.0"))
	p := over(t, g, nil)
	for _, url := range []string{"", "v1.0.0", "refs/tags/v2.0.0", "refs/heads/v1.0.0", "refs/tags/../../x", g.URL() + "/repos/acme/widget/tarball/v1.0.0", "http://evil.test/"} {
		r := &provider.Release{Name: "@acme/widget", Version: providertest.ParseVersion(t, "1.0.0"), Archive: &provider.Archive{URL: url}}
		if _, err := readArchive(t, p, r); !errors.Is(err, outcome.Unavailable) {
			t.Errorf("%q: %v", url, err)
		}
	}
	if _, err := p.OpenArchive(t.Context(), &provider.Release{Name: "@acme/widget"}); !errors.Is(err, outcome.Unavailable) {
		t.Errorf("no archive: %v", err)
	}
	if n := g.Count(providertest.Any); n != 0 {
		t.Errorf("%d requests", n)
	}
}
