package dir

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/provider"
)

// Versions lists the versions of a package. Errors: provider.ErrNotModified,
// outcome.NotFound, outcome.Unavailable when the directory cannot be read;
// that of ctx.
func (p *Provider) Versions(ctx context.Context, name pkgref.Name, held string) (*provider.Versions, error) {
	root, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if err := directory(root, string(name)); err != nil {
		return nil, p.failure(err, string(name))
	}
	entries, err := fs.ReadDir(root.FS(), string(name))
	if err != nil {
		return nil, p.failure(err, string(name))
	}
	vs := &provider.Versions{Name: name}
	for _, e := range entries {
		if v, ok := versionOf(e); ok {
			vs.List = append(vs.List, provider.Listed{Version: v})
		}
	}
	if len(vs.List) == 0 {
		return nil, outcome.New(outcome.NotFound, "%s has no versions", name)
	}
	vs.List = provider.SortListed(vs.List)
	vs.Validator = validator(vs.List)
	if vs.Validator == held {
		return nil, provider.ErrNotModified
	}
	return vs, nil
}

// validator is the same for the same versions.
func validator(list []provider.Listed) string {
	h := sha256.New()
	for _, l := range list {
		_, _ = io.WriteString(h, l.Version.String()+"\n") // a hash never fails
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Release lists and hashes the files of an unpacked version, or hashes its
// tarball. Errors: outcome.NotFound; outcome.Unavailable when something cannot
// be read, or is changed while it is read; that of ctx.
func (p *Provider) Release(ctx context.Context, name pkgref.Name, v pkgref.Version) (*provider.Release, error) {
	root, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	state, found, err := look(ctx, root, name, v)
	if err != nil {
		return nil, p.failure(err, ref(name, v))
	}
	r := &provider.Release{Name: name, Version: v, State: state}
	if len(found) == 1 && found[0].archive {
		err = describeArchive(ctx, root, r)
	} else {
		err = describeFiles(ctx, root, found, r)
	}
	if errors.Is(err, fs.ErrNotExist) {
		// It was there a moment ago.
		return nil, outcome.New(outcome.Unavailable, "%s is being changed", ref(name, v))
	}
	if err != nil {
		return nil, p.failure(err, ref(name, v))
	}
	return r, nil
}

func ref(name pkgref.Name, v pkgref.Version) string { return string(name) + "@" + v.String() }

func describeArchive(ctx context.Context, root *os.Root, r *provider.Release) error {
	h := sha512.New()
	if _, err := digest(ctx, root, tarball(r.Name, r.Version), h); err != nil {
		return err
	}
	r.Archive = &provider.Archive{
		URL:       tarball(r.Name, r.Version),
		Integrity: provider.SHA512([sha512.Size]byte(h.Sum(nil))),
	}
	return nil
}

func describeFiles(ctx context.Context, root *os.Root, found []entry, r *provider.Release) error {
	base := unpacked(r.Name, r.Version)
	h := sha256.New()
	files := make([]provider.File, 0, len(found))
	for _, e := range found {
		h.Reset()
		n, err := digest(ctx, root, base+"/"+e.path, h)
		if err != nil {
			return err
		}
		files = append(files, provider.File{Path: e.path, Size: n, Integrity: provider.SHA256([sha256.Size]byte(h.Sum(nil)))})
	}
	r.Files = &provider.Files{List: files}
	return nil
}

// digest hashes a file and returns its size.
func digest(ctx context.Context, root *os.Root, name string, h hash.Hash) (int64, error) {
	f, err := openRegular(root, name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return io.Copy(h, &file{ctx: ctx, f: f, what: name})
}

// OpenArchive opens the tarball. Errors: outcome.NotFound,
// outcome.Unavailable; that of ctx, also while it is read.
func (p *Provider) OpenArchive(ctx context.Context, r *provider.Release) (io.ReadCloser, error) {
	return p.stream(ctx, tarball(r.Name, r.Version))
}

// OpenFile opens one file of an unpacked version. Errors: outcome.NotFound,
// outcome.Unavailable; that of ctx, also while it is read.
func (p *Provider) OpenFile(ctx context.Context, r *provider.Release, path string) (io.ReadCloser, error) {
	if !fs.ValidPath(path) {
		return nil, outcome.New(outcome.NotFound, "%s has no file %q", ref(r.Name, r.Version), path)
	}
	return p.stream(ctx, unpacked(r.Name, r.Version)+"/"+path)
}

func (p *Provider) stream(ctx context.Context, name string) (io.ReadCloser, error) {
	root, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	defer root.Close() // an open file outlives it
	f, err := openRegular(root, name)
	if err != nil {
		return nil, p.failure(err, fmt.Sprintf("%q", name))
	}
	return &file{ctx: ctx, f: f, what: name}, nil
}
