package npm_test

import (
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/npm"
	"github.com/registryd/registryd/provider/providertest"
)

func TestVersionOfAnswerMustMatch_PVT3(t *testing.T) {
	t.Parallel()
	for version_, want := range map[string]error{
		"1.3.0+x": nil, "1.3.0": outcome.NotFound, "1.4.0": outcome.Unavailable, "nonsense": outcome.Unavailable,
	} {
		g := providertest.NewRegistry(t)
		g.Fault(providertest.Any, "", providertest.Text(
			`{"name":"widget","version":"`+version_+`","dist":{"tarball":"w.tgz","shasum":"`+strings.Repeat("ab", 20)+`"}}`))
		_, err := over(t, g, nil).Release(t.Context(), "widget", providertest.ParseVersion(t, "1.3.0+x"))
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v", version_, err)
		}
	}
}

func TestDigests_PG1(t *testing.T) {
	t.Parallel()
	sum := sha512.Sum512([]byte("x"))
	strong := "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
	for _, tt := range []struct {
		name              string
		integrity, shasum string // "-" is none, "" the tarball's own
		optional          bool
		want              error
		algorithm         string
	}{
		{"both", "", "", false, nil, "sha512"},
		{"strongest", "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk= " + strong, "", false, nil, "sha512"},
		{"shasum alone", "-", "", false, nil, "sha1"},
		{"none", "-", "-", false, outcome.Refused, ""},
		{"none, optional", "-", "-", true, nil, ""},
		{"malformed integrity, good shasum", "sha512-AAAA", "", false, outcome.Refused, ""},
		{"malformed integrity, optional", "sha512-AAAA", "-", true, outcome.Refused, ""},
		{"malformed shasum", "-", "xyz", true, outcome.Refused, ""},
		{"endless integrity", strings.Repeat(strong+" ", 500), "", true, outcome.Refused, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := widget()
			w.Integrity, w.Shasum = tt.integrity, tt.shasum
			g := providertest.NewRegistry(t, w)
			p := over(t, g, func(c *npm.Config, _ *fetch.Config) {
				if tt.optional {
					c.Integrity = npm.IntegrityOptional
				}
			})
			r, err := p.Release(t.Context(), "widget", providertest.ParseVersion(t, "1.0.0"))
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v", err)
			}
			vs, listErr := p.Versions(t.Context(), "widget", "")
			if listErr != nil || (vs.List[0].Archive == nil) != (tt.want != nil) {
				t.Fatalf("list: %+v, %v", vs, listErr)
			}
			if tt.want != nil {
				return
			}
			if got, _, _ := strings.Cut(r.Archive.Integrity.String(), "-"); got != tt.algorithm {
				t.Errorf("algorithm %q", got)
			}
			if !cmp.Equal(vs.List[0].Archive, r.Archive) {
				t.Errorf("the list says %+v, the release %+v", vs.List[0].Archive, r.Archive)
			}
		})
	}
}

func TestIntegrityOfAnotherType_PG1(t *testing.T) {
	t.Parallel()
	for _, value := range []string{`1`, `{}`, `["sha512-x"]`, `true`} {
		g := providertest.NewRegistry(t)
		g.Fault(providertest.Any, "", providertest.Text(
			`{"name":"widget","version":"1.0.0","dist":{"tarball":"w.tgz","integrity":`+value+`,"shasum":"`+strings.Repeat("ab", 20)+`"}}`))
		if _, err := over(t, g, nil).Release(t.Context(), "widget", providertest.ParseVersion(t, "1.0.0")); !errors.Is(err, outcome.Refused) {
			t.Errorf("%s: got %v", value, err)
		}
	}
}

func TestTarballURLs_PG1(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, url, want string }{ // want "" is unavailable
		{"absolute", "https://cdn.test/w.tgz", "https://cdn.test/w.tgz"},
		{"user info", "https://a:b@cdn.test/w.tgz", "https://cdn.test/w.tgz"},
		{"relative", "widget/-/w.tgz", "BASE/widget/-/w.tgz"},
		{"rooted", "/w.tgz", "BASE/w.tgz"},
		{"missing", "-", ""},
		{"file", "file:///etc/passwd", ""},
		{"no host", "https:///x", ""},
		{"malformed", "http://%zz/", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := widget()
			w.TarballURL = tt.url
			g := providertest.NewRegistry(t, w)
			r, err := over(t, g, nil).Release(t.Context(), "widget", providertest.ParseVersion(t, "1.0.0"))
			if tt.want == "" {
				if !errors.Is(err, outcome.Unavailable) {
					t.Errorf("got %+v, %v", r, err)
				}
				return
			}
			if want := strings.Replace(tt.want, "BASE", g.URL(), 1); err != nil || r.Archive.URL != want {
				t.Errorf("got %+v, %v", r, err)
			}
		})
	}
}

func TestTarballFaults_PG1(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fault providertest.Fault
		want  error // while opening or reading; nil: a digest must differ
	}{
		{"corrupt", providertest.Corrupt(), nil},
		{"web page", providertest.HTML(), nil},
		{"truncated", providertest.Truncated(), outcome.Unavailable},
		{"gone", providertest.Status(404), outcome.NotFound},
		{"oversize", providertest.Fault{Oversize: 1 << 20}, outcome.Refused},
		{"stalled", providertest.Fault{Stall: make(chan struct{})}, outcome.TooSlow},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := providertest.NewRegistry(t, widget())
			g.Fault(providertest.Tarball, "", tt.fault)
			r, err := over(t, g, nil).Release(t.Context(), "widget", providertest.ParseVersion(t, "1.0.0"))
			if err != nil {
				t.Fatal(err)
			}
			p := over(t, g, func(c *npm.Config, f *fetch.Config) {
				c.ArchiveLimit = 1 << 20
				if tt.fault.Stall != nil {
					f.StallTimeout = 50 * time.Millisecond
				}
			})
			b, err := readArchive(t, p, r)
			if !errors.Is(err, tt.want) {
				t.Fatalf("got %v", err)
			}
			if tt.want == nil {
				h := r.Archive.Integrity.Hash()
				h.Write(b)
				if err := r.Archive.Integrity.Verify(h.Sum(nil)); !errors.Is(err, outcome.Refused) {
					t.Errorf("the digest holds: %v", err)
				}
			}
		})
	}
}

func readArchive(t *testing.T, p *npm.Provider, r *provider.Release) ([]byte, error) {
	t.Helper()
	rc, err := p.OpenArchive(t.Context(), r)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	return io.ReadAll(rc)
}
