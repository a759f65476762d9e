// Package durable makes files and links appear below an os.Root whole or not
// at all, and makes trees disappear at once.
//
// Everything is staged under a name of its own in a temporary directory of the
// same root, and gets its place by one rename: a reader sees the old file or
// the new one, never a part. What a killed process leaves behind lies in the
// temporary directory alone, where Clear removes it at the next start.
//
// Two strengths are offered. Without Options.Sync a file survives the death of
// the process, and after a power loss it may be old, empty or missing, so it
// must be something that can be verified and fetched again. With it the bytes,
// the name, and every directory made for it are on the disk when the call
// returns.
//
// Modes are set explicitly, so the umask does not matter: the web server, which
// runs as another user, must be able to read files and enter directories.
//
// Symbolic links inside the root are followed in the directories of a name, as
// os.Root does; links that lead out of it are an error.
package durable

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path"
	"syscall"
	"time"
)

// FileMode is the mode of a file whose Options name none, DirMode that of every
// directory made on the way.
const (
	FileMode fs.FileMode = 0o644
	DirMode  fs.FileMode = 0o755
)

// stagingMode keeps what is not yet whole, or being removed, from other users.
const stagingMode fs.FileMode = 0o700

// attempts bounds how often a lost race against the removal of a parent
// directory is run again.
const attempts = 3

// Dir is a directory tree in which files appear whole. It has no state of its
// own: a Dir may be copied, and is safe for concurrent use. All names are
// relative to Root, with forward slashes.
type Dir struct {
	// Root bounds every name; it stays the caller's to close.
	Root *os.Root
	// Tmp is the directory for staging, on the same file system as every name
	// that is written. It is made when it is missing.
	Tmp string
}

// Options say how a file appears. The zero value is a file of mode FileMode
// that is not synchronised.
type Options struct {
	Mode    fs.FileMode // 0: FileMode
	ModTime time.Time   // zero: when it was written
	Sync    bool        // on the disk, with its name, before the call returns
}

// WriteFile makes a file of the given content appear under name, replacing one
// that is there, and makes the directories it lacks. Nothing is left behind
// when it fails. Errors: outcome.Busy where the disk is full, read-only or
// failing, or descriptors have run out.
func (d Dir) WriteFile(name string, data []byte, o Options) error {
	f, err := d.Create()
	if err != nil {
		return err
	}
	defer f.Abort()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Commit(name, o)
}

// Symlink makes a symbolic link to target appear under name, atomically
// replacing a file or link that is there, and synchronises its directory. The
// target is written as it is, without a check. Errors: outcome.Busy as
// WriteFile; a directory under that name is an error.
func (d Dir) Symlink(target, name string) error {
	tmp := d.unique()
	err := d.Root.Symlink(target, tmp)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err = d.mkdirAll(d.Tmp, stagingMode); err == nil {
			err = d.Root.Symlink(target, tmp)
		}
	}
	if err != nil {
		return Wrap(err, "staging a link for %s", name)
	}
	if err := d.place(tmp, name, true); err != nil {
		d.Root.Remove(tmp)
		return err
	}
	return nil
}

// RemoveTree moves the file, link or directory under name into Tmp, so that it
// disappears at once with all that is below it, and returns where it is now.
// The caller gives that to Discard when there is time. Nothing under name is
// no error: trash is "" then. A file that is being placed below name at the
// same moment goes with it or stays out; a caller that minds holds a lock. Errors: outcome.Busy as WriteFile.
func (d Dir) RemoveTree(name string) (trash string, err error) {
	trash = d.unique()
	err = d.Root.Rename(name, trash)
	if errors.Is(err, fs.ErrNotExist) {
		if _, e := d.Root.Lstat(name); errors.Is(e, fs.ErrNotExist) {
			return "", nil
		}
		if _, err = d.mkdirAll(d.Tmp, stagingMode); err == nil {
			err = d.Root.Rename(name, trash)
		}
	}
	if err != nil {
		return "", Wrap(err, "removing %s", name)
	}
	return trash, nil
}

// Discard deletes what RemoveTree moved away; "" is nothing. Errors:
// outcome.Busy as WriteFile.
func (d Dir) Discard(trash string) error {
	if trash == "" {
		return nil
	}
	err := d.Root.RemoveAll(trash)
	// A rename that had found its directory before that was moved away lands
	// in the trash, perhaps behind the deletion's back.
	for try := 0; try < attempts && errors.Is(err, syscall.ENOTEMPTY); try++ {
		err = d.Root.RemoveAll(trash)
	}
	return Wrap(err, "deleting %s", trash)
}

// Clear deletes everything in Tmp, the remains of an earlier process. It must
// not run while anything is being staged. It goes on after a failure and
// returns all of them. Errors: outcome.Busy as WriteFile.
func (d Dir) Clear() error {
	dir, err := d.Root.Open(d.Tmp)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return Wrap(err, "clearing %s", d.Tmp)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	errs := []error{Wrap(err, "clearing %s", d.Tmp)}
	for _, n := range names {
		errs = append(errs, d.Discard(path.Join(d.Tmp, n)))
	}
	return errors.Join(errs...)
}

// MkdirAll makes a directory with all its parents, each of mode DirMode.
// Directories that are there stay as they are. Errors: outcome.Busy as WriteFile.
func (d Dir) MkdirAll(name string) error {
	_, err := d.mkdirAll(name, DirMode)
	return Wrap(err, "making directory %s", name)
}

// unique returns a name in Tmp that no other call, in this or another process,
// ever returned.
func (d Dir) unique() string { return d.Tmp + "/" + rand.Text() }

// mkdirAll makes a directory bottom up, since its parent is nearly always
// there, and reports whether it made any.
func (d Dir) mkdirAll(name string, mode fs.FileMode) (made bool, err error) {
	if name == "." || name == "" {
		return false, nil
	}
	err = d.Root.Mkdir(name, mode)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err = d.mkdirAll(path.Dir(name), DirMode); err == nil {
			err = d.Root.Mkdir(name, mode)
		}
	}
	switch {
	case err == nil:
		return true, d.Root.Chmod(name, mode) // the umask may have taken bits
	case errors.Is(err, fs.ErrExist):
		return false, nil // what it is shows when it is used
	}
	return false, err
}

// place renames a staged name to its final one. It tries that first: the walk
// over the parents is made only when they are missing, and again when they are
// removed in between.
func (d Dir) place(tmp, name string, sync bool) error {
	parent, made := path.Dir(name), false
	err := d.Root.Rename(tmp, name)
	for try := 0; try < attempts && errors.Is(err, fs.ErrNotExist); try++ {
		if _, err = d.mkdirAll(parent, DirMode); err != nil {
			continue
		}
		made = true
		err = d.Root.Rename(tmp, name)
	}
	if err != nil {
		return Wrap(vanished(err), "placing %s", name)
	}
	if !sync {
		return nil
	}
	return Wrap(d.syncDirs(parent, made), "synchronising the directory of %s", name)
}

// syncDirs puts the entries of a directory on the disk, and those of all its
// parents if some of them are new.
func (d Dir) syncDirs(name string, parents bool) error {
	for {
		dir, err := d.Root.Open(name)
		if err != nil {
			return err
		}
		err = errors.Join(dir.Sync(), dir.Close())
		if err != nil || !parents || name == "." {
			return err
		}
		name = path.Dir(name)
	}
}
