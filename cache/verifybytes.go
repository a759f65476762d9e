package cache

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/registryd/registryd/internal/durable"
	"github.com/registryd/registryd/internal/outcome"
)

// Blobs and packs are hashed without a lock, since they never change under
// their names. Only when something is wrong the lock is taken, to see whether
// it is still what the release stands on.

// blob verifies the tarball of a release.
func (v *verifying) blob(m *Manifest) error {
	file := blobFile(m)
	f, problem, err := v.openBytes(file)
	if err != nil {
		return err
	}
	if f != nil {
		defer f.Close()
		if problem, err = v.blobProblem(m, f); err != nil {
			return err
		}
	}
	if problem == "" || problem == missing && v.c.isShed(m.Name, m.Version) {
		return nil
	}
	return v.ifStillHeld(m, f, file, func() error {
		v.lose(m.Version, m)
		return v.found(file, m.Version.String(), problem, func() (string, error) {
			if problem == missing {
				return "", nil
			}
			return v.quarantine(file)
		})
	})
}

const missing = "is missing"

// openBytes opens a blob or pack, or says what is wrong with it.
func (v *verifying) openBytes(file string) (*os.File, string, error) {
	info, err := v.c.root.Lstat(file)
	if isMissing(err) {
		return nil, missing, nil
	}
	if err == nil && !info.Mode().IsRegular() {
		return nil, "is no regular file", nil
	}
	f, err := v.c.openQuietly(file)
	switch {
	case err == nil:
		return f, "", nil
	case isMissing(err):
		return nil, missing, nil
	case errors.Is(err, fs.ErrPermission):
		return nil, "cannot be read", nil
	}
	return nil, "", durable.Wrap(err, "open %s", file)
}

func (v *verifying) blobProblem(m *Manifest, f *os.File) (string, error) {
	sum := sha512.New()
	n, err := copyBuffered(sum, &boundReader{v.ctx, f})
	v.Bytes += n
	switch {
	case err != nil:
		return v.unreadable(err)
	case n != m.BlobSize:
		return fmt.Sprintf("has %d bytes instead of %d", n, m.BlobSize), nil
	case hex.EncodeToString(sum.Sum(nil)) != m.Blob:
		return "does not have the sha512 of its name", nil
	}
	return "", nil
}

// unreadable tells a file that cannot be read from a check that was given up.
func (v *verifying) unreadable(err error) (string, error) {
	if v.ctx.Err() != nil {
		return "", v.ctx.Err()
	}
	return "cannot be read: " + err.Error(), nil
}

// pack verifies the unpacked bytes of a release, if they are there.
func (v *verifying) pack(m *Manifest) error {
	file := packFile(m)
	f, problem, err := v.openBytes(file)
	if err != nil || problem == missing {
		return err
	}
	if f != nil {
		defer f.Close()
		if problem, err = v.packProblem(m, f); err != nil {
			return err
		}
	}
	if problem == "" {
		return nil
	}
	return v.ifStillHeld(m, f, file, func() error {
		return v.found(file, m.Version.String(), problem, func() (string, error) {
			_, err := v.removeFile(file)
			return "removed, it is made again from the tarball", err
		})
	})
}

func (v *verifying) packProblem(m *Manifest, f *os.File) (string, error) {
	for _, file := range m.Files() {
		sum, err := v.sum(io.NewSectionReader(f, file.Offset, file.Size))
		if err != nil {
			return v.unreadable(err)
		}
		if sum != file.SHA256 {
			return "holds other bytes for " + file.Path, nil
		}
	}
	return "", nil
}

// ifStillHeld runs tell under the release's lock, if m is what is held and the
// file is the one that was looked at; f is nil where there was none to open, and
// then there is none now either. A release that was evicted and fetched again in
// between has the same bytes under the same name.
func (v *verifying) ifStillHeld(m *Manifest, f *os.File, file string, tell func() error) error {
	lock := v.c.releaseLock(m.Name, m.Version)
	lock.Lock()
	defer lock.Unlock()
	held, err := v.c.Manifest(m.Name, m.Version)
	if errors.Is(err, outcome.NotFound) || err == nil && held.Blob != m.Blob {
		return nil
	}
	if err != nil {
		return err
	}
	same, err := v.unchanged(f, file)
	if !same || err != nil {
		return err
	}
	return tell()
}

// unchanged reports whether a name still stands for what was opened, or still
// for nothing that can be.
func (v *verifying) unchanged(f *os.File, file string) (bool, error) {
	if f != nil {
		return v.c.isNow(f, file), nil
	}
	now, _, err := v.openBytes(file)
	if now != nil {
		now.Close()
	}
	return now == nil, err
}

// isNow reports whether the open file is still what has that name.
func (c *Cache) isNow(f *os.File, file string) bool {
	now, err := c.root.Lstat(file)
	if err != nil {
		return false
	}
	opened, err := f.Stat()
	return err == nil && os.SameFile(now, opened)
}

// sum hashes what r gives, until the check is given up.
func (v *verifying) sum(r io.Reader) (Digest, error) {
	sum, n, err := copyHash(io.Discard, &boundReader{v.ctx, r})
	v.Bytes += n
	return sum, err
}

func copyBuffered(w io.Writer, r io.Reader) (int64, error) {
	buffer := copyBuffers.Get().(*[128 << 10]byte)
	defer copyBuffers.Put(buffer)
	return io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, buffer[:])
}

// boundReader ends with its context.
type boundReader struct {
	ctx context.Context
	r   io.Reader
}

func (b *boundReader) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.r.Read(p)
}
