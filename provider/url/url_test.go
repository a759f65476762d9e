package url_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/providertest"
	"github.com/registryd/registryd/provider/url"
)

var (
	_ interface {
		provider.Releaser
		provider.FileOpener
	} = (*url.Provider)(nil)
	_ provider.Versioner = (*url.Lister)(nil)
)

func over(t testing.TB, c url.Config) provider.Provider {
	t.Helper()
	c.Client = providertest.Client(t, fetch.Config{Trusted: c.Trusted()})
	p, err := url.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func widget() providertest.Package {
	return providertest.Package{
		Name: "widget", Version: "1.0.0", Tags: []string{"latest"},
		Files: map[string][]byte{"index.js": []byte("export default 1\n"), "page.html": []byte("<p>"), "x.tgz": {1}, "README.md": []byte("#"), "LICENSE": []byte("MIT")},
	}
}

func TestConformance_PG5(t *testing.T) {
	t.Parallel()
	for _, shape := range []providertest.Shape{"", providertest.Plain, providertest.Tagged, providertest.LikeNPM} {
		t.Run("lists "+string(shape), func(t *testing.T) {
			t.Parallel()
			build := func(t *testing.T, s *providertest.FileServer) provider.Provider {
				c := url.Config{URL: s.Files()}
				if shape != "" {
					c.VersionsURL = s.Lists()
				}
				return over(t, c)
			}
			providertest.Run(t, providertest.Fixture{
				NoTimes: true, Open: true, NoList: shape == "", NoTags: shape == providertest.Plain,
				New: func(t *testing.T, packages []providertest.Package) provider.Provider {
					return build(t, providertest.NewFileServer(t, shape, packages...))
				},
				Failing: func(t *testing.T, packages []providertest.Package) provider.Provider {
					s := providertest.NewFileServer(t, shape, packages...)
					s.Fault(providertest.Any, "", providertest.Status(500))
					return build(t, s)
				},
			})
		})
	}
}

func TestNew_PG5(t *testing.T) {
	t.Parallel()
	client := providertest.Client(t, fetch.Config{})
	const good = "https://files.test/{name}/{version}/{path}"
	for name, tt := range map[string]struct {
		config url.Config
		want   string
	}{
		"no client":               {url.Config{URL: good}, "client"},
		"no template":             {url.Config{Client: client}, "url: "},
		"no path":                 {url.Config{Client: client, URL: "https://files.test/{name}/{version}"}, "{path}"},
		"no version":              {url.Config{Client: client, URL: "https://files.test/{name}/{path}"}, "{version}"},
		"unknown placeholder":     {url.Config{Client: client, URL: good + "{tag}"}, "{tag}"},
		"host by placeholder":     {url.Config{Client: client, URL: "https://{base}.test/{version}/{path}"}, "after the host"},
		"list by version":         {url.Config{Client: client, URL: good, VersionsURL: "https://files.test/{name}/{version}"}, "versions_url: "},
		"list by a broken scheme": {url.Config{Client: client, URL: good, VersionsURL: "files.test/{name}"}, "versions_url: "},
	} {
		if _, err := url.New(tt.config); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	p, err := url.New(url.Config{Client: client, URL: good})
	if _, lists := p.(provider.Versioner); err != nil || lists || p.Name() != "url" {
		t.Errorf("got %v, %v", p, err)
	}
	got := url.Config{URL: good, VersionsURL: "http://Lists.test:81/{name}"}.Trusted()
	if diff := cmp.Diff([]string{"files.test:443", "lists.test:81"}, got); diff != "" || len((url.Config{}).Trusted()) > 0 {
		t.Error(diff)
	}
}

// open reads one file.
func open(ctx context.Context, p provider.Provider, name pkgref.Name, v pkgref.Version, path string) (string, error) {
	rc, err := p.(provider.FileOpener).OpenFile(ctx, &provider.Release{Name: name, Version: v}, path)
	if err != nil {
		return "", err
	}
	b, err := io.ReadAll(rc)
	return string(b), errors.Join(err, rc.Close())
}

func TestURLs_PG5(t *testing.T) {
	t.Parallel()
	s := providertest.NewFileServer(t, "")
	base := "http://" + s.Hosts()[0]
	for _, tt := range []struct{ template, name, want string }{
		{"/{name}/{version}/{path}", "@acme/widget", "/@acme/widget/1.0.0%2Bb/lib/a%20%23%C3%BC.js"},
		{"/{scope}/x/{base}-{version}/{path}", "@acme/widget", "/acme/x/widget-1.0.0%2Bb/lib/a%20%23%C3%BC.js"},
		{"/{base}/v{version}/{path}", "widget", "/widget/v1.0.0%2Bb/lib/a%20%23%C3%BC.js"},
		{"/get?v={version}&p={path}", "widget", "/get"},
	} {
		p := over(t, url.Config{URL: base + tt.template})
		_, err := open(t.Context(), p, pkgref.Name(tt.name), providertest.ParseVersion(t, "1.0.0+b"), "lib/a #ü.js")
		if !errors.Is(err, outcome.NotFound) || s.Count(providertest.Any, tt.want) != 1 {
			t.Errorf("%s: %v, requests %+v", tt.template, err, s.Requests())
		}
	}
	n := s.Count(providertest.Any, "")
	scoped := over(t, url.Config{URL: base + "/{scope}/{version}/{path}", VersionsURL: base + "/{scope}.json"})
	_, err := scoped.(provider.Releaser).Release(t.Context(), "widget", providertest.ParseVersion(t, "1.0.0"))
	_, listErr := scoped.(provider.Versioner).Versions(t.Context(), "widget", "")
	_, openErr := open(t.Context(), scoped, "widget", providertest.ParseVersion(t, "1.0.0"), "x")
	for _, err := range []error{err, listErr, openErr} {
		if !errors.Is(err, outcome.NotFound) {
			t.Errorf("no scope where one is needed: %v", err)
		}
	}
	for _, path := range []string{"", ".", "/x", "../x", "a//b", "a/", "\xff"} {
		if _, err := open(t.Context(), scoped, "@a/b", providertest.ParseVersion(t, "1.0.0"), path); !errors.Is(err, outcome.NotFound) {
			t.Errorf("%q: %v", path, err)
		}
	}
	if s.Count(providertest.Any, "") != n {
		t.Error("something was asked for that cannot be")
	}
}

func TestFailures_F13_F17(t *testing.T) {
	t.Parallel()
	elsewhere := providertest.NewFileServer(t, providertest.Tagged, widget())
	for _, tt := range []struct {
		name        string
		fault       providertest.Fault
		file, lists error
	}{
		{"500", providertest.Status(500), outcome.Unavailable, outcome.Unavailable},
		{"throttled", providertest.Status(429, "Retry-After", "7"), outcome.Busy, outcome.Busy},
		{"forbidden", providertest.Status(403), outcome.Unavailable, outcome.Unavailable},
		{"truncated", providertest.Truncated(), outcome.Unavailable, outcome.Unavailable},
		{"redirect to another host", providertest.Redirect("http://" + elsewhere.Hosts()[0] + "/x"), outcome.Unavailable, outcome.Unavailable},
		{"gone", providertest.Status(410), outcome.NotFound, outcome.NotFound},
		{"html", providertest.HTML(), outcome.Unavailable, outcome.Unavailable},
		{"too much", providertest.Fault{Oversize: 1 << 20}, outcome.Refused, outcome.Refused},
		{"packed on the way", providertest.Fault{Header: http.Header{"Content-Encoding": {"br"}}}, outcome.Unavailable, outcome.Unavailable},
		{"empty object", providertest.Text("{}"), nil, outcome.Unavailable},
		{"empty", providertest.Text(""), nil, outcome.Unavailable},
		{"text", providertest.Text(`"1.0.0"`), nil, outcome.Unavailable},
		{"no versions", providertest.Text("[]"), nil, outcome.NotFound},
		{"no versions either", providertest.Text(`{"versions":{}}`), nil, outcome.NotFound},
		{"versions is text", providertest.Text(`{"versions":"1.0.0"}`), nil, outcome.Unavailable},
		{"another package", providertest.Text(`{"name":"gadget","versions":["1.0.0"]}`), nil, outcome.Unavailable},
		{"two documents", providertest.Text(`["1.0.0"]["1.0.0"]`), nil, outcome.Unavailable},
		{"too many", providertest.Text("[" + strings.Repeat(`"1.0.0",`, 100_000) + `"1.0.0"]`), nil, outcome.Refused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := providertest.NewFileServer(t, providertest.Tagged, widget())
			limit := int64(1 << 16)
			if tt.lists == outcome.Refused && tt.file == nil {
				limit = 1 << 20
			}
			p := over(t, url.Config{URL: s.Files(), VersionsURL: s.Lists(), DocumentLimit: limit, FileLimit: limit})
			s.Fault(providertest.Any, "", tt.fault)
			if _, err := open(t.Context(), p, "widget", providertest.ParseVersion(t, "1.0.0"), "index.js"); !errors.Is(err, tt.file) && (tt.file != nil || limit == 1<<16) {
				t.Errorf("file: got %v, want %v", err, tt.file)
			}
			if _, err := p.(provider.Versioner).Versions(t.Context(), "widget", ""); !errors.Is(err, tt.lists) {
				t.Errorf("list: got %v, want %v", err, tt.lists)
			}
			if _, err := p.(provider.Releaser).Release(t.Context(), "widget", providertest.ParseVersion(t, "1.0.0")); !errors.Is(err, tt.lists) {
				t.Errorf("release: got %v, want %v", err, tt.lists)
			}
		})
	}
}

// What comes is taken as it is where it may be what was asked for.
func TestMisfits_PG5(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		path   string
		header http.Header
		want   error
	}{
		{"index.js", http.Header{"Content-Type": {"text/html; charset=utf-8"}}, outcome.Unavailable},
		{"index.js", http.Header{"Content-Type": {"Text/HTML"}}, outcome.Unavailable},
		{"index.js", http.Header{"Content-Type": {"application/octet-stream"}}, nil},
		{"index.js", http.Header{"Content-Type": {"text/plain"}, "Content-Encoding": {"identity"}}, nil},
		{"index.js", http.Header{"Content-Encoding": {"GZIP"}}, outcome.Unavailable},
		{"page.html", http.Header{"Content-Type": {"text/html"}}, nil},
		{"README.md", http.Header{"Content-Type": {"text/html"}}, nil},
		{"LICENSE", http.Header{"Content-Type": {"text/html"}}, nil},
		{"x.tgz", http.Header{"Content-Encoding": {"x-gzip"}}, nil},
	} {
		s := providertest.NewFileServer(t, "", widget())
		s.Fault(providertest.File, "", providertest.Fault{Header: tt.header})
		_, err := open(t.Context(), over(t, url.Config{URL: s.Files()}), "widget", providertest.ParseVersion(t, "1.0.0"), tt.path)
		if !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("%s with %v: got %v", tt.path, tt.header, err)
		}
	}
}

func TestReleases_PG5(t *testing.T) {
	t.Parallel()
	s := providertest.NewFileServer(t, providertest.LikeNPM, widget())
	assumed, err := over(t, url.Config{URL: s.Files()}).(provider.Releaser).Release(t.Context(), "none", providertest.ParseVersion(t, "9.9.9"))
	if err != nil || !assumed.Files.Open || !assumed.Files.Assumed || s.Count(providertest.Any, "") != 0 {
		t.Errorf("got %+v, %v", assumed, err)
	}
	known, err := over(t, url.Config{URL: s.Files(), VersionsURL: s.Lists()}).(provider.Releaser).Release(t.Context(), "widget", providertest.ParseVersion(t, "1.0.0"))
	if err != nil || !known.Files.Open || known.Files.Assumed || s.Count(providertest.Versions, "/versions/widget.json") != 1 {
		t.Errorf("got %+v, %v", known, err)
	}
}

func TestOddLists_PG5(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ versions, latest string }{
		`["2.0.0","v3","1.0.0",7,{},null,"1.0.0"]`:                                                {"1.0.0 2.0.0", "2.0.0"},
		`{"tags":{"latest":"1.0.0","x":[]},"versions":["1.0.0","2.0.0"],"time":{}}`:               {"1.0.0 2.0.0", "1.0.0"},
		`{"versions":{"1.0.0":null,"x":{},"2.0.0":{"a":[1]}},"dist-tags":{}}`:                     {"1.0.0 2.0.0", "2.0.0"},
		`{"versions":["9.9.9"],"versions":{"1.0.0":1},"name":"widget"}`:                           {"1.0.0", "1.0.0"},
		`{"versions":["1.0.0","2.0.0"],"tags":{"latest":"1.0.0"},"dist-tags":{"latest":"2.0.0"}}`: {"1.0.0 2.0.0", "1.0.0"},
	} {
		s := providertest.NewFileServer(t, providertest.Tagged, widget())
		s.Fault(providertest.Versions, "", providertest.Text(text))
		vs, err := over(t, url.Config{URL: s.Files(), VersionsURL: s.Lists()}).(provider.Versioner).Versions(t.Context(), "widget", "")
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got []string
		for _, l := range vs.List {
			got = append(got, l.Version.String())
		}
		if latest, _ := vs.TagVersion("latest"); strings.Join(got, " ") != want.versions || latest.String() != want.latest {
			t.Errorf("%s: got %q, latest %s", text, got, latest)
		}
	}
}
