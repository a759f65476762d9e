package main

import (
	"context"
	"crypto/sha512"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/providertest"
)

// serve is a server of artifacts with these packages.
func serve(t *testing.T, packages []providertest.Package) *httptest.Server {
	t.Helper()
	files := map[string][]byte{}
	indexes := map[string]*index{}
	for _, p := range packages {
		tarball, err := p.Archive()
		if err != nil {
			t.Fatal(err)
		}
		if indexes[p.Name] == nil {
			indexes[p.Name] = &index{Tags: map[string]string{}, Versions: map[string]artifact{}}
		}
		file := p.Version + ".tgz"
		files["/"+p.Name+"/"+file] = tarball
		indexes[p.Name].Versions[p.Version] = artifact{
			File: file, Integrity: provider.SHA512(sha512.Sum512(tarball)).String(), Published: published(p),
		}
		for _, tag := range p.Tags {
			indexes[p.Name].Tags[tag] = p.Version
		}
	}
	for name := range maps.Keys(indexes) {
		data, err := json.Marshal(indexes[name])
		if err != nil {
			t.Fatal(err)
		}
		files["/"+name+"/index.json"] = data
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", `"v1"`)
		if r.Header.Get("If-None-Match") == `"v1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write(data)
	}))
	t.Cleanup(s.Close)
	return s
}

func published(p providertest.Package) time.Time {
	if p.Published.IsZero() {
		return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return p.Published
}

func open(t *testing.T, url string) provider.Provider {
	t.Helper()
	a, err := New(context.Background(), provider.Setup{
		Name: "artifacts", Settings: map[string]string{"url": url}, HTTP: http.DefaultClient,
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestConformance_PG6 holds the provider to what registryd expects of every one.
func TestConformance_PG6(t *testing.T) {
	providertest.Run(t, providertest.Fixture{
		New: func(t *testing.T, packages []providertest.Package) provider.Provider {
			return open(t, serve(t, packages).URL)
		},
		Failing: func(t *testing.T, _ []providertest.Package) provider.Provider {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusInternalServerError)
			}))
			t.Cleanup(s.Close)
			return open(t, s.URL)
		},
	})
}

func TestNew_PG6(t *testing.T) {
	for name, settings := range map[string]map[string]string{
		"nothing":         {},
		"no URL":          {"url": "artifacts"},
		"unknown setting": {"url": "https://artifacts.example.org", "urll": "x"},
	} {
		if _, err := New(context.Background(), provider.Setup{Settings: settings}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
