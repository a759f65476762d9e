package providertest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

// Fixture hooks a provider into the suite.
type Fixture struct {
	// New builds a provider over a source that holds exactly the packages.
	New func(t *testing.T, packages []Package) provider.Provider
	// Failing builds a provider over a source that holds the packages but
	// fails at every request.
	Failing func(t *testing.T, packages []Package) provider.Provider
	// Name is the package that the suite publishes; "" is "@acme/widget".
	Name string
	// NoTags: the source has no dist-tags.
	NoTags bool
	// NoTimes: the source does not know when a version was published.
	NoTimes bool
	// NoList: the provider is no Versioner.
	NoList bool
	// NoBuild: the source cannot tell versions apart by build metadata alone.
	NoBuild bool
	// Open: the release does not list its files.
	Open bool
}

// Run checks that a provider keeps the contract of package provider.
func Run(t *testing.T, f Fixture) {
	t.Helper()
	if f.Name == "" {
		f.Name = "@acme/widget"
	}
	s := &suite{Fixture: f, packages: world(&f)}
	t.Run("has a name", s.testName)
	if !f.NoList {
		t.Run("lists versions", s.testVersions)
		t.Run("knows what did not change", s.testNotModified)
	}
	t.Run("looks versions up literally", s.testRelease)
	t.Run("knows what is absent", s.testAbsent)
	t.Run("gives the bytes", s.testBytes)
	t.Run("ends when cancelled", s.testCancelled)
	t.Run("works for many at once", s.testConcurrent)
	t.Run("never takes a failure for absence", s.testFailing)
}

type suite struct {
	Fixture
	packages []Package
}

// world is what the source of the suite holds.
func world(f *Fixture) []Package {
	var ps []Package
	for _, v := range []string{"1.10.0", "1.2.0", "2.0.0-beta.2", "1.3.0+build.1", "1.3.0+build.2", "2.0.0-beta.11"} {
		if f.NoBuild && strings.Contains(v, "+") {
			continue
		}
		ps = append(ps, Package{
			Name:    f.Name,
			Version: v,
			Files: map[string][]byte{
				"package.json":     manifest(f.Name, v),
				"index.js":         []byte("export default '" + v + "'\n"),
				"dist/deep/a b.js": []byte(strings.Repeat("// "+v+"\n", 5000)),
				"empty.txt":        {},
			},
		})
	}
	ps[0].Tags, ps[2].Tags = []string{"latest"}, []string{"next"}
	return ps
}

func (s *suite) name() pkgref.Name { return pkgref.Name(s.Name) }

// need asserts that the provider has an ability.
func need[A any](t testing.TB, p provider.Provider) A {
	t.Helper()
	a, ok := p.(A)
	if !ok {
		t.Fatalf("%T lacks an ability: %T", p, *new(A))
	}
	return a
}

func (s *suite) testName(t *testing.T) {
	if s.New(t, s.packages).Name() == "" {
		t.Error("the provider has no name")
	}
}

func (s *suite) testVersions(t *testing.T) {
	vs, err := need[provider.Versioner](t, s.New(t, s.packages)).Versions(t.Context(), s.name(), "")
	if err != nil {
		t.Fatal(err)
	}
	if vs.Name != s.name() {
		t.Errorf("list of %s", vs.Name)
	}
	var got, want []string
	for i, l := range vs.List {
		got = append(got, l.Version.String())
		if i > 0 && vs.List[i-1].Version.Compare(l.Version) > 0 {
			t.Errorf("%s stands before %s", vs.List[i-1].Version, l.Version)
		}
		if l.Published.IsZero() != s.NoTimes {
			t.Errorf("%s was published at %v", l.Version, l.Published)
		}
		if vs.Index(l.Version.String()) != i {
			t.Errorf("Index does not find %s", l.Version)
		}
	}
	for i := range s.packages {
		want = append(want, s.packages[i].Version)
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
	if v, ok := vs.TagVersion("latest"); !ok || v.String() != "1.10.0" {
		t.Errorf("latest is %q", v)
	}
	if v, _ := vs.TagVersion("next"); v.String() != map[bool]string{false: "2.0.0-beta.2"}[s.NoTags] {
		t.Errorf("next is %q", v)
	}
}

func (s *suite) testNotModified(t *testing.T) {
	p := need[provider.Versioner](t, s.New(t, s.packages))
	vs, err := p.Versions(t.Context(), s.name(), "")
	if err != nil {
		t.Fatal(err)
	}
	held, err := p.Versions(t.Context(), s.name(), `"some other list"`)
	if err != nil || len(held.List) != len(vs.List) {
		t.Errorf("another validator: %v", err)
	}
	if vs.Validator == "" {
		return
	}
	if _, err := p.Versions(t.Context(), s.name(), vs.Validator); !errors.Is(err, provider.ErrNotModified) {
		t.Errorf("the list's own validator: %v", err)
	}
}

func (s *suite) testRelease(t *testing.T) {
	p := need[provider.Releaser](t, s.New(t, s.packages))
	for i := range s.packages {
		v := ParseVersion(t, s.packages[i].Version)
		r, err := p.Release(t.Context(), s.name(), v)
		if err != nil {
			t.Errorf("%s: %v", v, err)
			continue
		}
		if r.Name != s.name() || r.Version != v {
			t.Errorf("asked for %s, got %s@%s", v, r.Name, r.Version)
		}
		if (r.Archive == nil) == (r.Files == nil) {
			t.Errorf("%s: archive %v and files %v", v, r.Archive, r.Files)
		}
		if r.Files != nil && r.Files.Open != s.Open {
			t.Errorf("%s: open is %v", v, r.Files.Open)
		}
	}
}

// testAbsent asks for what does not exist. A provider that lists nothing
// beforehand may find that out only when it opens a file.
func (s *suite) testAbsent(t *testing.T) {
	p := s.New(t, s.packages)
	for _, q := range []struct{ name, version string }{
		{s.Name, "9.9.9"}, {s.Name, "1.3.0"}, {s.Name, "1.10.0+none"}, {s.Name, "2.0.0"}, {s.Name + "-none", "1.10.0"},
	} {
		if s.NoBuild && strings.Contains(q.version, "+") {
			continue
		}
		r, err := need[provider.Releaser](t, p).Release(t.Context(), pkgref.Name(q.name), ParseVersion(t, q.version))
		if err == nil && s.Open {
			_, err = s.open(t.Context(), p, r, "index.js")
		}
		if !errors.Is(err, outcome.NotFound) {
			t.Errorf("%s@%s: %v", q.name, q.version, err)
		}
	}
	if s.NoList {
		return
	}
	if _, err := need[provider.Versioner](t, p).Versions(t.Context(), pkgref.Name(s.Name+"-none"), ""); !errors.Is(err, outcome.NotFound) {
		t.Errorf("list of an unknown package: %v", err)
	}
}

func (s *suite) testBytes(t *testing.T) {
	p := s.New(t, s.packages)
	for i := range s.packages {
		if err := s.compare(t.Context(), p, &s.packages[i]); err != nil {
			t.Errorf("%s: %v", s.packages[i].Version, err)
		}
	}
}

func (s *suite) testCancelled(t *testing.T) {
	p := s.New(t, s.packages)
	v := ParseVersion(t, s.packages[0].Version)
	r, err := need[provider.Releaser](t, p).Release(t.Context(), s.name(), v)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	check := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, context.Canceled) || errors.Is(err, outcome.NotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if !s.Open {
		_, err = need[provider.Releaser](t, p).Release(ctx, s.name(), v)
		check("release", err)
	}
	_, err = s.open(ctx, p, r, "index.js")
	check("open", err)
	if !s.NoList {
		_, err = need[provider.Versioner](t, p).Versions(ctx, s.name(), "")
		check("versions", err)
	}
}

func (s *suite) testConcurrent(t *testing.T) {
	p := s.New(t, s.packages)
	var wg sync.WaitGroup
	for i := range 4 * len(s.packages) {
		wg.Go(func() {
			if err := s.compare(t.Context(), p, &s.packages[i%len(s.packages)]); err != nil {
				t.Error(err)
			}
			if s.NoList {
				return
			}
			if _, err := need[provider.Versioner](t, p).Versions(t.Context(), s.name(), ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func (s *suite) testFailing(t *testing.T) {
	p := s.Failing(t, s.packages)
	check := func(what string, err error) {
		t.Helper()
		known := errors.Is(err, outcome.Unavailable) || errors.Is(err, outcome.TooSlow) || errors.Is(err, outcome.Busy)
		if !known || errors.Is(err, outcome.NotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	r, err := need[provider.Releaser](t, p).Release(t.Context(), s.name(), ParseVersion(t, s.packages[0].Version))
	if err == nil && s.Open {
		_, err = s.open(t.Context(), p, r, "index.js")
	}
	check("release", err)
	if !s.NoList {
		_, err := need[provider.Versioner](t, p).Versions(t.Context(), s.name(), "")
		check("versions", err)
	}
}
