package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

// maxIndex is the largest index.json that is read, in bytes.
const maxIndex = 8 << 20

// Artifacts gets packages from a web server that has, for each package, a
// directory with tarballs and an index.json that lists them:
//
//	{"tags": {"latest": "1.0.0"},
//	 "versions": {"1.0.0": {"file": "widget-1.0.0.tgz", "integrity": "sha512-…"}}}
//
// It is immutable, and so safe for concurrent use, as providers must be.
type Artifacts struct {
	name  string
	base  string
	token string
	http  *http.Client
}

// New takes the settings url, and token where the server wants one.
func New(_ context.Context, s provider.Setup) (provider.Provider, error) {
	a := &Artifacts{name: s.Name, http: s.HTTP}
	for key, value := range s.Settings {
		switch key {
		case "url":
			a.base = strings.TrimSuffix(value, "/")
		case "token":
			a.token = value
		default:
			return nil, fmt.Errorf("settings: %s is not known; known: url, token", key)
		}
	}
	if u, err := url.Parse(a.base); err != nil || u.Host == "" {
		return nil, errors.New("settings: url is missing or no URL; give it, such as https://artifacts.example.org")
	}
	return a, nil
}

// Name is what the configuration calls the provider.
func (a *Artifacts) Name() string { return a.name }

// Source tells two servers apart, should the setting change.
func (a *Artifacts) Source(pkgref.Name) string { return a.base }

// index is one index.json.
type index struct {
	Tags     map[string]string   `json:"tags"`
	Versions map[string]artifact `json:"versions"`
}

type artifact struct {
	File      string    `json:"file"`
	Integrity string    `json:"integrity"`
	Published time.Time `json:"published"`
}

// Versions lists what the index has.
func (a *Artifacts) Versions(ctx context.Context, name pkgref.Name, held string) (*provider.Versions, error) {
	found, validator, err := a.index(ctx, name, held)
	if err != nil {
		return nil, err
	}
	list := make([]provider.Listed, 0, len(found.Versions))
	for text, one := range found.Versions {
		if v, err := pkgref.ParseVersion(text); err == nil { // others cannot be asked for
			list = append(list, provider.Listed{Version: v, Published: one.Published})
		}
	}
	return &provider.Versions{Name: name, Validator: validator, Tags: found.Tags, List: provider.SortListed(list)}, nil
}

// Release describes one version. Its archive is not asked for yet.
func (a *Artifacts) Release(ctx context.Context, name pkgref.Name, v pkgref.Version) (*provider.Release, error) {
	found, _, err := a.index(ctx, name, "")
	if err != nil {
		return nil, err
	}
	one, ok := found.Versions[v.String()]
	if !ok {
		return nil, fmt.Errorf("%w: no version %s in the index", provider.ErrNotFound, v)
	}
	digest, err := provider.ParseIntegrity(one.Integrity)
	if err != nil {
		return nil, fmt.Errorf("%w: version %s has no digest that can be read", provider.ErrUnavailable, v)
	}
	return &provider.Release{
		Name: name, Version: v, Published: one.Published,
		Archive: &provider.Archive{URL: a.url(name, one.File), Integrity: digest},
	}, nil
}

// OpenArchive asks for the tarball. registryd reads it, within its limits, and
// compares it with the digest.
func (a *Artifacts) OpenArchive(ctx context.Context, r *provider.Release) (io.ReadCloser, error) {
	answer, err := a.get(ctx, r.Archive.URL, "")
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

func (a *Artifacts) index(ctx context.Context, name pkgref.Name, held string) (*index, string, error) {
	answer, err := a.get(ctx, a.url(name, "index.json"), held)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	var found index
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxIndex)).Decode(&found); err != nil {
		// What cannot be read says nothing about what exists.
		return nil, "", fmt.Errorf("%w: reading the index of %s: %w", provider.ErrUnavailable, name, err)
	}
	return &found, answer.Header.Get("ETag"), nil
}

// url escapes what comes from outside.
func (a *Artifacts) url(name pkgref.Name, file string) string {
	return a.base + "/" + string(name) + "/" + url.PathEscape(file)
}

// get turns the status into what the chain of providers understands: only a 404
// sends it on to the next.
func (a *Artifacts) get(ctx context.Context, where, held string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", provider.ErrUnavailable, err)
	}
	if held != "" {
		r.Header.Set("If-None-Match", held)
	}
	if a.token != "" {
		r.Header.Set("Authorization", "Bearer "+a.token)
	}
	answer, err := a.http.Do(r)
	if err != nil {
		return nil, err // says already what kind of failure it is
	}
	if answer.StatusCode == http.StatusOK {
		return answer, nil
	}
	answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusNotModified:
		return nil, provider.ErrNotModified
	case http.StatusNotFound, http.StatusGone:
		return nil, fmt.Errorf("%w: status %d", provider.ErrNotFound, answer.StatusCode)
	}
	return nil, fmt.Errorf("%w: status %d", provider.ErrUnavailable, answer.StatusCode)
}
