package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

// listFormat is raised when older readers would misread a stored list.
const listFormat = 1

type storedList struct {
	Format    int               `json:"format"`
	Name      string            `json:"name"`
	Source    string            `json:"source,omitempty"`
	Fetched   time.Time         `json:"fetched"`
	Validator string            `json:"validator,omitempty"`
	Tags      map[string]string `json:"tags"`
	Versions  []storedVersion   `json:"versions"`
}

type storedVersion struct {
	Version   string    `json:"version"`
	Published time.Time `json:"published,omitzero"`
	URL       string    `json:"url,omitempty"`
	Integrity string    `json:"integrity,omitempty"`
	Generated bool      `json:"generated,omitempty"`
}

func encodeList(h *heldList) ([]byte, error) {
	s := storedList{
		Format: listFormat, Name: string(h.versions.Name), Source: h.source, Fetched: h.fetched.UTC(), Validator: h.versions.Validator,
		Tags: h.versions.Tags, Versions: make([]storedVersion, len(h.versions.List)),
	}
	for i, v := range h.versions.List {
		s.Versions[i] = storedVersion{Version: v.Version.String(), Published: v.Published}
		if a := v.Archive; a != nil {
			s.Versions[i].URL, s.Versions[i].Integrity, s.Versions[i].Generated = a.URL, a.Integrity.String(), a.Generated
		}
	}
	data, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode version list of %s: %w", h.versions.Name, err)
	}
	return append(data, '\n'), nil
}

func decodeList(name pkgref.Name, data []byte) (*heldList, error) {
	var s storedList
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("version list: %w", err)
	}
	if s.Format != listFormat || s.Name != string(name) {
		return nil, fmt.Errorf("version list has format %d and is of %q", s.Format, s.Name)
	}
	vs := &provider.Versions{Name: name, Validator: s.Validator, Tags: s.Tags, List: make([]provider.Listed, len(s.Versions))}
	for i, v := range s.Versions {
		listed, err := v.listed()
		if err != nil {
			return nil, fmt.Errorf("version list: %w", err)
		}
		if i > 0 && !before(vs.List[i-1].Version, listed.Version) {
			return nil, errors.New("version list is not sorted")
		}
		vs.List[i] = listed
	}
	return &heldList{versions: vs, source: s.Source, fetched: s.Fetched}, nil
}

// before reports whether a stands before b in provider.Versions.List.
func before(a, b pkgref.Version) bool {
	if c := a.Compare(b); c != 0 {
		return c < 0
	}
	return a.String() < b.String()
}

func (s *storedVersion) listed() (l provider.Listed, err error) {
	if l.Version, err = pkgref.ParseVersion(s.Version); err != nil {
		return l, err
	}
	l.Published = s.Published
	if s.URL == "" {
		return l, nil
	}
	l.Archive = &provider.Archive{URL: s.URL, Generated: s.Generated}
	if s.Integrity != "" {
		l.Archive.Integrity, err = provider.ParseIntegrity(s.Integrity)
	}
	return l, err
}
