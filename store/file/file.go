// Package file keeps the values of a store as files of a directory: the key is
// the path. Files appear whole, by one rename, and are on the disk when a write
// returns. Files that somebody else puts there are values like any other; links,
// and names that are no keys, are left alone.
//
// One process at a time has the directory: it holds a lock on it.
package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/registryd/registryd/internal/durable"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/store"
)

// Names of our own in the directory, which are no keys.
const (
	lockName = ".registryd.lock"
	tmpName  = ".registryd.tmp"
)

// ErrHeld: another process has the directory.
var ErrHeld = errors.New("another process uses this directory")

// Store is a directory as a store. Safe for concurrent use. Whoever opened it
// closes it.
type Store struct {
	mu   sync.Mutex // held by every write, so that conditions are true
	root *os.Root
	disk durable.Dir
	lock *os.File
	once sync.Once
}

var _ store.Store = (*Store)(nil)

// Open makes the directory dir if it is missing, and takes it. What a process
// that died left half-written is removed. Errors: ErrHeld; else what the file
// system says.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("component store: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("component store: %w", err)
	}
	s := &Store{root: root, disk: durable.Dir{Root: root, Tmp: tmpName}}
	if err := s.take(); err != nil {
		root.Close()
		return nil, fmt.Errorf("component store %s: %w", dir, err)
	}
	if err := s.disk.Clear(); err != nil {
		s.Close()
		return nil, fmt.Errorf("component store %s: %w", dir, err)
	}
	return s, nil
}

// Browse opens a directory to read it alone: nothing in it changes, not even by a
// lock, and another process may have it. Put and Delete must not be called.
// Errors: what the file system says.
func Browse(dir string) (*Store, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("component store: %w", err)
	}
	return &Store{root: root}, nil
}

func (s *Store) take() error {
	f, err := s.root.OpenFile(lockName, os.O_RDONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return ErrHeld
		}
		return err
	}
	s.lock = f
	return nil
}

// Close gives the directory back. It is idempotent. Errors: those of os.Root.Close.
func (s *Store) Close() error {
	var err error
	s.once.Do(func() {
		if s.lock != nil {
			s.lock.Close()
		}
		err = s.root.Close()
	})
	return err
}

// Get returns the content of a file. Errors: as store.Store.
func (s *Store) Get(_ context.Context, key string) ([]byte, store.Object, error) {
	if err := store.CheckKey(key); err != nil {
		return nil, store.Object{}, err
	}
	info, err := s.root.Lstat(key)
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, store.Object{}, failed(err, key)
	}
	data, err := s.root.ReadFile(key)
	if err != nil {
		return nil, store.Object{}, failed(err, key)
	}
	sum := sha256.Sum256(data)
	return data, store.Object{Key: key, Size: int64(len(data)), Tag: hex.EncodeToString(sum[:16]), Modified: info.ModTime()}, nil
}

// Head reads the file, for its tag. Errors: as store.Store.
func (s *Store) Head(ctx context.Context, key string) (store.Object, error) {
	_, o, err := s.Get(ctx, key)
	return o, err
}

// Put writes a file. Errors: as store.Store.
func (s *Store) Put(ctx context.Context, key string, value []byte, c store.Condition) (store.Object, error) {
	if err := store.CheckKey(key); err != nil {
		return store.Object{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.check(ctx, key, c); err != nil {
		return store.Object{}, err
	}
	if err := s.disk.WriteFile(key, value, durable.Options{Sync: true}); err != nil {
		return store.Object{}, outcome.Wrap(outcome.Busy, err, "cannot write %s", key)
	}
	return s.Head(ctx, key)
}

// check reports whether c holds. The caller holds the lock.
func (s *Store) check(ctx context.Context, key string, c store.Condition) error {
	if !c.Absent && c.Match == "" {
		return nil
	}
	o, err := s.Head(ctx, key)
	absent := errors.Is(err, outcome.NotFound)
	switch {
	case err != nil && !absent:
		return err
	case c.Absent && !absent:
		return outcome.New(outcome.Conflict, "%s is there already", key)
	case c.Match != "" && (absent || o.Tag != c.Match):
		return outcome.New(outcome.PreconditionFailed, "%s was changed", key)
	}
	return nil
}

// Delete removes a file, and the directories that are empty then. Errors: as
// store.Store.
func (s *Store) Delete(_ context.Context, key string) error {
	if err := store.CheckKey(key); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if info, err := s.root.Lstat(key); err != nil || !info.Mode().IsRegular() {
		if err == nil || absent(err) {
			return nil
		}
		return failed(err, key)
	}
	if err := s.root.Remove(key); err != nil && !absent(err) {
		return failed(err, key)
	}
	for dir := path.Dir(key); dir != "."; dir = path.Dir(dir) {
		if s.root.Remove(dir) != nil {
			break // not empty
		}
	}
	return nil
}

// List walks the directory. Errors: as store.Store.
func (s *Store) List(ctx context.Context, prefix string) iter.Seq2[store.Object, error] {
	return func(yield func(store.Object, error) bool) {
		// All names below the last whole directory of the prefix.
		dir := path.Dir(prefix + "x")
		if dir != "." && store.CheckKey(dir) != nil {
			return
		}
		s.walk(ctx, dir, prefix, yield)
	}
}

// walk goes through one directory in the order of keys: a directory counts with
// its slash. It reports whether to go on.
func (s *Store) walk(ctx context.Context, dir, prefix string, yield func(store.Object, error) bool) bool {
	entries, err := fs.ReadDir(s.root.FS(), dir)
	if err != nil {
		return absent(err) || yield(store.Object{}, failed(err, dir)) && false
	}
	key := func(e fs.DirEntry) string {
		k := strings.TrimPrefix(dir+"/"+e.Name(), "./")
		if e.IsDir() {
			k += "/"
		}
		return k
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(key(a), key(b)) })
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			yield(store.Object{}, err)
			return false
		}
		if !s.visit(ctx, e, key(e), prefix, yield) {
			return false
		}
	}
	return true
}

func (s *Store) visit(ctx context.Context, e fs.DirEntry, key, prefix string, yield func(store.Object, error) bool) bool {
	bare := strings.TrimSuffix(key, "/")
	if store.CheckKey(bare) != nil {
		return true
	}
	if e.IsDir() {
		if !strings.HasPrefix(key, prefix) && !strings.HasPrefix(prefix, key) {
			return true
		}
		return s.walk(ctx, bare, prefix, yield)
	}
	if !e.Type().IsRegular() || !strings.HasPrefix(key, prefix) {
		return true
	}
	info, err := e.Info()
	if absent(err) {
		return true
	}
	if err != nil {
		yield(store.Object{}, failed(err, key))
		return false
	}
	return yield(store.Object{Key: key, Size: info.Size(), Modified: info.ModTime()}, nil)
}

// absent reports that there is nothing under a name, or that a part of it is a
// file.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func failed(err error, key string) error {
	if absent(err) {
		return outcome.New(outcome.NotFound, "the store has no %s", key)
	}
	return outcome.Wrap(outcome.Busy, err, "the store cannot read %s", key)
}
