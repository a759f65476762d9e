// Package dir is the provider for packages in a directory that people edit by
// hand.
//
// Below the directory, <name>/<version>/… is an unpacked package, a files
// release, and <name>/<version>.tgz a tarball, an archive release; where both
// exist the unpacked one counts. A scoped name takes two levels. What is no
// regular file or directory is left out, symbolic links too, so nothing
// outside the directory can be reached through it.
package dir

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// DefaultRescan is how often a release is looked at for changes.
const DefaultRescan = 2 * time.Second

// Config of a Provider.
type Config struct {
	Name   string        // "" is "dir"
	Path   string        // the directory; it may appear later
	Rescan time.Duration // how often to look for changes; 0: DefaultRescan
}

// Provider serves packages from a directory. Safe for concurrent use. It
// implements provider.Versioner, Releaser, ArchiveOpener, FileOpener and
// Rescanner.
type Provider struct {
	name   string
	path   string
	rescan time.Duration
}

// New checks the configuration and touches no file. Errors: plain ones, for a
// person who writes configuration.
func New(c Config) (*Provider, error) {
	if c.Path == "" {
		return nil, errors.New("dir provider without a path")
	}
	if c.Rescan < 0 {
		return nil, fmt.Errorf("rescan is %v: it must be positive", c.Rescan)
	}
	p := &Provider{name: c.Name, path: c.Path, rescan: c.Rescan}
	if p.name == "" {
		p.name = "dir"
	}
	if p.rescan == 0 {
		p.rescan = DefaultRescan
	}
	return p, nil
}

// Name is what the configuration calls the provider.
func (p *Provider) Name() string { return p.name }

// Source is the directory.
func (p *Provider) Source(pkgref.Name) string { return p.path }

// Rescan is how often to look for changes.
func (p *Provider) Rescan() time.Duration { return p.rescan }

// open opens the directory anew for each call: it may be replaced or mounted
// while the daemon runs. Errors: outcome.Unavailable; that of ctx.
func (p *Provider) open(ctx context.Context) (*os.Root, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", p.path, err)
	}
	root, err := os.OpenRoot(p.path)
	if err != nil {
		return nil, outcome.Wrap(outcome.Unavailable, err, "opening the directory")
	}
	return root, nil
}

// failure tells what is known to be absent from what cannot be read. A context
// that ended is neither, and in a directory that has just vanished nothing is
// known to be absent.
func (p *Provider) failure(err error, what string) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), outcome.Known(err):
		return err
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		if _, err := os.Stat(p.path); err != nil {
			return outcome.Wrap(outcome.Unavailable, err, "reading %s", what)
		}
		return outcome.New(outcome.NotFound, "%s does not exist", what)
	}
	return outcome.Wrap(outcome.Unavailable, err, "reading %s", what)
}

// directory checks that name is a directory reached without a link. Errors:
// those of Lstat; fs.ErrNotExist for anything that is no directory.
func directory(root *os.Root, name string) error {
	for i := range len(name) + 1 {
		if i < len(name) && name[i] != '/' {
			continue
		}
		info, err := root.Lstat(name[:i])
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return fs.ErrNotExist
		}
	}
	return nil
}

// openRegular opens a regular file that is reached without a link. Errors:
// fs.ErrNotExist for anything else; those of the file system.
func openRegular(root *os.Root, name string) (*os.File, error) {
	if !fs.ValidPath(name) || name == "." {
		return nil, fs.ErrNotExist
	}
	if parent := path.Dir(name); parent != "." {
		if err := directory(root, parent); err != nil {
			return nil, err
		}
	}
	info, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	// Someone may put a pipe in the file's place just now: opening it must not
	// wait for its writer.
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	opened, err := f.Stat()
	if err == nil && os.SameFile(info, opened) {
		return f, nil
	}
	_ = f.Close() // nothing was read
	if err == nil {
		err = fs.ErrNotExist
	}
	return nil, err
}

// file is an open file whose reads end with their context.
type file struct {
	ctx  context.Context //nolint:containedctx // the stream belongs to one call
	f    *os.File
	what string
}

// Read fails with outcome.Unavailable or the context's error.
func (f *file) Read(b []byte) (int, error) {
	if err := f.ctx.Err(); err != nil {
		return 0, fmt.Errorf("reading %s: %w", f.what, err)
	}
	n, err := f.f.Read(b)
	if err != nil && err != io.EOF { //nolint:errorlint // the stream's own end
		return n, outcome.Wrap(outcome.Unavailable, err, "reading %s", f.what)
	}
	return n, err
}

// Close closes the file.
func (f *file) Close() error { return f.f.Close() }

// unpacked is where the files of a version are, tarball where its archive is.
func unpacked(name pkgref.Name, v pkgref.Version) string { return string(name) + "/" + v.String() }

func tarball(name pkgref.Name, v pkgref.Version) string { return unpacked(name, v) + suffix }

// suffix of tarballs.
const suffix = ".tgz"

// versionOf returns the version that a directory entry stands for.
func versionOf(e fs.DirEntry) (pkgref.Version, bool) {
	name, isTarball := strings.CutSuffix(e.Name(), suffix)
	if isTarball != e.Type().IsRegular() || !isTarball && !e.IsDir() {
		return pkgref.Version{}, false
	}
	v, err := pkgref.ParseVersion(name)
	return v, err == nil
}
