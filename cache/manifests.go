package cache

import (
	"errors"
	"strings"

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
	file := manifestFile(name, v)
	data, err := c.root.ReadFile(file)
	switch {
	case isMissing(err) || nameTooLong(err):
		return nil, outcome.New(outcome.NotFound, "%s is not held", key)
	case err != nil:
		return nil, durable.Wrap(err, "read manifest of %s", key)
	}
	m, err := decodeManifest(data)
	if err == nil && (m.Name != name || m.Version.String() != v.String()) {
		err = errors.New("it is the manifest of " + m.Ref())
	}
	if err != nil {
		c.log.Warn("state file is unreadable and counts as absent", "file", file, "error", err)
		return nil, outcome.New(outcome.NotFound, "%s is not held", key)
	}
	c.keep(m)
	return m, nil
}

// PutManifest stores m, replacing what is held of the release. Errors:
// outcome.Busy where the disk is full.
func (c *Cache) PutManifest(m *Manifest) error {
	data, err := encodeManifest(m)
	if err != nil {
		return err
	}
	if err := c.disk.WriteFile(manifestFile(m.Name, m.Version), data, durable.Options{Mode: 0o600}); err != nil {
		return err
	}
	c.keep(m)
	return nil
}

// AddFile records size and digest of one file of a files release and returns
// the grown manifest. A file that is recorded already stays as it is. Errors:
// outcome.Refused where f differs from what is recorded; ErrStale where the
// release is not held any more; outcome.Busy.
func (c *Cache) AddFile(m *Manifest, f File) (*Manifest, error) {
	lock := c.releaseLock(m.Name, m.Version)
	lock.Lock()
	defer lock.Unlock()
	held, err := c.Manifest(m.Name, m.Version)
	if errors.Is(err, outcome.NotFound) {
		return nil, ErrStale
	}
	if err != nil {
		return nil, err
	}
	if g, ok := held.File(f.Path); ok && !g.SHA256.IsZero() {
		if g.SHA256 != f.SHA256 {
			return nil, outcome.New(outcome.Refused, "%s/%s has sha256 %x instead of %x", m.Ref(), f.Path, f.SHA256, g.SHA256)
		}
		return held, nil
	}
	held = held.WithFile(f)
	return held, c.PutManifest(held)
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
	return names
}

// Evict removes one release from view and cache. Its pin, if main points at
// it, stays and refills by first touch. Errors: outcome.NotFound when it is not
// held; outcome.Busy.
func (c *Cache) Evict(name pkgref.Name, v pkgref.Version) error {
	m, err := c.Manifest(name, v)
	if err != nil {
		return err
	}
	lock := c.releaseLock(name, v)
	lock.Lock()
	defer lock.Unlock()
	c.manifests.Delete(manifestKey(name, v))
	paths := []string{c.viewRelease(m), manifestFile(name, v)}
	if m.Archive() {
		paths = append(paths, packFile(m.Blob), blobFile(m.Blob))
	}
	for _, path := range paths {
		err = errors.Join(err, c.remove(path))
	}
	return err
}

// Forget drops the version lists and marks of name. Errors: outcome.Busy.
func (c *Cache) Forget(name pkgref.Name) error {
	return errors.Join(c.remove(stateDir(name)+"/lists"), c.ClearAbsent(name))
}
