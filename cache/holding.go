package cache

import (
	"context"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/registryd/registryd/pkgref"
)

// Amount is room on the disk.
type Amount struct {
	Bytes int64 `json:"bytes"` // of files, each in whole blocks of 4 KiB
	Files int64 `json:"files"` // and directories
}

// block is what file systems commonly give to a file at least, in bytes.
const block = 4096

func (a *Amount) add(b Amount) { a.Bytes, a.Files = a.Bytes+b.Bytes, a.Files+b.Files }

func (a *Amount) sub(b Amount) { a.Bytes, a.Files = a.Bytes-b.Bytes, a.Files-b.Files }

// file counts one more file.
func (a *Amount) file(size int64) { a.add(amountOf(size)) }

func amountOf(size int64) Amount { return Amount{(size + block - 1) / block * block, 1} }

// exceeds reports whether a is more than percent of a limit allows; a limit of
// 0 allows everything.
func (a Amount) exceeds(limit Amount, percent int64) bool {
	over := func(n, limit int64) bool { return limit > 0 && n > limit/100*percent+limit%100*percent/100 }
	return over(a.Bytes, limit.Bytes) || over(a.Files, limit.Files)
}

// Holding is what the data directory holds of packages. Manifests, lists and
// logs are not counted.
type Holding struct {
	Releases int       `json:"releases"` // that take room
	View     Amount    `json:"view"`     // what nginx serves
	Blobs    Amount    `json:"blobs"`    // tarballs
	Packs    Amount    `json:"packs"`    // unpacked copies
	At       time.Time `json:"at"`       // when it was counted
}

// Total is all of it together.
func (h *Holding) Total() Amount {
	sum := h.View
	sum.add(h.Blobs)
	sum.add(h.Packs)
	return sum
}

// room is what one release takes.
type room struct {
	name  pkgref.Name
	v     pkgref.Version
	files []string // of blob and pack, below the data directory
	Amount
	used time.Time // last, as far as the file system tells
}

// survey is one look at everything that can be evicted.
type survey struct {
	*Holding
	rooms   []*room
	orphans []string // blobs and packs of no release, and not about to be of one
	wasted  Amount   // by them
	before  Amount   // budget.grown when it began
}

// orphanAge is how old what belongs to no release must be: longer than any fetch
// takes from the last byte of a tarball to the manifest.
const orphanAge = time.Hour

// Uses knows when releases were used last. It is asked from one goroutine at a
// time.
type Uses interface {
	// Read takes in what happened since the last call. Errors: plain ones.
	Read() error
	// Used returns when a release was used last, zero if it does not know.
	Used(name pkgref.Name, v pkgref.Version) time.Time
}

// SetUses lets u tell when releases were used, beside the files themselves; nil
// takes that back.
func (c *Cache) SetUses(u Uses) {
	if u == nil {
		c.uses.Store(nil)
		return
	}
	c.uses.Store(&u)
}

// askUses adds what others know of last use.
func (c *Cache) askUses(rooms []*room) {
	u := c.uses.Load()
	if u == nil {
		return
	}
	if err := (*u).Read(); err != nil {
		c.log.Warn("last use is known in part only", "error", err)
	}
	for _, r := range rooms {
		if at := (*u).Used(r.name, r.v); at.After(r.used) {
			r.used = at
		}
	}
}

// survey counts. It reads directories, no file, and takes no lock: what changes
// meanwhile is counted or not. Errors: that of ctx.
func (c *Cache) survey(ctx context.Context) (*survey, error) {
	s := &survey{Holding: &Holding{At: c.now()}}
	c.budget.mu.Lock()
	s.before = c.budget.grown
	c.budget.mu.Unlock()
	byTag := map[string]*room{}
	names := c.VerifyNames()
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c.surveyPackage(s, byTag, name)
	}
	for _, kind := range []struct {
		dir, suffix string
		sum         *Amount
	}{{dirBlobs, blobSuffix, &s.Blobs}, {dirPacks, packSuffix, &s.Packs}} {
		if err := c.surveyBytes(ctx, s, byTag, kind.dir, kind.suffix, kind.sum); err != nil {
			return nil, err
		}
	}
	for _, r := range byTag {
		if r.Files > 0 {
			s.rooms = append(s.rooms, r)
		}
	}
	c.askUses(s.rooms)
	s.Releases = len(s.rooms)
	c.noteHolding(s)
	return s, nil
}

// surveyPackage counts the view of one package. A release counts where its
// manifest is held, or its directory is there.
func (c *Cache) surveyPackage(s *survey, byTag map[string]*room, name pkgref.Name) {
	for _, v := range c.Held(name) {
		byTag[releaseTag(name, v)] = &room{name: name, v: v}
	}
	for _, e := range c.viewVersions(name) {
		v, err := pkgref.ParseVersion(e.version)
		if err != nil || e.link {
			continue // main, or a person's link: not ours to evict
		}
		tag := releaseTag(name, v)
		if byTag[tag] == nil {
			byTag[tag] = &room{name: name, v: v}
		}
		seen := c.viewRoom(c.viewDir(name) + "/" + e.name)
		s.View.add(seen.Amount)
		byTag[tag].add(seen.Amount)
		byTag[tag].used = seen.used
	}
}

// viewRoom counts a directory of the view. Its files' access times tell when
// they were used last.
func (c *Cache) viewRoom(dir string) room {
	var r room
	_ = fs.WalkDir(c.root.FS(), dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return nil // what vanishes meanwhile takes no room
		}
		info, err := e.Info()
		if err != nil {
			return nil
		}
		if e.IsDir() {
			r.file(0)
			return nil
		}
		r.file(info.Size())
		if t := accessTime(info); t.After(r.used) {
			r.used = t
		}
		return nil
	})
	return r
}

// surveyBytes counts blobs or packs and finds the release of each by its name.
func (c *Cache) surveyBytes(ctx context.Context, s *survey, byTag map[string]*room, top, suffix string, sum *Amount) error {
	for _, dir := range c.dirs(top) {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, e := range c.readDir(top + "/" + dir) {
			info, err := e.Info()
			if err != nil || !info.Mode().IsRegular() {
				continue
			}
			sum.file(info.Size())
			file := path.Join(top, dir, e.Name())
			tag := strings.TrimSuffix(e.Name(), suffix)
			r := byTag[tag[strings.LastIndexByte(tag, '-')+1:]]
			switch {
			case r != nil:
				r.file(info.Size())
				r.files = append(r.files, file)
				if t := info.ModTime(); t.After(r.used) {
					r.used = t
				}
			case info.ModTime().Before(c.opened), info.ModTime().Before(s.At.Add(-orphanAge)): // else it may be about to become somebody's
				s.orphans = append(s.orphans, file)
				s.wasted.file(info.Size())
			}
		}
	}
	return nil
}
