package providertest_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/provider/providertest"
)

// get asks the registry without following redirects.
func get(t testing.TB, url string, header ...string) (*http.Response, []byte, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	c := http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := c.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, b, err
}

func members(t testing.TB, tarball []byte) []string {
	t.Helper()
	zr, err := gzip.NewReader(bytes.NewReader(tarball))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	got := providertest.Load(t, os.DirFS("testdata"))
	want := []providertest.Package{{
		Name: "@acme/tool", Version: "1.2.0",
		Files: map[string][]byte{
			"package.json": []byte("{\"name\": \"@acme/tool\", \"version\": \"1.2.0\"}\n"),
			"lib/a.js":     []byte("export const a = 1\n"),
		},
		Published: time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC),
		Tags:      []string{"latest", "next"},
		Root:      "tool-src",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, file := range []string{"x.txtar", "@x.txtar"} {
		if _, err := providertest.Parse(file, nil); err == nil {
			t.Errorf("%s was accepted", file)
		}
	}
	if _, err := providertest.Parse("x@1.0.0.txtar", []byte("published: never\n")); err == nil {
		t.Error("a broken date was accepted")
	}
}

func TestArchiveIsBuiltAlike(t *testing.T) {
	t.Parallel()
	p := providertest.Generate("big", "1.0.0", 60, 100)
	p.Extra = []providertest.Member{{Header: tar.Header{Name: "../evil", Typeflag: tar.TypeSymlink, Linkname: "/etc"}}}
	a, err := p.Archive()
	if err != nil {
		t.Fatal(err)
	}
	again := providertest.Generate("big", "1.0.0", 60, 100)
	again.Extra = p.Extra
	if b, err := again.Archive(); err != nil || !bytes.Equal(a, b) {
		t.Errorf("another archive: %v", err)
	}
	names := members(t, a)
	if len(names) != 62 || names[0] != "package/lib/d00/f00000.js" || names[61] != "../evil" {
		t.Errorf("members %q", names)
	}
}

func TestRegistryServesPackages(t *testing.T) {
	t.Parallel()
	g := providertest.NewRegistry(t, providertest.Load(t, os.DirFS("testdata"))...)
	g.Add(t, providertest.Package{Name: "@acme/tool", Version: "1.3.0+b", Tags: []string{"next"}})
	var doc struct {
		Name     string
		DistTags map[string]string `json:"dist-tags"`
		Time     map[string]time.Time
		Versions map[string]struct {
			Dist struct{ Tarball, Integrity, Shasum string }
		}
	}
	resp, body, err := get(t, g.URL()+"/@acme%2ftool")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"latest": "1.2.0", "next": "1.3.0+b"}, doc.DistTags); diff != "" || doc.Name != "@acme/tool" {
		t.Error(diff)
	}
	if doc.Time["1.2.0"].Year() != 2024 || len(doc.Versions) != 2 {
		t.Errorf("document %s", body)
	}
	for v, d := range doc.Versions {
		_, tarball, err := get(t, d.Dist.Tarball)
		sum := sha512.Sum512(tarball)
		if err != nil || d.Dist.Integrity != "sha512-"+base64.StdEncoding.EncodeToString(sum[:]) || len(d.Dist.Shasum) != 40 {
			t.Errorf("%s: %+v, %v", v, d, err)
		}
	}
	for path, want := range map[string]int{
		"/@acme/tool": 200, "/@acme%2Ftool/1.3.0%2Bb": 200, "/@acme/tool/1.2.0": 200,
		"/@acme%2ftool/1.3.0": 404, "/none": 404, "/a/b/c/d": 404,
	} {
		if resp, _, err := get(t, g.URL()+path); err != nil || resp.StatusCode != want {
			t.Errorf("%s: got %v, %v", path, resp, err)
		}
	}
	held, _, err := get(t, g.URL()+"/@acme%2ftool", "If-None-Match", resp.Header.Get("ETag"))
	if err != nil || held.StatusCode != http.StatusNotModified {
		t.Errorf("revalidation: %v, %v", held, err)
	}
	packed, b, err := get(t, g.URL()+"/@acme%2ftool", "Accept-Encoding", "gzip")
	if err != nil || packed.Header.Get("Content-Encoding") != "gzip" || bytes.Equal(b, body) {
		t.Errorf("compressed: %v, %v", packed, err)
	}
	g.Remove("@acme/tool", "1.2.0")
	if resp, _, _ := get(t, g.URL()+"/@acme%2ftool/1.2.0"); resp.StatusCode != 404 {
		t.Error("a removed version is still there")
	}
	g.Remove("@acme/tool", "")
	if resp, _, _ := get(t, g.URL()+"/@acme%2ftool"); resp.StatusCode != 404 {
		t.Error("a removed package is still there")
	}
}

func TestRegistryCounts(t *testing.T) {
	t.Parallel()
	g := providertest.NewRegistry(t, providertest.Package{Name: "p", Version: "1.0.0"})
	done := make(chan struct{})
	go func() {
		g.Await(providertest.Tarball, "", 1)
		close(done)
	}()
	for _, path := range []string{"/p", "/p", "/p/1.0.0", "/p/-/p-1.0.0.tgz", "/a/b/c"} {
		_, _, _ = get(t, g.URL()+path, "X-Test", path)
	}
	<-done
	for _, c := range []struct {
		kind providertest.Kind
		path string
		want int
	}{
		{providertest.Any, "", 5},
		{providertest.Document, "", 2},
		{providertest.Document, "/p", 2},
		{providertest.Version, "/p", 0},
		{providertest.Version, "", 1},
		{providertest.Tarball, "/p/-/p-1.0.0.tgz", 1},
		{providertest.Other, "", 1},
	} {
		if got := g.Count(c.kind, c.path); got != c.want {
			t.Errorf("%s %s: got %d", c.kind, c.path, got)
		}
	}
	if r := g.Requests()[2]; r.Kind != providertest.Version || r.Path != "/p/1.0.0" || r.Header.Get("X-Test") != "/p/1.0.0" {
		t.Errorf("third request %+v", r)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	g := providertest.NewRegistry(t, providertest.Package{Name: "p", Version: "1.0.0"})
	_, whole, err := get(t, g.URL()+"/p")
	if err != nil {
		t.Fatal(err)
	}
	open := make(chan struct{})
	close(open)
	for _, tt := range []struct {
		name   string
		fault  providertest.Fault
		status int
		body   []byte // nil: the ordinary one
		cut    bool
	}{
		{"status", providertest.Status(503, "Retry-After", "7"), 503, []byte("Service Unavailable"), false},
		{"no content", providertest.Fault{Status: 204}, 204, []byte{}, false},
		{"text", providertest.Text("{}"), 200, []byte("{}"), false},
		{"redirect", providertest.Redirect("http://other.test/"), 302, []byte("<a href=\"http://other.test/\">Found</a>.\n\n"), false},
		{"truncated", providertest.Truncated(), 200, whole[:len(whole)/2], true},
		{"oversize", providertest.Fault{Oversize: 3}, 200, append(bytes.Clone(whole), "   "...), false},
		{"released", providertest.Hang(open), 200, nil, false},
		{"stall released", providertest.Fault{Stall: open}, 200, nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			remove := g.Fault(providertest.Document, "/p", tt.fault)
			defer remove()
			resp, body, err := get(t, g.URL()+"/p")
			want := tt.body
			if want == nil {
				want = whole
			}
			if resp == nil || resp.StatusCode != tt.status || !bytes.Equal(body, want) || (err != nil) != tt.cut {
				t.Errorf("got %v, %q, %v", resp, body, err)
			}
		})
	}
	t.Run("corrupt", func(t *testing.T) {
		defer g.Fault(providertest.Any, "", providertest.Corrupt())()
		if _, body, err := get(t, g.URL()+"/p"); err != nil || bytes.Equal(body, whole) || len(body) != len(whole) {
			t.Errorf("got %q, %v", body, err)
		}
	})
	t.Run("twice, then no more", func(t *testing.T) {
		f := providertest.Status(500)
		f.Times = 2
		g.Fault(providertest.Document, "", f)
		for _, want := range []int{500, 500, 200} {
			if resp, _, _ := get(t, g.URL()+"/p"); resp.StatusCode != want {
				t.Errorf("got %d, want %d", resp.StatusCode, want)
			}
		}
	})
	t.Run("elsewhere", func(t *testing.T) {
		defer g.Fault(providertest.Tarball, "", providertest.Status(500))()
		if resp, _, _ := get(t, g.URL()+"/p"); resp.StatusCode != 200 {
			t.Errorf("got %d", resp.StatusCode)
		}
	})
}
