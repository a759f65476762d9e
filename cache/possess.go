package cache

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/registryd/registryd/internal/durable"
)

// layout is the version of the layout that this package reads and writes.
const layout = "registryd 1"

const (
	fileFormat = dirState + "/format"
	fileLock   = dirState + "/lock"
	fileBoot   = dirState + "/boot"
	filePolicy = dirState + "/policy"
)

var (
	// ErrHeld: another daemon works on the data directory.
	ErrHeld = errors.New("held by another registryd")
	// ErrForeign: the directory holds something that registryd did not make.
	ErrForeign = errors.New("not a data directory of registryd")
	// ErrFormat: the directory was written by a version that lays it out differently.
	ErrFormat = errors.New("layout not known")
)

// checkOurs refuses a directory that somebody else made. Serving the tree of
// another program would serve what nobody verified.
func (c *Cache) checkOurs() error {
	format, err := c.root.ReadFile(fileFormat)
	if err == nil {
		if got := strings.TrimSpace(string(format)); got != layout {
			return fmt.Errorf("data directory %s: %w: it says %q, this registryd reads %q", c.config.Dir, ErrFormat, got, layout)
		}
		return nil
	}
	if !isMissing(err) {
		return fmt.Errorf("data directory %s: %w", c.config.Dir, err)
	}
	entries, err := fs.ReadDir(c.root.FS(), ".")
	if err != nil {
		return fmt.Errorf("data directory %s: %w", c.config.Dir, err)
	}
	for _, e := range entries {
		if !ownName(e.Name()) {
			return c.foreign(e.Name())
		}
	}
	return nil
}

// foreign says whose directory this is not, and what to do about it. What looks
// like a tree of packages can be taken over.
func (c *Cache) foreign(holds string) error {
	remedy := "name an empty directory in root.fs"
	if place, ok := findTree(c.root.FS()); ok {
		remedy += fmt.Sprintf(", and take over these packages with \"registryd import %s\"", path.Join(c.config.Dir, place))
	}
	return fmt.Errorf("data directory %s: %w: it holds %q; %s", c.config.Dir, ErrForeign, holds, remedy)
}

// ownName reports whether an entry may be there before the format is written:
// what a start that was interrupted made, and what file systems and nginx make.
func ownName(name string) bool {
	switch name {
	case dirState, dirTmp, "lost+found", "nginx-cache":
		return true
	}
	return strings.HasPrefix(name, ".")
}

// takeLock takes the flock that lasts as long as this process.
func (c *Cache) takeLock() error {
	if err := c.root.Mkdir(dirState, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("data directory %s: %w", c.config.Dir, err)
	}
	// For reading: a lock needs no more, and a file that is open for writing would
	// keep a disk from being made read-only.
	f, err := c.root.OpenFile(fileLock, os.O_RDONLY|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("data directory %s: %w", c.config.Dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return fmt.Errorf("data directory %s: %w; stop it, or use its admin interface", c.config.Dir, ErrHeld)
		}
		return fmt.Errorf("lock data directory %s: %w", c.config.Dir, err)
	}
	c.lock = f
	return nil
}

func (c *Cache) writeFormat() error {
	if old, err := c.root.ReadFile(fileFormat); err == nil && strings.TrimSpace(string(old)) == layout {
		return nil
	}
	err := c.disk.WriteFile(fileFormat, []byte(layout+"\n"), durable.Options{Sync: true})
	if err != nil {
		return fmt.Errorf("data directory %s: %w", c.config.Dir, err)
	}
	return nil
}

// boot is what state/boot holds.
type boot struct {
	ID    string `json:"boot"`
	Clean bool   `json:"clean"`
}

// bootID names the running boot of the machine; "" where the system has no
// such name, which then counts as the same boot.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return string(bytes.TrimSpace(id))
}

// checkBoot sets the view aside when the machine went down under a running
// daemon: files that were renamed but not written may be empty then. A record
// that cannot be read is taken for a trace of just that.
func (c *Cache) checkBoot() error {
	var last boot
	data, err := c.root.ReadFile(fileBoot)
	if err == nil {
		err = json.Unmarshal(data, &last)
	}
	damaged := err != nil && !isMissing(err)
	if damaged {
		c.log.Warn("state file is unreadable and counts as that of another boot", "file", fileBoot, "error", err)
	}
	if damaged || err == nil && !last.Clean && last.ID != bootID() {
		c.recovered = true
		if err := c.setViewAside(); err != nil {
			return fmt.Errorf("recover data directory %s: %w", c.config.Dir, err)
		}
	}
	return c.writeBoot(false)
}

func (c *Cache) writeBoot(clean bool) error {
	data, err := json.Marshal(boot{ID: bootID(), Clean: clean})
	if err != nil {
		return err
	}
	return c.disk.WriteFile(fileBoot, append(data, '\n'), durable.Options{Sync: true})
}

// setViewAside empties the view but for links and what a person made.
func (c *Cache) setViewAside() error {
	var kept error
	for name := range c.viewNames() {
		for _, entry := range c.viewVersions(name) {
			if entry.name == mainName || entry.link {
				continue
			}
			kept = errors.Join(kept, c.remove(c.viewDir(name)+"/"+entry.name))
		}
	}
	return kept
}

// PolicyFingerprint returns what SetPolicyFingerprint stored last, "" if nothing.
func (c *Cache) PolicyFingerprint() string {
	data, err := c.root.ReadFile(filePolicy)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// ClearPolicyFingerprint forgets which rules the view obeys, which needs no room
// on the disk. Errors: outcome.Busy.
func (c *Cache) ClearPolicyFingerprint() error {
	err := c.root.Remove(filePolicy)
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return durable.Wrap(err, "remove %s", filePolicy)
	}
	return c.syncState()
}

// SetPolicyFingerprint records which rules the view obeys. Errors: outcome.Busy.
func (c *Cache) SetPolicyFingerprint(fingerprint string) error {
	return c.disk.WriteFile(filePolicy, []byte(fingerprint+"\n"), durable.Options{Sync: true})
}
