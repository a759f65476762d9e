package durable

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

// File is a staged file: it can be written and read, and nobody else sees it
// before Commit. A File is not safe for concurrent use, ReadAt apart. Its
// owner defers Abort.
type File struct {
	dir Dir
	f   *os.File // nil after Commit and Abort
	tmp string
}

// Create stages an empty file. Errors: outcome.Busy as Dir.WriteFile.
func (d Dir) Create() (*File, error) {
	const flags = os.O_RDWR | os.O_CREATE | os.O_EXCL
	tmp := d.unique()
	f, err := d.Root.OpenFile(tmp, flags, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err = d.mkdirAll(d.Tmp, stagingMode); err == nil {
			f, err = d.Root.OpenFile(tmp, flags, 0o600)
		}
	}
	if err != nil {
		return nil, Wrap(err, "staging a file in %s", d.Tmp)
	}
	return &File{dir: d, f: f, tmp: tmp}, nil
}

// Write appends at the file's position. Errors: outcome.Busy as
// Dir.WriteFile; fs.ErrClosed after Commit or Abort.
func (f *File) Write(p []byte) (int, error) {
	if f.f == nil {
		return 0, fs.ErrClosed
	}
	n, err := f.f.Write(p)
	return n, Wrap(err, "writing a staged file")
}

// ReadAt reads what was written. Errors: as io.ReaderAt; outcome.Busy where
// the disk fails; fs.ErrClosed after Commit or Abort.
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	if f.f == nil {
		return 0, fs.ErrClosed
	}
	n, err := f.f.ReadAt(p, off)
	return n, Wrap(err, "reading a staged file")
}

// Seek sets the position of the next Write. Errors: fs.ErrClosed after Commit
// or Abort.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	if f.f == nil {
		return 0, fs.ErrClosed
	}
	return f.f.Seek(offset, whence)
}

// Commit sets mode and times, closes the file, and makes it appear under name
// as Dir.WriteFile does. Whatever fails, also closing, means that nothing
// appeared and that the staged file is gone; only where synchronising the
// directory fails has the whole file appeared already. Errors: outcome.Busy as
// Dir.WriteFile; fs.ErrClosed after Commit or Abort.
func (f *File) Commit(name string, o Options) error {
	if f.f == nil {
		return fs.ErrClosed
	}
	if err := f.finish(o); err != nil {
		f.Abort()
		return Wrap(err, "completing %s", name)
	}
	f.f = nil
	if err := f.dir.place(f.tmp, name, o.Sync); err != nil {
		f.dir.Root.Remove(f.tmp)
		return err
	}
	return nil
}

// finish does all that must be true of a file before it is seen. Times come
// after the last write, and synchronising after both.
func (f *File) finish(o Options) error {
	mode := o.Mode
	if mode == 0 {
		mode = FileMode
	}
	if err := f.f.Chmod(mode); err != nil {
		return err
	}
	if !o.ModTime.IsZero() {
		// The access time says when a file was last read, so it starts now.
		if err := f.dir.Root.Chtimes(f.tmp, time.Now(), o.ModTime); err != nil {
			return vanished(err)
		}
	}
	if o.Sync {
		if err := f.f.Sync(); err != nil {
			return err
		}
	}
	return f.f.Close()
}

// Abort removes the staged file. It does nothing after Commit or Abort.
func (f *File) Abort() {
	if f.f == nil {
		return
	}
	// Whatever fails here: Clear removes it at the next start.
	f.f.Close()
	f.dir.Root.Remove(f.tmp)
	f.f = nil
}

// Detach removes the file's name and returns it open, at its beginning: bytes
// for one reader, who closes it. Errors: outcome.Busy as Dir.WriteFile;
// fs.ErrClosed after Commit or Abort.
func (f *File) Detach() (*os.File, error) {
	if f.f == nil {
		return nil, fs.ErrClosed
	}
	defer func() { f.f = nil }()
	err := f.dir.Root.Remove(f.tmp)
	if err == nil {
		_, err = f.f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.f.Close()
		return nil, Wrap(err, "detaching a staged file")
	}
	return f.f, nil
}
