package cache

import (
	"io/fs"
	"syscall"
	"time"
)

// Usage returns the bytes of a release's files in the view, and when one of
// them was last read as far as the file system tells (a file system mounted
// with relatime notes it about once a day). Zero where the view has none.
func (c *Cache) Usage(m *Manifest) (bytes int64, used time.Time) {
	_ = fs.WalkDir(c.root.FS(), c.viewRelease(m), func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return nil // what vanishes meanwhile uses nothing
		}
		info, err := e.Info()
		if err != nil {
			return nil
		}
		bytes += info.Size()
		if t := accessTime(info); t.After(used) {
			used = t
		}
		return nil
	})
	return bytes, used
}

func accessTime(info fs.FileInfo) time.Time {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(s.Atim.Unix())
	}
	return time.Time{}
}
