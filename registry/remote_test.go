package registry_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/jsdelivr"
	"github.com/registryd/registryd/provider/providertest"
	urlprovider "github.com/registryd/registryd/provider/url"
)

// guarded returns a client that may ask the hosts.
func guarded(tb testing.TB, hosts ...string) *fetch.Client {
	tb.Helper()
	client, err := fetch.New(fetch.Config{Trusted: hosts, Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(client.CloseIdle)
	return client
}

func overJSDelivr(tb testing.TB, j *providertest.JSDelivr) provider.Provider {
	tb.Helper()
	p, err := jsdelivr.New(jsdelivr.Config{API: j.API(), CDN: j.CDN(), Client: guarded(tb, j.Hosts()...)})
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func overFiles(tb testing.TB, s *providertest.FileServer, lists bool) provider.Provider {
	tb.Helper()
	c := urlprovider.Config{URL: s.Files(), Client: guarded(tb, s.Hosts()...)}
	if lists {
		c.VersionsURL = s.Lists()
	}
	p, err := urlprovider.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func TestJSDelivrCostsOneListAndOneFile_PG3(t *testing.T) {
	t.Parallel()
	big := providertest.Generate("big", "1.0.0", 900, 2000)
	j := providertest.NewJSDelivr(t, "npm", big)
	e := start(t, one(overJSDelivr(t, j)))
	want := string(big.Files["lib/d07/f00007.js"])
	for range 3 {
		e.wantBody(t, "/lib/big/1.0.0/lib/d07/f00007.js", want)
		e.want(t, "/lib/big/1.0.0/none.js", outcome.NotFound)
	}
	for kind, want := range map[providertest.Kind]int{providertest.FileList: 1, providertest.File: 1, providertest.Any: 2} {
		if got := j.Count(kind, ""); got != want {
			t.Errorf("%d requests of kind %q, want %d", got, kind, want)
		}
	}
	// What there is, with digests, is known without another request.
	a, err := e.Describe(t.Context(), parse(t, "/lib/big/1.0.0/"))
	if err != nil || len(a.Listing.Manifest.Files()) != 901 || a.Listing.Manifest.Files()[5].SHA256.IsZero() {
		t.Errorf("got %+v, %v", a, err)
	}
	e.wantRedirect(t, "/lib/big/^1.0.0/package.json", "/lib/big/1.0.0/package.json")
	e.wantViewed(t, "big/1.0.0/lib/d07/f00007.js")
	if j.Count(providertest.Any, "") != 3 || j.Count(providertest.Document, "") != 1 {
		t.Errorf("%d requests after a range", j.Count(providertest.Any, ""))
	}
}

// small is a package of a few files, one of which is there twice.
func small() providertest.Package {
	return providertest.Package{Name: "p", Version: "1.0.0", Files: map[string][]byte{
		"a.js": []byte("plain"), "a.js.gz": []byte("not the same"), "b.js": bytes.Repeat([]byte("b"), 5000),
	}}
}

func TestFaultsOfListedFiles_PG3_F15_F16(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fault providertest.Fault
		want  error
	}{
		{"not on the CDN", providertest.Status(404), outcome.Unavailable},
		{"too large for the CDN", providertest.Status(403), outcome.Unavailable},
		{"500", providertest.Status(500), outcome.Unavailable},
		{"throttled", providertest.Status(429), outcome.Busy},
		{"truncated", providertest.Truncated(), outcome.Unavailable},
		{"another server", providertest.Redirect("http://127.0.0.1:9/"), outcome.Unavailable},
		{"wrong bytes", providertest.Corrupt(), outcome.Refused},
		{"html", providertest.HTML(), outcome.Refused},
		{"empty", providertest.Text(""), outcome.Refused},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			j := providertest.NewJSDelivr(t, "npm", small())
			e := start(t, one(overJSDelivr(t, j)))
			e.wantBody(t, "/lib/p/1.0.0/a.js", "plain")
			heal := j.Fault(providertest.File, "", tt.fault)
			for range 2 {
				if err := e.want(t, "/lib/p/1.0.0/b.js", tt.want); errors.Is(err, outcome.NotFound) {
					t.Errorf("taken for absent: %v", err)
				}
			}
			e.wantViewed(t, "p/1.0.0/a.js")
			e.wantNothingStaged(t)
			heal()
			if tt.want == outcome.Refused {
				// Remembered as refused, so that bad bytes are not fetched for each request.
				e.want(t, "/lib/p/1.0.0/b.js", outcome.Refused)
				if _, err := e.Flush(t.Context(), "p", spec(t, "1.0.0"), "ops"); err != nil {
					t.Error(err)
				}
			}
			e.wantBody(t, "/lib/p/1.0.0/b.js", string(small().Files["b.js"]))
		})
	}
}

func TestShippedByJSDelivr_PH4(t *testing.T) {
	t.Parallel()
	j := providertest.NewJSDelivr(t, "npm", small())
	e := start(t, one(overJSDelivr(t, j)))
	e.wantBody(t, "/lib/p/1.0.0/a.js.gz", "not the same")
	e.wantBody(t, "/lib/p/1.0.0/a.js", "plain")
	e.wantBody(t, "/lib/p/1.0.0/a.js.gz", "not the same")
	e.wantViewed(t, "p/1.0.0/a.js")
}

// What jsDelivr does not carry, the next provider may.
func TestTooLargeForJSDelivr_PG3_PC2(t *testing.T) {
	t.Parallel()
	j := providertest.NewJSDelivr(t, "npm", small())
	j.TooLarge("p")
	next := newSource("npm").put("p", "1.0.0", text{"a.js": "from the next"})
	e := start(t, setup{providers: []provider.Provider{overJSDelivr(t, j), next}})
	e.wantBody(t, "/lib/p/1.0.0/a.js", "from the next")
}

func TestHostileListIsNotKept_PG3(t *testing.T) {
	t.Parallel()
	j := providertest.NewJSDelivr(t, "npm", small())
	j.Fault(providertest.FileList, "", providertest.Fault{Rewrite: func(b []byte) []byte { return bytes.Replace(b, []byte("/b.js"), []byte("/../b.js"), 1) }})
	e := start(t, one(overJSDelivr(t, j)))
	before := below(t, e.dir)
	for range 3 {
		e.want(t, "/lib/p/1.0.0/a.js", outcome.Refused)
	}
	if diff := cmp.Diff(before, below(t, e.dir)); diff != "" || j.Count(providertest.Any, "") != 1 {
		t.Errorf("%d requests; the data directory (-before +after):\n%s", j.Count(providertest.Any, ""), diff)
	}
}

func TestURLTemplate_PG5(t *testing.T) {
	t.Parallel()
	s := providertest.NewFileServer(t, providertest.Tagged, small())
	e := start(t, one(overFiles(t, s, false)))
	e.wantBody(t, "/lib/p/1.0.0/a.js", "plain")
	before := below(t, e.dir)
	for i := range 100 {
		e.want(t, fmt.Sprintf("/lib/random-%x/1.0.0/a.js", i*2654435761), outcome.NotFound)
		e.want(t, "/lib/p/1.0.0/none.js", outcome.NotFound)
		e.want(t, "/lib/p/2.0.0/a.js", outcome.NotFound)
	}
	if diff := cmp.Diff(before, below(t, e.dir)); diff != "" {
		t.Errorf("the data directory changed (-before +after):\n%s", diff)
	}
	if n := s.Count(providertest.Any, ""); n != 103 {
		t.Errorf("%d requests", n)
	}
	for _, path := range []string{"/lib/p/^1.0.0/a.js", "/lib/p/latest/a.js", "/lib/p/main/a.js"} {
		e.want(t, path, outcome.NotFound) // exact versions only
	}
}

func TestURLTemplateWithLists_PG5(t *testing.T) {
	t.Parallel()
	newer := small()
	newer.Version, newer.Tags = "1.1.0", []string{"latest"}
	s := providertest.NewFileServer(t, providertest.LikeNPM, small(), newer)
	next := newSource("npm").versionsOf("p", "9.0.0")
	e := start(t, setup{providers: []provider.Provider{overFiles(t, s, true), next}})
	e.wantRedirect(t, "/lib/p/^1.0.0/a.js", "/lib/p/1.1.0/a.js")
	e.wantBody(t, "/lib/p/main/a.js", "plain")
	e.wantBody(t, "/lib/p/9.0.0/index.js", "npm 9.0.0")
	e.want(t, "/lib/p/2.0.0/a.js", outcome.NotFound)
	if got := e.viewed(t); !slices.Contains(got, "p/1.1.0/a.js") || !slices.Contains(got, "p/main") {
		t.Errorf("the view holds %q", got)
	}
}
