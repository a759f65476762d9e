package cache

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/registryd/registryd/internal/durable"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

func manifestKey(name pkgref.Name, v pkgref.Version) string { return string(name) + "@" + v.String() }

// Manifest returns what is held of one release. A manifest that cannot be read
// counts as absent and is named in the log. Errors: outcome.NotFound when the
// release is not held; outcome.Busy where the disk fails.
func (c *Cache) Manifest(name pkgref.Name, v pkgref.Version) (*Manifest, error) {
	key := manifestKey(name, v)
	if m, ok := c.manifests.Get(key); ok {
		return m, nil
	}
	lock := c.fileLock(key)
	lock.Lock()
	defer lock.Unlock()
	if m, ok := c.manifests.Get(key); ok { // somebody else read it meanwhile
		return m, nil
	}
	m, err := c.readManifest(name, v)
	switch {
	case err == nil:
		c.keep(m)
		return m, nil
	case errors.Is(err, outcome.Busy):
		return nil, err
	case !isMissing(err) && !nameTooLong(err):
		c.log.Warn("state file is unreadable and counts as absent", "file", manifestFile(name, v), "error", err)
	}
	return nil, outcome.New(outcome.NotFound, "%s is not held", key)
}

// fileLock returns the lock of a manifest's file together with its place in
// memory: without it, who read the file before it was replaced could put the
// old one into memory after the new one.
func (c *Cache) fileLock(key string) *sync.Mutex {
	return &c.files[stripe(key, len(c.files))]
}

func (c *Cache) readManifest(name pkgref.Name, v pkgref.Version) (*Manifest, error) {
	data, err := c.root.ReadFile(manifestFile(name, v))
	if err != nil {
		return nil, durable.Wrap(err, "read manifest of %s", manifestKey(name, v))
	}
	m, err := decodeManifest(data)
	if err == nil && (m.Name != name || m.Version.String() != v.String()) {
		err = errors.New("it is the manifest of " + m.Ref())
	}
	return m, err
}

// PutManifest stores m, replacing what is held of the release, and removes the
// blob that it supersedes. Errors: outcome.Refused for a path that leads out of
// the release, or a version that no file can be named after; outcome.Busy where
// the disk is full.
func (c *Cache) PutManifest(m *Manifest) error {
	data, err := encodeChecked(m)
	if err != nil {
		return err
	}
	lock := c.releaseLock(m.Name, m.Version)
	lock.Lock()
	defer lock.Unlock()
	return c.store(m, data)
}

// encodeChecked encodes what could also be read again.
func encodeChecked(m *Manifest) ([]byte, error) {
	for _, f := range m.files {
		if !local(f.Path) {
			return nil, outcome.New(outcome.Refused, "%s lists %q, which is no path in it", m.Ref(), f.Path)
		}
	}
	return encodeManifest(m)
}

// store makes m, encoded as data, what is held. The caller holds the release's
// lock.
func (c *Cache) store(m *Manifest, data []byte) error {
	old, oldErr := c.Manifest(m.Name, m.Version)
	if err := c.storeFile(m, data); err != nil {
		return err
	}
	if oldErr == nil && old.Archive() && old.Blob != m.Blob {
		return errors.Join(c.remove(packFile(old)), c.remove(blobFile(old)))
	}
	return nil
}

func (c *Cache) storeFile(m *Manifest, data []byte) error {
	lock := c.fileLock(manifestKey(m.Name, m.Version))
	lock.Lock()
	defer lock.Unlock()
	err := c.disk.WriteFile(manifestFile(m.Name, m.Version), data, durable.Options{Mode: 0o600})
	if nameTooLong(err) {
		return outcome.Wrap(outcome.Refused, err, "%s has a version that the file system cannot hold", m.Ref())
	}
	if err == nil {
		c.keep(m)
		_ = c.root.Remove(shedFile(m.Name, m.Version)) // its bytes are there again; mostly there is none
	}
	return err
}

func (c *Cache) keep(m *Manifest) {
	c.manifests.Put(manifestKey(m.Name, m.Version), m, 8+len(m.files), 0)
}

// Held returns the versions of name whose manifests are held, in the order of
// their texts.
func (c *Cache) Held(name pkgref.Name) []pkgref.Version {
	var versions []pkgref.Version
	for _, e := range c.readDir(stateDir(name) + "/releases") {
		text, ok := strings.CutSuffix(e.Name(), manifestSuffix)
		if v, err := pkgref.ParseVersion(text); ok && err == nil {
			versions = append(versions, v)
		}
	}
	slices.SortFunc(versions, func(a, b pkgref.Version) int { return strings.Compare(a.String(), b.String()) })
	return versions
}

// Known reports whether anything is held of name, so that it exists.
func (c *Cache) Known(name pkgref.Name) bool {
	info, err := c.root.Lstat(stateDir(name))
	return err == nil && info.IsDir()
}

// Names returns the packages of which anything is held, in alphabetic order.
func (c *Cache) Names() []pkgref.Name {
	var names []pkgref.Name
	for name := range c.names(dirState + "/packages") {
		names = append(names, name)
	}
	slices.Sort(names) // "@a-b/c" is before "@a/c", "@a" before "@a-b"
	return names
}

// Evict removes one release from view and cache. Its pin, if main points at
// it, stays and refills by first touch. Errors: outcome.NotFound when it is not
// held; outcome.Busy.
func (c *Cache) Evict(name pkgref.Name, v pkgref.Version) error {
	lock := c.releaseLock(name, v)
	lock.Lock()
	defer lock.Unlock()
	m, err := c.Manifest(name, v)
	if err != nil {
		return err
	}
	// In this order a kill in between leaves what is held whole, or a blob alone.
	err = errors.Join(c.remove(c.viewRelease(m)), c.dropManifest(m))
	if m.Archive() {
		err = errors.Join(err, c.remove(packFile(m)), c.remove(blobFile(m)))
	}
	c.tidy(name)
	return err
}

// Expel removes a release from view and cache whatever state it is in, also one
// whose manifest cannot be read or is gone. Errors: outcome.Busy.
func (c *Cache) Expel(name pkgref.Name, v pkgref.Version) error {
	err := c.Evict(name, v)
	if !errors.Is(err, outcome.NotFound) {
		return err
	}
	lock := c.releaseLock(name, v)
	lock.Lock()
	defer lock.Unlock()
	m := &Manifest{Name: name, Version: v}
	err = errors.Join(c.remove(c.viewRelease(m)), c.dropManifest(m))
	c.tidy(name)
	return err
}

// Releases returns the versions of which a manifest is held or anything is in
// the view, links that people made apart.
func (c *Cache) Releases(name pkgref.Name) []pkgref.Version {
	versions := c.Held(name)
	for _, e := range c.viewVersions(name) {
		if v, err := pkgref.ParseVersion(e.version); err == nil && !e.link && !slices.Contains(versions, v) {
			versions = append(versions, v)
		}
	}
	return versions
}

// Origin returns the Provider and Source of a release without reading more of
// its manifest. Errors: outcome.NotFound, also for a manifest that cannot be
// read; outcome.Busy.
func (c *Cache) Origin(name pkgref.Name, v pkgref.Version) (provider, source string, err error) {
	if m, ok := c.manifests.Get(manifestKey(name, v)); ok {
		return m.Provider, m.Source, nil
	}
	f, err := c.root.Open(manifestFile(name, v))
	if isMissing(err) {
		return "", "", outcome.New(outcome.NotFound, "%s is not held", manifestKey(name, v))
	}
	if err != nil {
		return "", "", durable.Wrap(err, "read manifest of %s", manifestKey(name, v))
	}
	defer f.Close()
	line, err := bufio.NewReader(io.LimitReader(f, maxHeader)).ReadBytes('\n')
	var h manifestHeader
	if err == nil {
		err = json.Unmarshal(line, &h)
	}
	if err != nil || h.Name != string(name) || h.Version != v.String() {
		return "", "", outcome.New(outcome.NotFound, "the manifest of %s cannot be read", manifestKey(name, v))
	}
	return h.Provider, h.Source, nil
}

// maxHeader is the longest first line of a manifest in bytes that Origin reads.
const maxHeader = 64 << 10

func (c *Cache) dropManifest(m *Manifest) error {
	lock := c.fileLock(manifestKey(m.Name, m.Version))
	lock.Lock()
	defer lock.Unlock()
	c.manifests.Delete(manifestKey(m.Name, m.Version))
	_ = c.root.Remove(shedFile(m.Name, m.Version)) // means nothing without a manifest
	return c.remove(manifestFile(m.Name, m.Version))
}

// tidy removes the directories of name that are empty, so that a package of
// which nothing is held is not known any more.
func (c *Cache) tidy(name pkgref.Name) {
	for _, dir := range []string{stateDir(name) + "/releases", stateDir(name), c.viewDir(name)} {
		if info, err := c.root.Lstat(dir); err == nil && info.IsDir() {
			_ = c.root.Remove(dir) // fails for those in use
		}
	}
}

// Forget drops the version lists and marks of name. Errors: outcome.Busy.
func (c *Cache) Forget(name pkgref.Name) error {
	err := errors.Join(c.remove(stateDir(name)+"/lists"), c.ClearAbsent(name))
	c.tidy(name)
	return err
}
