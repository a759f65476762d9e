package providertest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"

	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

// errNoAbility says that a provider cannot open the releases it describes.
var errNoAbility = errors.New("the provider cannot open its own kind of release")

// open opens the tarball of an archive release, one file of another.
func (s *suite) open(ctx context.Context, p provider.Provider, r *provider.Release, path string) ([]byte, error) {
	var rc io.ReadCloser
	var err error
	if r.Archive != nil {
		o, ok := p.(provider.ArchiveOpener)
		if !ok {
			return nil, errNoAbility
		}
		rc, err = o.OpenArchive(ctx, r)
	} else {
		o, ok := p.(provider.FileOpener)
		if !ok {
			return nil, errNoAbility
		}
		rc, err = o.OpenFile(ctx, r, path)
	}
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(rc)
	return b, errors.Join(err, rc.Close())
}

// compare looks a version up and compares all its files with want.
func (s *suite) compare(ctx context.Context, p provider.Provider, want *Package) error {
	v, err := pkgref.ParseVersion(want.Version)
	if err != nil {
		return err
	}
	releaser, ok := p.(provider.Releaser)
	if !ok {
		return errNoAbility
	}
	r, err := releaser.Release(ctx, s.name(), v)
	if err != nil {
		return err
	}
	read := s.files
	if r.Archive != nil {
		read = s.archive
	} else if r.Files.Open {
		for path := range want.Files {
			r.Files.List = append(r.Files.List, provider.File{Path: path, Size: -1})
		}
	}
	got, err := read(ctx, p, r)
	if err != nil {
		return err
	}
	return sameFiles(want.Files, got)
}

// sameFiles compares names first, so that a difference is short to read.
func sameFiles(want, got map[string][]byte) error {
	if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
		return fmt.Errorf("files (-want +got):\n%s", diff)
	}
	for path, b := range want {
		if !bytes.Equal(b, got[path]) {
			return fmt.Errorf("%s: %d bytes, want %d, or others", path, len(got[path]), len(b))
		}
	}
	return nil
}

func (s *suite) archive(ctx context.Context, p provider.Provider, r *provider.Release) (map[string][]byte, error) {
	b, err := s.open(ctx, p, r, "")
	if err != nil {
		return nil, err
	}
	if err := verify(r.Archive.Integrity, b); err != nil {
		return nil, err
	}
	return unpackAll(b)
}

func (s *suite) files(ctx context.Context, p provider.Provider, r *provider.Release) (map[string][]byte, error) {
	files := make(map[string][]byte)
	for _, f := range r.Files.List {
		b, err := s.open(ctx, p, r, f.Path)
		if err != nil {
			return nil, err
		}
		if f.Size >= 0 && f.Size != int64(len(b)) {
			return nil, fmt.Errorf("%s: %d bytes, listed with %d", f.Path, len(b), f.Size)
		}
		if err := verify(f.Integrity, b); err != nil {
			return nil, err
		}
		files[f.Path] = b
	}
	return files, nil
}

func verify(i provider.Integrity, b []byte) error {
	h := i.Hash()
	if h == nil {
		return nil
	}
	_, _ = h.Write(b) // a hash never fails
	return i.Verify(h.Sum(nil))
}

// unpackAll reads the files of a well-formed tarball, without the leading directory.
func unpackAll(b []byte) (map[string][]byte, error) {
	zr, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	files := make(map[string][]byte)
	for tr := tar.NewReader(zr); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if h.Typeflag != tar.TypeReg {
			continue // such as the commit that a generated one names
		}
		_, path, _ := strings.Cut(h.Name, "/")
		if files[path], err = io.ReadAll(tr); err != nil {
			return nil, err
		}
	}
}
