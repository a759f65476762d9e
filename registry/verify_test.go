package registry_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/registry"
)

func (e *env) verify(tb testing.TB, name string, o registry.VerifyOptions) *registry.Verified {
	tb.Helper()
	v, err := e.Verify(tb.Context(), pkgref.Name(name), o)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// damage breaks the tarball and the manifest of releases that are held.
func (e *env) damage(tb testing.TB, blobOf, manifestOf string) {
	tb.Helper()
	m, err := e.cache.Manifest("p", version(tb, blobOf))
	if err != nil {
		tb.Fatal(err)
	}
	write(tb, e.blob(tb, m.Blob), "damaged")
	write(tb, filepath.Join(e.dir, "state/packages/p/releases", manifestOf+".jsonl"), "{")
}

func TestVerify_Heals(t *testing.T) {
	t.Parallel()
	s := newSource("npm").versionsOf("p", "1.0.0", "2.0.0")
	e := start(t, one(s))
	e.wantBody(t, "/lib/p/1.0.0/index.js", "npm 1.0.0")
	e.wantBody(t, "/lib/p/2.0.0/index.js", "npm 2.0.0")
	e.damage(t, "1.0.0", "2.0.0")

	calls := s.count("archive")
	if v := e.verify(t, "p", registry.VerifyOptions{DryRun: true}); len(v.Findings) != 2 || v.Findings[0].Mended || v.Findings[0].Action != "" {
		t.Errorf("dry: %+v", v)
	}
	s.wantCount(t, "archive", calls)

	v := e.verify(t, "p", registry.VerifyOptions{})
	if len(v.Findings) != 2 || v.Releases != 1 || v.Bytes == 0 {
		t.Errorf("got %+v", v)
	}
	for _, f := range v.Findings {
		if !f.Mended || !strings.HasPrefix(f.Action, "moved to state/quarantine/") || !strings.HasSuffix(f.Action, "; fetched again") {
			t.Errorf("got %+v", f)
		}
	}
	s.wantCount(t, "archive", calls+2)
	if v := e.verify(t, "p", registry.VerifyOptions{}); len(v.Findings) != 0 || v.Releases != 2 {
		t.Errorf("again: %+v", v)
	}
	e.wantBody(t, "/lib/p/1.0.0/index.js", "npm 1.0.0")
	e.wantBody(t, "/lib/p/2.0.0/index.js", "npm 2.0.0")
	if _, err := e.Verify(t.Context(), "unheard-of", registry.VerifyOptions{}); !errors.Is(err, outcome.NotFound) {
		t.Errorf("got %v", err)
	}
}

func TestVerify_WhatCannotBeHealedStaysAway(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*env, *source)
		o      registry.VerifyOptions
		says   string
	}{
		"told not to":   {func(*env, *source) {}, registry.VerifyOptions{NoHeal: true}, ".tgz"},
		"upstream away": {func(_ *env, s *source) { s.fail(outcome.New(outcome.Unavailable, "away")) }, registry.VerifyOptions{}, "; cannot be fetched again: "},
		"gone upstream": {func(_ *env, s *source) { s.drop("p", "1.0.0") }, registry.VerifyOptions{}, "; cannot be fetched again: "},
		"other content": {func(_ *env, s *source) { s.put("p", "1.0.0", text{"index.js": "evil"}) }, registry.VerifyOptions{}, "upstream serves other content"},
		"denied": {func(e *env, s *source) {
			if _, err := e.Swap(generation(t, setup{providers: []provider.Provider{s}, policy: deny("p@1.0.0")})); err != nil {
				t.Error(err)
			}
		}, registry.VerifyOptions{}, "; cannot be fetched again: forbidden by deny p@1.0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSource("npm").versionsOf("p", "1.0.0")
			e := start(t, one(s))
			e.wantBody(t, "/lib/p/1.0.0/index.js", "npm 1.0.0")
			m, err := e.cache.Manifest("p", version(t, "1.0.0"))
			if err != nil {
				t.Fatal(err)
			}
			blob := e.blob(t, m.Blob)
			write(t, blob, "damaged")
			tt.change(e, s)
			v := e.verify(t, "p", tt.o)
			if len(v.Findings) != 1 || v.Findings[0].Mended || !strings.Contains(v.Findings[0].Action, tt.says) {
				t.Errorf("got %+v", v.Findings)
			}
			if _, err := os.Stat(blob); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the damaged tarball is there: %v", err)
			}
		})
	}
}

// blob is where the one tarball with that digest is.
func (e *env) blob(tb testing.TB, sha512 string) string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(e.dir, "blobs/sha512", sha512[:2], sha512[2:]+"-*.tgz"))
	if err != nil || len(files) != 1 {
		tb.Fatalf("blobs of %s: %q, %v", sha512, files, err)
	}
	return files[0]
}
