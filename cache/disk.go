package cache

import "golang.org/x/sys/unix"

// Disk returns the bytes that the user of this process may still write to the
// file system of the data directory, and its size; 0 where that cannot be told.
func (c *Cache) Disk() (free, size int64) {
	var s unix.Statfs_t
	if unix.Statfs(c.config.Dir, &s) != nil {
		return 0, 0
	}
	return int64(s.Bavail) * s.Bsize, int64(s.Blocks) * s.Bsize
}
