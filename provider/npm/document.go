package npm

import (
	"fmt"
	"io"
	"time"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

const (
	// maxVersions bounds what one document may put into the index.
	maxVersions = 100_000
	// maxTags bounds the dist-tags of one document.
	maxTags = 10_000
)

// dist is what a document tells about the tarball of a version.
type dist struct{ tarball, integrity, shasum string }

// manifest is the document of one version, as far as it matters.
type manifest struct {
	name, version string
	dist          dist
}

// document is the full document of a package, as far as it matters.
type document struct {
	name        string
	tags        map[string]string
	versions    []listed
	hasVersions bool // the key was there
	times       map[string]time.Time
	unpublished bool // the whole package was taken back
}

type listed struct {
	version pkgref.Version
	dist    dist
}

// decodeDocument reads a full document as a stream, its keys in any order.
// Errors: outcome.Refused for more versions than an index holds; errSyntax;
// what r returned.
func decodeDocument(r io.Reader) (*document, error) {
	s := newScanner(r)
	d := &document{}
	err := s.object(func(key []byte) error {
		switch string(key) {
		case "name":
			return s.into(&d.name)
		case "dist-tags":
			d.tags = nil // of two keys the last one counts
			return s.optional(d.tag(s))
		case "versions":
			d.versions, d.hasVersions = nil, true
			return s.optional(d.version(s))
		case "time":
			d.times, d.unpublished = nil, false
			return s.optional(d.time(s))
		}
		return s.skip()
	})
	if err == nil {
		err = s.finish()
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// tag reads one dist-tag.
func (d *document) tag(s *scanner) func([]byte) error {
	return func(key []byte) error {
		tag := string(key)
		text, err := s.value()
		if err != nil || text == nil {
			return err
		}
		if d.tags == nil {
			d.tags = make(map[string]string)
		}
		if tag != "" && len(d.tags) < maxTags && len(text) <= pkgref.MaxVersionLen {
			d.tags[tag] = string(text)
		}
		return nil
	}
}

// version reads one version. What is none is passed over.
func (d *document) version(s *scanner) func([]byte) error {
	return func(key []byte) error {
		v, invalid := pkgref.ParseVersion(string(key))
		if b, err := s.next(); err != nil {
			return err
		} else if b != '{' || invalid != nil {
			return s.skip()
		}
		if len(d.versions) == maxVersions {
			return outcome.New(outcome.Refused, "document of more than %d versions", maxVersions)
		}
		var m manifest
		if err := m.decode(s); err != nil {
			return err
		}
		d.versions = append(d.versions, listed{v, m.dist})
		return nil
	}
}

// time reads one publish time. Times of versions that are gone are usual, but
// not without measure.
func (d *document) time(s *scanner) func([]byte) error {
	return func(key []byte) error {
		if string(key) == "unpublished" {
			d.unpublished = true
			return s.skip()
		}
		if len(key) == 0 || key[0] < '0' || key[0] > '9' || len(d.times) >= 2*maxVersions {
			return s.skip() // "created", "modified"
		}
		version := string(key)
		text, err := s.value()
		if err != nil {
			return err
		}
		if at, err := time.Parse(time.RFC3339, string(text)); err == nil {
			if d.times == nil {
				d.times = make(map[string]time.Time)
			}
			d.times[version] = at.UTC()
		}
		return nil
	}
}

// decode reads the document of one version, alone or within a full one.
func (m *manifest) decode(s *scanner) error {
	return s.optional(func(key []byte) error {
		switch string(key) {
		case "name":
			return s.into(&m.name)
		case "version":
			return s.into(&m.version)
		case "dist":
			m.dist = dist{}
			return s.optional(func(key []byte) error {
				switch string(key) {
				case "tarball":
					return s.into(&m.dist.tarball)
				case "integrity":
					return s.into(&m.dist.integrity)
				case "shasum":
					return s.into(&m.dist.shasum)
				}
				return s.skip()
			})
		}
		return s.skip()
	})
}

// decodeManifest reads the document of one version. Errors: errSyntax; what r returned.
func decodeManifest(r io.Reader) (*manifest, error) {
	s := newScanner(r)
	if b, err := s.next(); err != nil {
		return nil, err
	} else if b != '{' {
		return nil, fmt.Errorf("%w: no object", errSyntax)
	}
	m := &manifest{}
	if err := m.decode(s); err != nil {
		return nil, err
	}
	return m, s.finish()
}

// list turns the document into what a provider answers. Publish times are
// joined at the end, because their key may come before or after the versions.
func (d *document) list(archive func(dist) *provider.Archive) []provider.Listed {
	list := make([]provider.Listed, 0, len(d.versions))
	for _, v := range d.versions {
		list = append(list, provider.Listed{
			Version:   v.version,
			Published: d.times[v.version.String()],
			Archive:   archive(v.dist),
		})
	}
	return provider.SortListed(list)
}
