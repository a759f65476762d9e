package registry

import (
	"context"
	"errors"
	"fmt"
	"hash"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/provider"
)

// take takes a release in. A download that is damaged on its way looks like one
// that is wrong, so that is tried twice before anybody is blamed.
func (r *Registry) take(ctx context.Context, g *Generation, w wanted, src source) (*cache.Manifest, error) {
	if src.release.Name != w.name || src.release.Version.String() != w.version.String() {
		return nil, outcome.New(outcome.Unavailable, "it describes %s@%s instead", src.release.Name, src.release.Version)
	}
	m := &cache.Manifest{
		Name: w.name, Version: w.version, Provider: src.provider.Name(), Source: sourceOf(src.provider, w.name),
		Published: src.release.Published, Fetched: r.now().UTC(), State: src.release.State,
	}
	if src.release.Archive == nil {
		return takeFiles(m, src.release.Files)
	}
	n, err := r.takeArchive(ctx, g, w, src, m)
	if errors.Is(err, errBroken) || errors.Is(err, errDigest) && !src.doubted {
		n, err = r.takeArchive(ctx, g, w, src, m)
	}
	return n, err
}

var (
	// errDigest marks a refusal because of a digest.
	errDigest = errors.New("digest mismatch")
	// errBroken marks a stream that ended before its time.
	errBroken = errors.New("broken off")
)

func (r *Registry) takeArchive(ctx context.Context, g *Generation, w wanted, src source, m *cache.Manifest) (*cache.Manifest, error) {
	opener, ok := src.provider.(provider.ArchiveOpener)
	if !ok {
		return m, fmt.Errorf("provider %s describes an archive and cannot open it", src.provider.Name())
	}
	body, err := opener.OpenArchive(ctx, src.release)
	if err != nil {
		return m, lost(err)
	}
	defer body.Close()
	integrity := src.release.Archive.Integrity
	staged, err := r.cache.Ingest(body, cache.Tarball{
		Limits: g.Archive, MaxBytes: g.MaxBytes, Hash: besides(integrity), Check: func(sum []byte) error {
			if err := integrity.Verify(sum); err != nil {
				return fmt.Errorf("%w: %w", errDigest, err)
			}
			return nil
		},
	})
	if err != nil {
		return m, broken(err)
	}
	defer staged.Abort()
	if w.accept != nil {
		if err := w.accept(m.WithFiles(staged.Files)); err != nil {
			return m, err
		}
	}
	m.Integrity, m.Generated = integrity.String(), src.release.Archive.Generated
	return staged.Commit(m)
}

// besides returns the hash that a published digest asks for besides the SHA-512
// of every tarball; nil where that is the one, or nothing was published.
func besides(i provider.Integrity) hash.Hash {
	if i.Algorithm() == "sha512" {
		return nil
	}
	return i.Hash()
}

// broken marks the error of a stream that failed while it was read.
func broken(err error) error {
	if errors.Is(err, outcome.Unavailable) {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	return err
}

// lost turns "the tarball is not there" into trouble: its release exists, so
// upstream contradicts itself.
func lost(err error) error {
	if errors.Is(err, outcome.NotFound) {
		return outcome.New(outcome.Unavailable, "the release is listed but its bytes are not there: %v", err)
	}
	return err
}

func takeFiles(m *cache.Manifest, files *provider.Files) (*cache.Manifest, error) {
	if files == nil {
		return nil, outcome.New(outcome.Unavailable, "release has neither archive nor files")
	}
	m.Open, m.Assumed = files.Open, files.Open && files.Assumed
	list := make([]cache.File, len(files.List))
	for i, f := range files.List {
		list[i] = cache.File{Path: f.Path, Size: f.Size, SHA256: knownSHA256(f.Integrity)}
		if list[i].SHA256.IsZero() {
			list[i].Integrity = f.Integrity.String()
		}
	}
	return m.WithFiles(list), nil
}
