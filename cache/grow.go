package cache

import (
	"errors"

	"github.com/registryd/registryd/internal/outcome"
)

// AddFile records size and digest of one file of a files release and returns
// the grown manifest. A file that is recorded already stays as it is. Errors:
// outcome.Refused where f differs from what is recorded, or its path leads out
// of the release; ErrStale where the release is not held any more, was replaced
// since m was read, or is closed and does not list f; outcome.Busy.
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
	return c.grow(held, m, f)
}

// Begin makes an assumed release held, with f as its first file: that is what
// shows that it exists. Where another file came in first it does what AddFile
// does. valid is asked under the release's lock whether m is still to be
// believed; nil says yes. Errors: as AddFile; ErrStale where m is not valid.
func (c *Cache) Begin(m *Manifest, f File, valid func() bool) (*Manifest, error) {
	lock := c.releaseLock(m.Name, m.Version)
	lock.Lock()
	defer lock.Unlock()
	held, err := c.Manifest(m.Name, m.Version)
	if err == nil {
		return c.grow(held, m, f)
	}
	if !errors.Is(err, outcome.NotFound) {
		return nil, err
	}
	if valid != nil && !valid() {
		return nil, ErrStale
	}
	begun := m.WithFile(f)
	begun.Assumed = false
	return c.storeGrown(begun)
}

// grow records f, which was fetched for m, in what is held. The caller holds
// the release's lock.
func (c *Cache) grow(held, m *Manifest, f File) (*Manifest, error) {
	// What was fetched before a flush must not be pinned after it.
	g, listed := held.File(f.Path)
	if !held.Fetched.Equal(m.Fetched) || held.State != m.State || !listed && !held.Open {
		return nil, ErrStale
	}
	if !g.SHA256.IsZero() {
		if g.SHA256 != f.SHA256 {
			return nil, outcome.New(outcome.Refused, "%s/%s has sha256 %x instead of %x", m.Ref(), f.Path, f.SHA256, g.SHA256)
		}
		if g.Size >= 0 {
			return held, nil
		}
	}
	return c.storeGrown(held.WithFile(f))
}

// storeGrown makes m what is held. The caller holds the release's lock.
func (c *Cache) storeGrown(m *Manifest) (*Manifest, error) {
	data, err := encodeChecked(m)
	if err != nil {
		return nil, err
	}
	return m, c.store(m, data)
}
