package dir

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// entry is one regular file of a release.
type entry struct {
	path    string // below the version's directory; "" of an archive
	archive bool
}

// look finds the files of a release and the state that they are in: a digest
// of paths, sizes and modification times, which costs no reading. Errors:
// fs.ErrNotExist where there is no such version; those of the file system;
// that of ctx.
func look(ctx context.Context, root *os.Root, name pkgref.Name, v pkgref.Version) (state string, found []entry, err error) {
	if err := directory(root, string(name)); err != nil {
		return "", nil, err
	}
	h := sha256.New()
	info, err := root.Lstat(unpacked(name, v))
	switch {
	case err == nil && info.IsDir():
		found, err = walk(ctx, root, unpacked(name, v), h)
		if err != nil {
			return "", nil, err
		}
	case err == nil || errors.Is(err, fs.ErrNotExist):
		info, err := root.Lstat(tarball(name, v))
		if err != nil {
			return "", nil, err
		}
		if !info.Mode().IsRegular() {
			return "", nil, fs.ErrNotExist
		}
		found = []entry{{archive: true}}
		note(h, suffix, info)
	default:
		return "", nil, err
	}
	return hex.EncodeToString(h.Sum(nil)[:16]), found, nil
}

// walk lists the regular files below a directory, sorted, without following links.
func walk(ctx context.Context, root *os.Root, base string, h io.Writer) ([]entry, error) {
	found := []entry{}
	err := fs.WalkDir(root.FS(), base, func(name string, e fs.DirEntry, err error) error {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		path := strings.TrimPrefix(name, base+"/")
		found = append(found, entry{path: path})
		note(h, path, info)
		return nil
	})
	return found, err
}

// note adds a file to the state.
func note(h io.Writer, path string, info fs.FileInfo) {
	b := make([]byte, 0, 256)
	b = binary.AppendUvarint(b, uint64(len(path)))
	b = append(b, path...)
	b = binary.AppendVarint(b, info.Size())
	b = binary.AppendVarint(b, info.ModTime().UnixNano())
	_, _ = h.Write(b) // a hash never fails
}

// Changed reports whether the files of a release are others than those of the
// state; one that is gone has changed. Errors: outcome.Unavailable when the
// directory cannot be read; that of ctx.
func (p *Provider) Changed(ctx context.Context, name pkgref.Name, v pkgref.Version, state string) (bool, error) {
	root, err := p.open(ctx)
	if err != nil {
		return false, err
	}
	defer root.Close()
	now, _, err := look(ctx, root, name, v)
	if err != nil {
		err = p.failure(err, ref(name, v))
		if errors.Is(err, outcome.NotFound) {
			return true, nil
		}
		return false, err
	}
	return now != state, nil
}
