package cache

import (
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"hash"
	"io"

	"github.com/registryd/registryd/internal/durable"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/internal/unpack"
)

// Tarball describes what Ingest is to accept.
type Tarball struct {
	Limits unpack.Limits // of what it unpacks to
	// MaxBytes bounds the compressed size.
	MaxBytes int64
	// Hash, if set, sees every byte. It is for digests other than SHA-512, which
	// is computed in any case.
	Hash hash.Hash
	// Check, if set, is given the sum of Hash at the end, the SHA-512 without a
	// Hash; its error rejects the tarball.
	Check func(sum []byte) error
}

// verify lets Check judge the bytes, of which sha512 saw all.
func (t *Tarball) verify(sha512 hash.Hash) error {
	if t.Check == nil {
		return nil
	}
	if t.Hash != nil {
		return t.Check(t.Hash.Sum(nil))
	}
	return t.Check(sha512.Sum(nil))
}

// Staged is a tarball that was read, hashed and unpacked, and that nobody can
// see yet. Its owner calls Commit, and defers Abort. Not safe for concurrent use.
type Staged struct {
	SHA512 string // hexadecimal, of the tarball
	Size   int64  // bytes of the tarball
	Files  []File // sorted by path

	c    *Cache
	blob *durable.File
	pack *durable.File
}

// Ingest streams a tarball once: into a blob, through its digests, and unpacked
// into a pack. Errors: outcome.Refused for an archive that is hostile, broken or
// too large; what Check returned, which wins over those, since a damaged
// download looks like a damaged archive; outcome.Busy where the disk is full;
// what r returned.
func (c *Cache) Ingest(r io.Reader, t Tarball) (*Staged, error) {
	s := &Staged{c: c}
	err := s.read(r, t)
	if err != nil {
		s.Abort()
		return nil, err
	}
	return s, nil
}

func (s *Staged) read(r io.Reader, t Tarball) (err error) {
	if s.blob, err = s.c.disk.Create(); err != nil {
		return err
	}
	if s.pack, err = s.c.disk.Create(); err != nil {
		return err
	}
	tee := &teeReader{r: r, left: t.MaxBytes, sum: sha512.New(), extra: t.Hash, w: s.blob}
	files, err := unpack.Tarball(tee, s.pack, t.Limits)
	if err != nil && !errors.Is(err, outcome.Refused) {
		return err
	}
	if err != nil && !tee.tooLarge() {
		// Read on: if the digest differs too, the download is to blame.
		if _, e := io.Copy(io.Discard, tee); e != nil && !errors.Is(e, outcome.Refused) {
			return e
		}
	}
	if !tee.tooLarge() {
		if err := t.verify(tee.sum); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	s.SHA512, s.Size = hex.EncodeToString(tee.sum.Sum(nil)), tee.n
	s.Files = make([]File, len(files))
	for i, f := range files {
		s.Files[i] = File{Path: f.Path, Size: f.Size, Offset: f.Offset, SHA256: f.SHA256}
	}
	return nil
}

// Commit makes pack and blob appear and returns m completed with files and
// blob. m is not held yet: the caller passes it to PutManifest or Replace, so
// that a manifest never speaks of bytes that are not there. Errors:
// outcome.Busy where the disk is full.
func (s *Staged) Commit(m *Manifest) (*Manifest, error) {
	defer s.Abort()
	n := m.WithFiles(s.Files)
	n.Blob, n.BlobSize = s.SHA512, s.Size
	if err := s.pack.Commit(packFile(n), durable.Options{Mode: 0o600}); err != nil {
		return nil, err
	}
	if err := s.blob.Commit(blobFile(n), durable.Options{Mode: 0o600}); err != nil {
		return nil, err
	}
	s.c.packs.added(s.c, n.Unpacked())
	s.c.grew(amountOf(s.Size))
	s.c.grew(amountOf(n.Unpacked()))
	return n, nil
}

// Abort removes what was staged. It does nothing after Commit.
func (s *Staged) Abort() {
	for _, f := range []*durable.File{s.blob, s.pack} {
		if f != nil {
			f.Abort()
		}
	}
}

// teeReader hashes and stores what is read through it, up to a limit.
type teeReader struct {
	r     io.Reader
	n     int64
	left  int64
	sum   hash.Hash
	extra hash.Hash
	w     io.Writer
}

var errTarballSize = outcome.New(outcome.Refused, "tarball is larger than limits.tarball")

func (t *teeReader) tooLarge() bool { return t.left < 0 }

func (t *teeReader) Read(p []byte) (int, error) {
	if t.left < 0 {
		return 0, errTarballSize
	}
	n, err := t.r.Read(p)
	t.n += int64(n)
	if t.left -= int64(n); t.left < 0 {
		return 0, errTarballSize
	}
	t.sum.Write(p[:n])
	if t.extra != nil {
		t.extra.Write(p[:n])
	}
	if _, werr := t.w.Write(p[:n]); werr != nil {
		return 0, werr
	}
	return n, err
}
