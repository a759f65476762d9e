package cache

import (
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/registryd/registryd/internal/durable"
)

// judgeSibling says what is wrong with a compressed copy in the view, "" if
// nothing is. It must say what its original says, byte by byte.
func (v *verifying) judgeSibling(m *Manifest, f File, e Encoding, file string) (string, error) {
	const readable = 0o444
	info, err := v.c.root.Lstat(file)
	switch {
	case isMissing(err):
		return "", nil
	case err != nil:
		return "", durable.Wrap(err, "look at %s", file)
	case !info.Mode().IsRegular():
		return "is no regular file", nil
	case info.Mode()&readable != readable:
		return fmt.Sprintf("has mode %#o, so that not all can read it", info.Mode().Perm()), nil
	case !info.ModTime().Equal(f.SHA256.ModTime()):
		return "is no compressed copy of the file beside it", nil
	case !v.c.InView(m, f):
		return "has outlived the file that it is a copy of", nil
	}
	sum, n, err := v.inflated(file, e, f.Size)
	switch {
	case isMissing(err):
		return "", nil
	case err != nil && v.ctx.Err() == nil:
		return "cannot be read as " + e.Name + ": " + err.Error(), nil
	case err != nil:
		return "", err
	case n != f.Size || sum != f.SHA256:
		return "does not say what the file beside it says", nil
	}
	return "", nil
}

// inflated hashes what a compressed file says, and no more of it than one byte
// beyond size.
func (v *verifying) inflated(file string, e Encoding, size int64) (sum Digest, n int64, err error) {
	f, err := v.c.openQuietly(file)
	if err != nil {
		return Digest{}, 0, err
	}
	defer f.Close()
	r, err := e.reader(untilDone{v.ctx, f})
	if err != nil {
		return Digest{}, 0, err
	}
	h := sha256.New()
	n, err = io.Copy(h, io.LimitReader(r, size+1))
	v.Bytes += n
	h.Sum(sum[:0])
	return sum, n, err
}
