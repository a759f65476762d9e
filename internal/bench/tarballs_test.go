package bench_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/provider/providertest"
)

// keep is where tarballs stay between runs.
const keep = "../../.run/bench"

// shape is a package of a certain size, and what it is in the real world.
type shape struct {
	spec   string // name@version
	file   string // of its tarball, as npm calls it
	files  int
	each   int     // bytes of a file, where it must be generated
	budget float64 // of a cold first byte
}

var shapes = []shape{
	{"lodash@4.17.21", "lodash-4.17.21.tgz", 1054, 1300, 0.5},
	{"@mui/icons-material@5.15.20", "mui-icons-material-5.15.20.tgz", 31843, 700, 0.05},
	{"typescript@5.4.5", "typescript-5.4.5.tgz", 116, 280_000, 1.2},
}

// tarball is a package to serve.
type tarball struct {
	data  []byte
	paths []string // of its files, without the first directory
	real  bool
}

func (t *tarball) String() string {
	if t.real {
		return fmt.Sprintf("%d files", len(t.paths))
	}
	return fmt.Sprintf("%d files, generated", len(t.paths))
}

// load returns the real package, downloaded once, or a generated one where npm
// cannot have it.
func (s *shape) load(b *testing.B) *tarball {
	b.Helper()
	t := &tarball{real: true}
	var err error
	if t.data, err = s.download(); err != nil {
		b.Logf("%s is generated: %v", s.spec, err)
		p := providertest.Generate("generated", "1.0.0", s.files-1, s.each)
		t.real = false
		if t.data, err = p.Archive(); err != nil {
			b.Fatal(err)
		}
	}
	if t.paths, err = list(t.data); err != nil {
		b.Fatalf("%s: %v", s.spec, err)
	}
	return t
}

func (s *shape) download() ([]byte, error) {
	path := filepath.Join(keep, s.file)
	if data, err := os.ReadFile(path); err == nil {
		return data, nil
	}
	if err := os.MkdirAll(keep, 0o755); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(keep, "pack-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "npm", "pack", "--silent", s.spec)
	cmd.Dir = dir
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("npm pack: %w", err)
	}
	if err := os.Rename(filepath.Join(dir, s.file), path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// list returns the paths of the regular files of a tarball.
func list(data []byte) (paths []string, err error) {
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	tr := tar.NewReader(zr)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return paths, nil
		}
		if err != nil {
			return nil, err
		}
		if _, path, ok := strings.Cut(h.Name, "/"); ok && h.Typeflag == tar.TypeReg {
			paths = append(paths, path)
		}
	}
}

// versions publishes a tarball as name 1.0.0 to 1.0.(n-1).
func (t *tarball) versions(name string, n int) []providertest.Package {
	list := make([]providertest.Package, n)
	for i := range list {
		list[i] = providertest.Package{Name: name, Version: fmt.Sprintf("1.0.%d", i), Tarball: t.data}
	}
	return list
}
