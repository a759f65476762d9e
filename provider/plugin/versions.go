package plugin

import (
	"context"
	"encoding/json"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

const (
	// maxVersions bounds a list, as a plugin may make one up.
	maxVersions = 100_000
	// maxTags bounds its tags.
	maxTags = 1_000
)

// listed is what versions and fetchVersionList return: a list of texts, or an object with tags beside it.
type listed struct {
	Versions []string          `json:"versions"`
	Tags     map[string]string `json:"tags"`
}

func decodeListed(data json.RawMessage) (listed, error) {
	var l listed
	if len(data) > 0 && data[0] == '[' {
		err := json.Unmarshal(data, &l.Versions)
		return l, err
	}
	err := json.Unmarshal(data, &l)
	return l, err
}

// Versions is part of provider.Versioner. A plugin without a list is asked what latest means, and has that one
// version. Errors: as there; outcome.Forbidden and outcome.Declined by check.
func (s *source) Versions(ctx context.Context, name pkgref.Name, _ string) (*provider.Versions, error) {
	l, done, err := s.pin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := s.checkBy(ctx, l, name, pkgref.Version{}); err != nil {
		return nil, err
	}
	hook := first(l, "versions", "fetchVersionList")
	if hook == "" {
		got, err := s.resolve(ctx, l, name, pkgref.Latest)
		if err != nil || got == nil {
			return nil, absent(err, s.Plugin, name)
		}
		return s.list(name, "resolve", listed{Versions: []string{got.Version}})
	}
	r, err := s.ask(ctx, l, hook, question{Name: string(name)})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if r.JSON == nil {
		return nil, absent(nil, s.Plugin, name)
	}
	got, err := decodeListed(r.JSON)
	if err != nil {
		return nil, s.nonsense(hook, "no list of versions: %v", err)
	}
	return s.list(name, hook, got)
}

func absent(err error, plugin string, name pkgref.Name) error {
	if err != nil {
		return err
	}
	return outcome.New(outcome.NotFound, "plugin %s does not have %s", plugin, name)
}

// list checks a list as if a client had sent it.
func (s *source) list(name pkgref.Name, hook string, got listed) (*provider.Versions, error) {
	if len(got.Versions) == 0 {
		return nil, absent(nil, s.Plugin, name)
	}
	if len(got.Versions) > maxVersions || len(got.Tags) > maxTags {
		return nil, s.nonsense(hook, "%d versions and %d tags", len(got.Versions), len(got.Tags))
	}
	vs := &provider.Versions{Name: name}
	for _, text := range got.Versions {
		v, err := pkgref.ParseVersion(text)
		if err != nil {
			return nil, s.nonsense(hook, "the version %.100q", text)
		}
		vs.List = append(vs.List, provider.Listed{Version: v})
	}
	vs.List = provider.SortListed(vs.List)
	for tag, text := range got.Tags {
		if spec, err := pkgref.ParseSpec(tag); err != nil || spec.Kind != pkgref.KindTag {
			return nil, s.nonsense(hook, "the tag %.100q", tag)
		}
		if vs.Index(text) < 0 {
			return nil, s.nonsense(hook, "the tag %s of a version that is not listed", tag)
		}
	}
	if len(got.Tags) > 0 {
		vs.Tags = got.Tags
	}
	return vs, nil
}
