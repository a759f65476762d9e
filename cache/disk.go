package cache

import (
	"crypto/rand"
	"os"

	"golang.org/x/sys/unix"

	"github.com/registryd/registryd/internal/durable"
)

// Disk returns the bytes that the user of this process may still write to the
// file system of the data directory, and its size; 0 where that cannot be told.
func (c *Cache) Disk() (free, size int64) {
	var s unix.Statfs_t
	if unix.Statfs(c.config.Dir, &s) != nil {
		return 0, 0
	}
	return int64(s.Bavail) * s.Bsize, int64(s.Blocks) * s.Bsize
}

// Scratch returns an empty file of the data directory that has no name any more,
// to read and write; closing it frees its room. Errors: outcome.Busy.
func (c *Cache) Scratch() (*os.File, error) {
	name := dirTmp + "/" + rand.Text()
	f, err := c.root.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, durable.Wrap(err, "open a temporary file")
	}
	if err := c.root.Remove(name); err != nil && !isMissing(err) {
		f.Close()
		return nil, durable.Wrap(err, "remove a temporary file")
	}
	return f, nil
}
