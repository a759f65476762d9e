package registry_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/providertest"
)

// text is what a release holds: path → content.
type text = map[string]string

// source is a provider that holds its packages in memory and counts what it is
// asked.
type source struct {
	id     string
	files  bool // files releases instead of archives
	open   bool // of which nothing is listed
	hashes bool // whose files are listed with their digests
	bare   bool // version lists do not tell where archives are

	mu       sync.Mutex
	packages map[string]map[string]text // name → version → files
	tags     map[string]map[string]string
	calls    map[string]int
	// before is called first of all, with "versions lodash", "release
	// lodash@1.0.0", "archive lodash@1.0.0" or "file lodash@1.0.0/index.js"; its
	// error is the answer.
	before func(ctx context.Context, call string) error
	// bytes, if set, may give the tarball instead.
	bytes func(call string) []byte
}

func newSource(id string) *source {
	return &source{id: id, packages: map[string]map[string]text{}, tags: map[string]map[string]string{}, calls: map[string]int{}}
}

// put publishes a release.
func (s *source) put(name, version string, files text) *source {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.packages[name] == nil {
		s.packages[name] = map[string]text{}
	}
	s.packages[name][version] = files
	return s
}

// versionsOf publishes releases of one file each.
func (s *source) versionsOf(name string, versions ...string) *source {
	for _, v := range versions {
		s.put(name, v, text{"index.js": s.id + " " + v})
	}
	return s
}

func (s *source) tag(name, tag, version string) *source {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tags[name] == nil {
		s.tags[name] = map[string]string{}
	}
	s.tags[name][tag] = version
	return s
}

func (s *source) drop(name, version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.packages[name], version)
}

// fail makes every call fail with err; nil heals it.
func (s *source) fail(err error) {
	s.hook(func(context.Context, string) error { return err })
}

func (s *source) hook(before func(context.Context, string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
}

// stream lets give decide what OpenArchive gives; nil is the tarball itself.
func (s *source) stream(give func(call string) []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes = give
}

// count returns how many calls began with prefix.
func (s *source) count(prefix string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for call, times := range s.calls {
		if strings.HasPrefix(call, prefix) {
			n += times
		}
	}
	return n
}

func (s *source) wantCount(tb testing.TB, prefix string, want int) {
	tb.Helper()
	if got := s.count(prefix); got != want {
		tb.Errorf("%s was asked %q %d times, want %d", s.id, prefix, got, want)
	}
}

func (s *source) called(ctx context.Context, call string) error {
	s.mu.Lock()
	s.calls[call]++
	before := s.before
	s.mu.Unlock()
	if before == nil {
		return nil
	}
	return before(ctx, call)
}

func (s *source) Name() string { return s.id }

// Versions lists what there is; its validator changes with it.
func (s *source) Versions(ctx context.Context, name pkgref.Name, held string) (*provider.Versions, error) {
	if err := s.called(ctx, "versions "+string(name)); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.packages[string(name)]) == 0 {
		return nil, outcome.New(outcome.NotFound, "no such package")
	}
	vs := &provider.Versions{Name: name, Tags: maps.Clone(s.tags[string(name)])}
	for _, v := range slices.Sorted(maps.Keys(s.packages[string(name)])) {
		parsed, err := pkgref.ParseVersion(v)
		if err != nil {
			return nil, err
		}
		l := provider.Listed{Version: parsed}
		if !s.files && !s.bare {
			l.Archive = s.archive(name, v)
		}
		vs.List = append(vs.List, l)
	}
	vs.List = provider.SortListed(vs.List)
	vs.Validator = fmt.Sprint(s.tags[string(name)], slices.Sorted(maps.Keys(s.packages[string(name)])))
	if vs.Validator == held {
		return nil, provider.ErrNotModified
	}
	return vs, nil
}

// archive describes a tarball. The caller holds mu.
func (s *source) archive(name pkgref.Name, version string) *provider.Archive {
	return &provider.Archive{
		URL:       "mem:" + string(name) + "@" + version,
		Integrity: provider.SHA512(sha512.Sum512(tarball(s.packages[string(name)][version]))),
	}
}

func tarball(files text) []byte {
	p := providertest.Package{Files: map[string][]byte{}}
	for path, content := range files {
		p.Files[path] = []byte(content)
	}
	data, err := p.Archive()
	if err != nil {
		panic(err) // a test's own mistake
	}
	return data
}

func (s *source) Release(ctx context.Context, name pkgref.Name, v pkgref.Version) (*provider.Release, error) {
	if err := s.called(ctx, "release "+string(name)+"@"+v.String()); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	files, ok := s.packages[string(name)][v.String()]
	if !ok {
		return nil, outcome.New(outcome.NotFound, "no such version")
	}
	r := &provider.Release{Name: name, Version: v}
	if !s.files {
		r.Archive = s.archive(name, v.String())
		return r, nil
	}
	r.Files = &provider.Files{Open: s.open}
	for path, content := range files {
		f := provider.File{Path: path, Size: -1}
		if s.hashes {
			f.Size, f.Integrity = int64(len(content)), provider.SHA256(sha256.Sum256([]byte(content)))
		}
		if !s.open {
			r.Files.List = append(r.Files.List, f)
		}
	}
	return r, nil
}

func (s *source) OpenArchive(ctx context.Context, r *provider.Release) (io.ReadCloser, error) {
	call := "archive " + string(r.Name) + "@" + r.Version.String()
	if err := s.called(ctx, call); err != nil {
		return nil, err
	}
	s.mu.Lock()
	give := s.bytes
	s.mu.Unlock()
	if give != nil {
		if data := give(call); data != nil {
			return io.NopCloser(bytes.NewReader(data)), nil
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	files, ok := s.packages[string(r.Name)][r.Version.String()]
	if !ok {
		return nil, outcome.New(outcome.NotFound, "no such tarball")
	}
	return io.NopCloser(bytes.NewReader(tarball(files))), nil
}

func (s *source) OpenFile(ctx context.Context, r *provider.Release, path string) (io.ReadCloser, error) {
	if err := s.called(ctx, "file "+string(r.Name)+"@"+r.Version.String()+"/"+path); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	content, ok := s.packages[string(r.Name)][r.Version.String()][path]
	if !ok {
		return nil, outcome.New(outcome.NotFound, "no such file")
	}
	return io.NopCloser(strings.NewReader(content)), nil
}
