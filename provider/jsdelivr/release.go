package jsdelivr

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/registryd/registryd/internal/fetch"
	"github.com/registryd/registryd/internal/jsonstream"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/unpack"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

// Release reads the list of files of one version. Errors: outcome.NotFound also
// for a package that is too large for jsDelivr; outcome.Refused for a list that
// no archive might have, or one without a well-formed digest; outcome.Unavailable
// also for an answer that is of something else; outcome.TooSlow; outcome.Busy.
func (p *Provider) Release(ctx context.Context, name pkgref.Name, v pkgref.Version) (*provider.Release, error) {
	id, err := p.id(name)
	if err != nil {
		return nil, err
	}
	resp, err := p.ask(ctx, escape(id+"@"+v.String())+"?structure=flat", "")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	l := &listing{paths: p.limits.Paths()}
	if err := l.decode(resp.Body); err != nil {
		return nil, of(err, name)
	}
	if err := p.check(l, name, v); err != nil {
		return nil, err
	}
	files, err := l.finish()
	if err != nil {
		return nil, of(err, name)
	}
	return &provider.Release{Name: name, Version: v, Files: &provider.Files{List: files}}, nil
}

// check makes sure that the list is of the version that was asked for. A source
// that ignores build metadata answers with another version, which is to say
// that it does not have this one.
func (p *Provider) check(l *listing, name pkgref.Name, v pkgref.Version) error {
	id, err := p.id(name)
	if err != nil {
		return err
	}
	if l.source == p.source && p.sameID(l.name, id) {
		if l.version == v.String() {
			return nil
		}
		if got, err := pkgref.ParseVersion(l.version); err == nil && got.Compare(v) == 0 {
			return outcome.New(outcome.NotFound, "%s has %s but not %s", name, got, v)
		}
	}
	return outcome.New(outcome.Unavailable, "list of %s@%s is of %.200q", name, v, l.source+"/"+l.name+"@"+l.version)
}

// OpenFile opens one file on the CDN. What it gives must have the digest that
// the list has. Errors: outcome.NotFound, outcome.Unavailable, outcome.TooSlow,
// outcome.Busy, outcome.Refused for one beyond the limit.
func (p *Provider) OpenFile(ctx context.Context, r *provider.Release, path string) (io.ReadCloser, error) {
	id, err := p.id(r.Name)
	if err != nil {
		return nil, err
	}
	if !fs.ValidPath(path) || path == "." {
		return nil, outcome.New(outcome.NotFound, "%.200q is no path of a file", path)
	}
	// Compression on the way is not asked for: it would be undone also where it
	// belongs to the file.
	resp, err := p.client.Get(ctx, fetch.Request{
		URL:   p.cdn + "/" + p.source + "/" + escape(id+"@"+r.Version.String()+"/"+path),
		Limit: p.fileLimit,
	})
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// listing is the list of the files of a version, as far as it matters.
type listing struct {
	source, name, version string
	files                 []provider.File
	listed                bool // the key was there
	paths                 *unpack.Paths
}

func (l *listing) decode(r io.Reader) error {
	s := jsonstream.New(r)
	err := s.Object(func(key string) (err error) {
		switch key {
		case "type":
			l.source, err = s.Text()
		case "name":
			l.name, err = s.Text()
		case "version":
			l.version, err = s.Text()
		case "files":
			if l.listed {
				return outcome.New(outcome.Unavailable, "two lists of files")
			}
			l.listed = true
			err = s.Array(l.file(s))
		default:
			err = s.Skip()
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.End()
}

// file reads one file. Its name is absolute within the package.
func (l *listing) file(s *jsonstream.Reader) func() error {
	return func() error {
		var entry struct {
			Type string `json:"type"`
			Name string `json:"name"`
			Hash string `json:"hash"`
			Size *int64 `json:"size"`
		}
		if err := s.Value(&entry); err != nil {
			return err
		}
		if entry.Name == "" || entry.Size == nil || *entry.Size < 0 || entry.Type == "directory" {
			return outcome.New(outcome.Unavailable, "%.200q is no file of a flat list", entry.Name)
		}
		path, listed, err := l.paths.Add(strings.TrimPrefix(entry.Name, "/"))
		if err != nil || !listed {
			return err
		}
		sum, ok := digest(entry.Hash)
		if !ok {
			return outcome.New(outcome.Refused, "%.200q has no well-formed sha256", entry.Name)
		}
		l.files = append(l.files, provider.File{Path: path, Size: *entry.Size, Integrity: provider.SHA256(sum)})
		return nil
	}
}

// digest decodes the one spelling that a sha256 has in base64.
func digest(text string) (sum [sha256.Size]byte, ok bool) {
	enc := base64.StdEncoding.Strict()
	if len(text) != enc.EncodedLen(len(sum)) || strings.ContainsAny(text, "\r\n") {
		return sum, false
	}
	raw, err := enc.DecodeString(text)
	copy(sum[:], raw)
	return sum, err == nil && len(raw) == len(sum)
}

// finish returns the files by path, of two with the same path the last one.
func (l *listing) finish() ([]provider.File, error) {
	if !l.listed {
		return nil, outcome.New(outcome.Unavailable, "no list of files")
	}
	slices.SortStableFunc(l.files, func(a, b provider.File) int { return strings.Compare(a.Path, b.Path) })
	kept := l.files[:0]
	for i, f := range l.files {
		if i+1 < len(l.files) && l.files[i+1].Path == f.Path {
			continue
		}
		if err := l.paths.Check(f.Path); err != nil {
			return nil, err
		}
		kept = append(kept, f)
	}
	if len(kept) == 0 {
		return nil, outcome.New(outcome.Refused, "no file is listed")
	}
	return kept, nil
}
