package cache

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/registryd/registryd/internal/durable"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// lowWater is what Trim leaves of a budget, in percent, so that not every new
// file is one too many.
const lowWater = 90

// grace is how long what was just answered stays: nginx is about to open it.
const grace = 5 * time.Second

// Trimmed is what Trim did, or would do.
type Trimmed struct {
	Before Amount `json:"before"` // what was held
	After  Amount `json:"after"`  // what is left
	// Budget is what was kept to; zero numbers do not limit.
	Budget Amount `json:"budget"`
	// Evicted are the releases whose bytes went, those used least recently
	// first; never nil. Their manifests and pins are kept.
	Evicted []Evicted `json:"evicted"`
	// Orphans is what no release needs: left by a process that was killed.
	Orphans Amount `json:"orphans"`
	Pinned  int    `json:"pinned"` // releases that stay because an admin pinned them
	Young   int    `json:"young"`  // that stay a few seconds more, because they were just answered
}

// Evicted is one release whose bytes went.
type Evicted struct {
	Name    string    `json:"name"`    // of the package
	Version string    `json:"version"` // exact
	Used    time.Time `json:"used"`    // last, as far as is known
	Amount
}

// budget keeps the directory within limits. What is held is an estimate that
// every survey renews.
type budget struct {
	mu       sync.Mutex
	limit    Amount
	held     Amount
	grown    Amount // all that was added since the start: what a survey may have missed
	known    bool
	trimming bool
	last     *Holding
	evicted  int64 // releases, since the start

	// A trim that cannot reach the limit is not tried again for everything that
	// comes in: not before a tenth of the limit did, or some time has passed.
	stuck  Amount    // what was held then
	again  time.Time // zero: it could
	warned bool
}

// retrim is how long a trim that could not reach the limit rests.
const retrim = time.Minute

// SetBudget limits what is held; zero numbers do not. As soon as more comes in
// than a limit allows, or Count finds it, releases are evicted in the background,
// those used least recently first, until nine tenths of it are left.
func (c *Cache) SetBudget(limit Amount) {
	b := &c.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if limit == b.limit {
		return
	}
	b.limit, b.again = limit, time.Time{}
	if b.known { // else a command that works on the directory by hand would trim it
		c.consider()
	}
}

// grew counts what was added.
func (c *Cache) grew(a Amount) {
	b := &c.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held.add(a)
	b.grown.add(a)
	c.consider()
}

// limit is that of the budget now.
func (c *Cache) limit() Amount {
	c.budget.mu.Lock()
	defer c.budget.mu.Unlock()
	return c.budget.limit
}

// due reports whether a trim should begin. The caller holds mu.
func (b *budget) due(now time.Time) bool {
	if b.limit == (Amount{}) || b.trimming || b.known && !b.held.exceeds(b.limit, 100) {
		return false
	}
	since := b.held
	since.sub(b.stuck)
	return b.again.IsZero() || !now.Before(b.again) || since.exceeds(b.limit, 100-lowWater)
}

// consider starts a trim where one is due. The caller holds budget.mu.
func (c *Cache) consider() {
	b := &c.budget
	if !b.due(c.now()) || c.life.Err() != nil {
		return
	}
	b.trimming = true
	c.trash.Go(func() {
		for wait := grace; c.trimOnce(); wait = min(2*wait, retrim) {
			select {
			case <-c.life.Done():
			case <-time.After(wait):
			}
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.trimming = false
		c.consider() // for what came in meanwhile
	})
}

// trimOnce reports whether it should be tried again when what was just used may
// go, too.
func (c *Cache) trimOnce() (again bool) {
	limit := c.limit()
	t, err := c.trim(c.life, limit, 100, false)
	c.reportTrim(t, err)
	return err == nil && c.life.Err() == nil && t.Young > 0 && t.After.exceeds(limit, 100)
}

func (c *Cache) reportTrim(t *Trimmed, err error) {
	switch {
	case c.life.Err() != nil:
	case err != nil:
		c.log.Warn("cannot evict", "error", err)
	case len(t.Evicted) > 0:
		c.log.Info("evicted what was used least recently", "releases", len(t.Evicted),
			"bytes", t.Before.Bytes-t.After.Bytes, "files", t.Before.Files-t.After.Files, "left_bytes", t.After.Bytes, "left_files", t.After.Files)
	}
	if err == nil && t.Young == 0 && c.newlyOver(t) {
		c.log.Warn("what may not be evicted is more than cache.max_bytes or cache.max_files allow", "bytes", t.After.Bytes, "files", t.After.Files, "pinned", t.Pinned)
	}
}

// newlyOver reports whether a trim could not reach its limit for the first time
// since it could.
func (c *Cache) newlyOver(t *Trimmed) bool {
	b := &c.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.warned
	b.warned = t.After.exceeds(t.Budget, 100)
	return b.warned && !before
}

// Trim removes what a killed process left behind, and evicts releases until
// nine tenths of the budget are left. With dryRun it only tells. Errors: that of
// ctx; outcome.Busy where the disk fails.
func (c *Cache) Trim(ctx context.Context, dryRun bool) (*Trimmed, error) {
	return c.trim(ctx, c.limit(), lowWater, dryRun)
}

// trim is Trim, which does nothing as long as at most high percent are held.
func (c *Cache) trim(ctx context.Context, limit Amount, high int64, dryRun bool) (*Trimmed, error) {
	c.surveying.Lock()
	defer c.surveying.Unlock()
	s, err := c.survey(ctx)
	if err != nil {
		return nil, err
	}
	t := &Trimmed{Before: s.Total(), After: s.Total(), Budget: limit, Evicted: []Evicted{}, Orphans: s.wasted}
	if !dryRun {
		err = c.dropFiles(s.orphans)
	}
	t.After.sub(s.wasted)
	if t.After.exceeds(limit, high) {
		err = errors.Join(err, c.evictOldest(ctx, s.rooms, t, dryRun))
	}
	if !dryRun {
		c.noteTrim(s, t, err)
	}
	return t, err
}

// noteTrim renews what is known of the budget.
func (c *Cache) noteTrim(s *survey, t *Trimmed, err error) {
	b := &c.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.counted(s, t.After)
	b.evicted += int64(len(t.Evicted))
	b.again = time.Time{}
	if err != nil || t.After.exceeds(t.Budget, 100) {
		b.stuck, b.again = b.held, c.now().Add(retrim)
	}
}

// evictOldest evicts down to the low water mark. It goes on after a failure.
func (c *Cache) evictOldest(ctx context.Context, rooms []*room, t *Trimmed, dryRun bool) (err error) {
	slices.SortFunc(rooms, func(a, b *room) int { return a.used.Compare(b.used) })
	for _, r := range rooms {
		if !t.After.exceeds(t.Budget, lowWater) {
			return err
		}
		if cerr := ctx.Err(); cerr != nil {
			return errors.Join(err, cerr)
		}
		switch {
		case c.young(r):
			t.Young++
			continue
		case c.pinned(r):
			t.Pinned++
			continue
		}
		if !dryRun {
			gone, serr := c.shed(r)
			err = errors.Join(err, serr)
			if !gone {
				continue
			}
		}
		t.After.sub(r.Amount)
		t.Evicted = append(t.Evicted, Evicted{string(r.name), r.v.String(), r.used, r.Amount})
	}
	return err
}

// young reports whether a release was just answered.
func (c *Cache) young(r *room) bool {
	_, just := c.recent.Get(manifestKey(r.name, r.v))
	return just
}

// pinned reports whether an admin made main point at a release.
func (c *Cache) pinned(r *room) bool {
	pin, err := c.Pin(r.name)
	return err == nil && pin.By != FirstTouch && pin.Version == r.v.String() ||
		err != nil && !errors.Is(err, outcome.NotFound) // it may be one
}

// shed removes the bytes of a release and leaves its manifest, so that what
// comes again is compared with what was there. In this order a kill in between
// leaves nothing that looks damaged.
func (c *Cache) shed(r *room) (gone bool, err error) {
	lock := c.releaseLock(r.name, r.v)
	lock.Lock()
	defer lock.Unlock()
	if c.young(r) {
		return false, nil // since it was chosen
	}
	if err := c.markShed(r.name, r.v); err != nil {
		return false, err
	}
	err = errors.Join(c.remove(c.viewDir(r.name)+"/"+r.v.String()), c.dropFiles(r.files))
	return err == nil, err
}

func (c *Cache) dropFiles(files []string) (err error) {
	for _, file := range files {
		if rerr := c.root.Remove(file); rerr != nil && !isMissing(rerr) {
			err = errors.Join(err, durable.Wrap(rerr, "remove %s", file))
		}
	}
	return err
}

// shedFile says that the bytes of a held release are missing on purpose.
func shedFile(name pkgref.Name, v pkgref.Version) string {
	return stateDir(name) + "/releases/" + v.String() + ".evicted"
}

// markShed does nothing for a release whose manifest is gone.
func (c *Cache) markShed(name pkgref.Name, v pkgref.Version) error {
	if _, err := c.root.Lstat(manifestFile(name, v)); isMissing(err) {
		return nil
	}
	return c.disk.WriteFile(shedFile(name, v), nil, durable.Options{Mode: 0o600})
}

// isShed reports whether the bytes of a held release are missing on purpose.
func (c *Cache) isShed(name pkgref.Name, v pkgref.Version) bool {
	_, err := c.root.Lstat(shedFile(name, v))
	return err == nil
}

// Holding returns what the last survey counted, nil before the first.
func (c *Cache) Holding() *Holding {
	c.budget.mu.Lock()
	defer c.budget.mu.Unlock()
	return c.budget.last
}

// Count surveys what is held, which reads all directories. Errors: that of ctx.
func (c *Cache) Count(ctx context.Context) (*Holding, error) {
	c.surveying.Lock()
	s, err := c.survey(ctx)
	c.surveying.Unlock()
	if err != nil {
		return nil, err
	}
	c.grew(Amount{})
	return s.Holding, nil
}

// Evictions returns how many releases were evicted since the start because of
// the budget.
func (c *Cache) Evictions() int64 {
	c.budget.mu.Lock()
	defer c.budget.mu.Unlock()
	return c.budget.evicted
}

func (c *Cache) noteHolding(s *survey) {
	b := &c.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = s.Holding
	b.counted(s, s.Total())
}

// counted takes over what a survey came to, with what came in meanwhile. The
// caller holds mu.
func (b *budget) counted(s *survey, held Amount) {
	b.held, b.known = b.grown, true
	b.held.sub(s.before)
	b.held.add(held)
}

// NotesUse reports whether the file system notes when a file was last read. On
// one mounted with noatime only what the daemon itself does counts as use.
func (c *Cache) NotesUse() bool {
	var s unix.Statfs_t
	return unix.Statfs(c.config.Dir, &s) != nil || s.Flags&unix.ST_NOATIME == 0
}
