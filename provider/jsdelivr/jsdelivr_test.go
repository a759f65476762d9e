package jsdelivr_test

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
	"github.com/registryd/registryd/provider/jsdelivr"
	"github.com/registryd/registryd/provider/providertest"
)

var _ interface {
	provider.Versioner
	provider.Releaser
	provider.FileOpener
} = (*jsdelivr.Provider)(nil)

func TestConformance_PG3(t *testing.T) {
	t.Parallel()
	for source, change := range map[string]func(*jsdelivr.Config){"npm": nil, "gh": fromGitHub} {
		t.Run(source, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, providertest.Fixture{
				NoTimes: true,
				NoTags:  source == "gh",
				New: func(t *testing.T, packages []providertest.Package) provider.Provider {
					return over(t, providertest.NewJSDelivr(t, source, packages...), change)
				},
				Failing: func(t *testing.T, packages []providertest.Package) provider.Provider {
					j := providertest.NewJSDelivr(t, source, packages...)
					j.Fault(providertest.Any, "", providertest.Status(500))
					return over(t, j, change)
				},
			})
		})
	}
}

func TestNew_PG3(t *testing.T) {
	t.Parallel()
	client := providertest.Client(t, fetch.Config{})
	for name, c := range map[string]jsdelivr.Config{
		"no client": {}, "source": {Client: client, Source: "bower"}, "scheme": {Client: client, API: "ftp://h.test"},
		"no host": {Client: client, CDN: "https:///x"}, "password": {Client: client, CDN: "https://u:p@h.test"},
		"query": {Client: client, API: "https://h.test/?x"}, "no URL": {Client: client, API: "%"},
	} {
		if _, err := jsdelivr.New(c); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	p, err := jsdelivr.New(jsdelivr.Config{Client: client})
	if err != nil || p.Name() != "jsdelivr" {
		t.Errorf("got %v, %v", p, err)
	}
	got := jsdelivr.Config{API: "http://Data.test", CDN: "https://cdn.test:8443/x"}.Trusted()
	if diff := cmp.Diff([]string{"data.test:80", "cdn.test:8443"}, got); diff != "" || len((jsdelivr.Config{}).Trusted()) > 0 {
		t.Error(diff)
	}
}

func TestPaths_PG3(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		source, name, list, file string
	}{
		{"npm", "@acme/widget", "/v1/packages/npm/@acme/widget@1.0.0%2Bb.1", "/npm/@acme/widget@1.0.0%2Bb.1/dist/a%20b%2Bc.js"},
		{"npm", "JSON.x", "/v1/packages/npm/JSON.x@1.0.0%2Bb.1", "/npm/JSON.x@1.0.0%2Bb.1/dist/a%20b%2Bc.js"},
		{"gh", "@acme/widget", "/v1/packages/gh/acme/widget@1.0.0%2Bb.1", "/gh/acme/widget@1.0.0%2Bb.1/dist/a%20b%2Bc.js"},
	} {
		w := widget()
		w.Name, w.Version = tt.name, "1.0.0+b.1"
		j := providertest.NewJSDelivr(t, tt.source, w)
		p := over(t, j, func(c *jsdelivr.Config) { c.Source = tt.source })
		r, err := p.Release(t.Context(), pkgref.Name(tt.name), providertest.ParseVersion(t, "1.0.0+b.1"))
		if err != nil {
			t.Errorf("%s: %v", tt.list, err)
			continue
		}
		rc, err := p.OpenFile(t.Context(), r, "dist/a b+c.js")
		if err != nil {
			t.Errorf("%s: %v", tt.file, err)
			continue
		}
		rc.Close()
		if j.Count(providertest.FileList, tt.list) != 1 || j.Count(providertest.File, tt.file) != 1 || j.Count(providertest.Any, "") != 2 {
			t.Errorf("requests %+v", j.Requests())
		}
		for _, q := range j.Requests() {
			if q.Header.Get("User-Agent") == "" || q.Header.Get("Authorization") != "" {
				t.Errorf("header %v", q.Header)
			}
		}
	}
}

func TestRepositories_PG3(t *testing.T) {
	t.Parallel()
	w := widget()
	w.Name = "@Acme/Widget"
	j := providertest.NewJSDelivr(t, "gh", w)
	j.Add(providertest.Package{Name: "@acme/old", Version: "release-5"})
	p := over(t, j, fromGitHub)
	if _, err := p.Versions(t.Context(), "widget", ""); !errors.Is(err, outcome.NotFound) {
		t.Errorf("a name that is no repository: %v", err)
	}
	if _, err := p.Release(t.Context(), "widget", providertest.ParseVersion(t, "1.0.0")); !errors.Is(err, outcome.NotFound) {
		t.Errorf("a name that is no repository: %v", err)
	}
	if _, err := p.OpenFile(t.Context(), &provider.Release{Name: "widget", Version: providertest.ParseVersion(t, "1.0.0")}, "x"); !errors.Is(err, outcome.NotFound) {
		t.Errorf("a name that is no repository: %v", err)
	}
	if n := j.Count(providertest.Any, ""); n != 0 {
		t.Errorf("%d requests for names that cannot be", n)
	}
	j.Fault(providertest.Document, "", providertest.Fault{Rewrite: func(b []byte) []byte {
		b = []byte(strings.ReplaceAll(string(b), `"name":"acme/widget"`, `"name":"Acme/Widget"`))
		return []byte(strings.ReplaceAll(string(b), `"tags":{}`, `"tags":[]`))
	}})
	if vs, err := p.Versions(t.Context(), "@acme/widget", ""); err != nil || len(vs.List) != 1 {
		t.Errorf("spelled otherwise: %+v, %v", vs, err)
	}
	if _, err := p.Versions(t.Context(), "@acme/old", ""); !errors.Is(err, outcome.NotFound) {
		t.Errorf("no tag that is a version: %v", err)
	}
}

func TestTooLarge_PG3_PC2(t *testing.T) {
	t.Parallel()
	j := providertest.NewJSDelivr(t, "npm", widget())
	j.TooLarge("widget")
	p := over(t, j, nil)
	v := providertest.ParseVersion(t, "1.0.0")
	if _, err := p.Release(t.Context(), "widget", v); !errors.Is(err, outcome.NotFound) || !strings.Contains(err.Error(), "size limit") {
		t.Errorf("got %v", err)
	}
	if _, err := p.Versions(t.Context(), "widget", ""); err != nil {
		t.Errorf("its versions are known all the same: %v", err)
	}
	// Any other 403 speaks of us, or of something in between.
	j.Fault(providertest.FileList, "", providertest.Status(403))
	if _, err := p.Release(t.Context(), "widget", v); !errors.Is(err, outcome.Unavailable) || errors.Is(err, outcome.NotFound) {
		t.Errorf("got %v", err)
	}
	// On the CDN it contradicts the list.
	if _, err := p.OpenFile(t.Context(), &provider.Release{Name: "widget", Version: v}, "index.js"); !errors.Is(err, outcome.Unavailable) {
		t.Errorf("got %v", err)
	}
}

func TestFailures_F13_F17(t *testing.T) {
	t.Parallel()
	elsewhere := providertest.NewJSDelivr(t, "npm", widget())
	for _, tt := range []struct {
		name  string
		fault providertest.Fault
		want  error
		file  error // of a file, where it differs
	}{
		{"500", providertest.Status(500), outcome.Unavailable, nil},
		{"throttled", providertest.Status(429, "Retry-After", "7"), outcome.Busy, nil},
		{"not now", providertest.Status(503, "Retry-After", "7"), outcome.Busy, nil},
		{"truncated", providertest.Truncated(), outcome.Unavailable, nil},
		{"redirect to another host", providertest.Redirect(elsewhere.API()), outcome.Unavailable, nil},
		{"gone", providertest.Status(410), outcome.NotFound, nil},
		{"html", providertest.HTML(), outcome.Unavailable, errAnswer},
		{"empty object", providertest.Text("{}"), outcome.Unavailable, errAnswer},
		{"empty", providertest.Text(""), outcome.Unavailable, errAnswer},
		{"array", providertest.Text("[]"), outcome.Unavailable, errAnswer},
		{"error as 200", providertest.Text(`{"status":404,"message":"Couldn't find widget@1.0.0."}`), outcome.Unavailable, errAnswer},
		{"another package", rewrite(`"name":"widget"`, `"name":"gadget"`), outcome.Unavailable, errAnswer},
		{"another source", rewrite(`"type":"npm"`, `"type":"gh"`), outcome.Unavailable, errAnswer},
		{"too much", providertest.Fault{Oversize: 1 << 20}, outcome.Refused, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for kind, ask := range calls() {
				j := providertest.NewJSDelivr(t, "npm", widget())
				j.Fault(kind, "", tt.fault)
				p := over(t, j, func(c *jsdelivr.Config) { c.DocumentLimit, c.FileLimit = 1<<16, 1<<16 })
				want := tt.want
				if kind == providertest.File && tt.file != nil {
					want = nil // bytes are bytes: the digest tells
				}
				if err := ask(t.Context(), p); !errors.Is(err, want) {
					t.Errorf("%s: got %v, want %v", kind, err, want)
				}
			}
		})
	}
}

// errAnswer marks answers that can only be told by their digest.
var errAnswer = errors.New("an answer")

func rewrite(from, to string) providertest.Fault {
	return providertest.Fault{Rewrite: func(b []byte) []byte { return []byte(strings.ReplaceAll(string(b), from, to)) }}
}

// calls are the requests that a provider makes, by their kind.
func calls() map[providertest.Kind]func(context.Context, *jsdelivr.Provider) error {
	v, _ := pkgref.ParseVersion("1.0.0")
	return map[providertest.Kind]func(context.Context, *jsdelivr.Provider) error{
		providertest.Document: func(ctx context.Context, p *jsdelivr.Provider) error {
			_, err := p.Versions(ctx, "widget", "")
			return err
		},
		providertest.FileList: func(ctx context.Context, p *jsdelivr.Provider) error {
			_, err := p.Release(ctx, "widget", v)
			return err
		},
		providertest.File: func(ctx context.Context, p *jsdelivr.Provider) error {
			rc, err := p.OpenFile(ctx, &provider.Release{Name: "widget", Version: v}, "index.js")
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, rc)
			return errors.Join(err, rc.Close())
		},
	}
}

func TestNotModified_PC7(t *testing.T) {
	t.Parallel()
	j := providertest.NewJSDelivr(t, "npm", widget())
	p := over(t, j, nil)
	vs, err := p.Versions(t.Context(), "widget", "")
	if err != nil || vs.Validator == "" {
		t.Fatalf("got %+v, %v", vs, err)
	}
	if _, err := p.Versions(t.Context(), "widget", vs.Validator); !errors.Is(err, provider.ErrNotModified) {
		t.Errorf("got %v", err)
	}
	if got := j.Requests()[1].Header; got.Get("If-None-Match") != vs.Validator || got.Get("Accept-Encoding") != "gzip" {
		t.Errorf("header %v", got)
	}
}

func TestOddVersions_PG3(t *testing.T) {
	t.Parallel()
	j := providertest.NewJSDelivr(t, "npm", widget())
	p := over(t, j, nil)
	j.Fault(providertest.Document, "", providertest.Text(`{"type":"npm","name":"widget","tags":{"latest":"2.0.0","":"1.0.0","x":{},"y":null},
		"versions":[{"version":"2.0.0","links":{"self":"x"}},{"version":"v3"},{"version":""},{},{"version":"1.0.0"},{"version":"2.0.0"},{"version":"10.0.0-a+b"}],"other":[[]]}`))
	vs, err := p.Versions(t.Context(), "widget", "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range vs.List {
		got = append(got, l.Version.String())
	}
	if diff := cmp.Diff([]string{"1.0.0", "2.0.0", "10.0.0-a+b"}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"latest": "2.0.0"}, vs.Tags); diff != "" {
		t.Error(diff)
	}
	for text, want := range map[string]error{
		`{"type":"npm","name":"widget","versions":[]}`:        outcome.NotFound,
		`{"type":"npm","name":"widget","versions":["1.0.0"]}`: outcome.Unavailable,
		`{"type":"npm","name":"widget","versions":{}}`:        outcome.Unavailable,
		`{"type":"npm","name":"widget","tags":{}}`:            outcome.Unavailable,
	} {
		j.Fault(providertest.Document, "", providertest.Text(text))
		if _, err := p.Versions(t.Context(), "widget", ""); !errors.Is(err, want) {
			t.Errorf("%s: got %v", text, err)
		}
	}
	many := `{"type":"npm","name":"widget","versions":[` + strings.Repeat(`{"version":"1.0.0"},`, 100_000) + `{"version":"1.0.0"}]}`
	j.Fault(providertest.Document, "", providertest.Text(many))
	if _, err := p.Versions(t.Context(), "widget", ""); !errors.Is(err, outcome.Refused) {
		t.Errorf("100,001 versions: %v", err)
	}
}

func TestOddPathsOfFiles_PG3(t *testing.T) {
	t.Parallel()
	j := providertest.NewJSDelivr(t, "npm", widget())
	p := over(t, j, nil)
	for _, path := range []string{"", ".", "/index.js", "../widget@1.0.0/index.js", "a//b", "a/", "\xff"} {
		if _, err := p.OpenFile(t.Context(), &provider.Release{Name: "widget", Version: providertest.ParseVersion(t, "1.0.0")}, path); !errors.Is(err, outcome.NotFound) {
			t.Errorf("%q: got %v", path, err)
		}
	}
	if n := j.Count(providertest.Any, ""); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestBytesAreThoseOnTheWire_PG3(t *testing.T) {
	t.Parallel()
	j := providertest.NewJSDelivr(t, "npm", widget())
	j.Fault(providertest.File, "", providertest.Fault{Header: http.Header{"Content-Encoding": {"gzip"}}})
	rc, err := over(t, j, nil).OpenFile(t.Context(), &provider.Release{Name: "widget", Version: providertest.ParseVersion(t, "1.0.0")}, "index.js")
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if got, err := io.ReadAll(rc); string(got) != "export default 1\n" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func BenchmarkRelease(b *testing.B) {
	big := providertest.Generate("big", "1.0.0", 5000, 1)
	p := over(b, providertest.NewJSDelivr(b, "npm", big), nil)
	v := providertest.ParseVersion(b, "1.0.0")
	b.ReportAllocs()
	for b.Loop() {
		if r, err := p.Release(b.Context(), "big", v); err != nil || len(r.Files.List) != 5001 {
			b.Fatal(err)
		}
	}
}
