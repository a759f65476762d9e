package component

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/store"
)

// indexKey is the file of hosts. Its format is that of the registry's
// predecessor: hosts by id, with their dependencies and what each of them gets.
const indexKey = "index.json"

// maxIndexed is up to how many pairs of host and component the file says who
// gets what. That follows from everything else and is written for people and
// other programs; beyond some size writing it would take longer than a
// publication may.
const maxIndexed = 20000

// entry is one host in the file.
type entry struct {
	Dependencies Dependencies      `json:"dependencies"`
	Components   map[string]string `json:"components"`
}

// hostFile writes the file of hosts. All that want it written while it is being
// written share the next write. Each write takes the file as it is, adds what
// this process knows, and stands only if nobody wrote in between: several
// processes lose nothing of each other.
type hostFile struct {
	r *Registry

	mu      sync.Mutex
	durable map[uint32]bool // hosts that the file has
	next    *write          // that will begin when the current one has ended; nil: none
	running bool

	io  sync.Mutex // held while the file is read or written; guards the rest
	tag string     // of the file as it was read or written last
	now map[string]entry
}

// write is one write of the file, for all that wait for it.
type write struct {
	ids  []uint32
	done chan struct{}
	err  error
}

func newHostFile(r *Registry) *hostFile {
	return &hostFile{r: r, durable: map[uint32]bool{}, now: map[string]entry{}}
}

// has reports whether a host is in the file.
func (f *hostFile) has(id uint32) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.durable[id]
}

// save returns when the file has these hosts and what the index says now.
// Errors: ErrStorage; ctx.Err, while the write goes on.
func (f *hostFile) save(ctx context.Context, ids ...uint32) error {
	f.mu.Lock()
	w := f.next
	if w == nil {
		w = &write{done: make(chan struct{})}
		f.next = w
	}
	w.ids = append(w.ids, ids...)
	if !f.running {
		f.running = true
		f.r.work.Go(f.run)
	}
	f.mu.Unlock()
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run writes until nobody waits any more.
func (f *hostFile) run() {
	for {
		f.mu.Lock()
		w := f.next
		f.next = nil
		if w == nil {
			f.running = false
			f.mu.Unlock()
			return
		}
		f.mu.Unlock()
		// Who asked may leave; those who share the write stay.
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		w.err = f.write(ctx, w.ids)
		cancel()
		close(w.done)
	}
}

// attempts is how often others may be faster.
const attempts = 60

func (f *hostFile) write(ctx context.Context, ids []uint32) error {
	f.io.Lock()
	defer f.io.Unlock()
	for i := range attempts {
		f.merge(ids)
		data, err := encode(f.now)
		if err != nil {
			return err
		}
		cond := store.Condition{Match: f.tag, Absent: f.tag == ""}
		o, err := f.r.config.Store.Put(ctx, indexKey, data, cond)
		if err == nil {
			f.tag = o.Tag
			f.mark(ids)
			return nil
		}
		if !errors.Is(err, outcome.Conflict) && !errors.Is(err, outcome.PreconditionFailed) {
			f.tag = "" // unknown: it may have been written
			if rerr := f.read(ctx); rerr == nil && i == 0 {
				continue
			}
			return storage(err)
		}
		if err := f.read(ctx); err != nil {
			return err
		}
		select {
		case <-time.After(rand.N(time.Duration(i+1) * 5 * time.Millisecond)):
		case <-ctx.Done():
			return storage(ctx.Err())
		}
	}
	return outcome.New(ErrStorage, "the file of hosts is written by others all the time")
}

func (f *hostFile) mark(ids []uint32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range ids {
		if !f.durable[id] {
			f.durable[id] = true
			f.r.news.Store(true)
		}
	}
}

// known returns what the hosts of the file provide, in the order of their ids.
func (f *hostFile) known() []Dependencies {
	f.mu.Lock()
	ids := slices.Sorted(maps.Keys(f.durable))
	f.mu.Unlock()
	list := make([]Dependencies, 0, len(ids))
	for _, id := range ids {
		if d, ok := f.r.index.Host(id); ok {
			list = append(list, d)
		}
	}
	return list
}

// merge adds hosts to what the file has, and brings up to date who gets what.
func (f *hostFile) merge(ids []uint32) {
	for _, id := range ids {
		d, ok := f.r.index.Host(id)
		if _, there := f.now[key(id)]; ok && !there {
			f.now[key(id)] = entry{Dependencies: d}
		}
	}
	_, components, _ := f.r.index.Size()
	full := len(f.now)*components <= maxIndexed
	for text, e := range f.now {
		chosen := map[string]string{}
		if id, ok := number(text); ok && full {
			chosen = f.higher(f.r.index.Chosen(id), e.Components)
		}
		e.Components = chosen
		f.now[text] = e
	}
}

// higher takes of two choices the higher version: another process may know of
// versions that this one has not seen yet. What is denied counts for nothing.
func (f *hostFile) higher(a, b map[string]string) map[string]string {
	for name, text := range b {
		mine, err := ParseVersion(a[name])
		theirs, terr := ParseVersion(text)
		if n, nerr := ParseName(name); nerr != nil || terr != nil || f.r.Allowed(n, theirs) != nil {
			continue
		}
		if err != nil || theirs.Compare(mine) > 0 {
			a[name] = text
		}
	}
	return a
}

func key(id uint32) string { return strconv.FormatUint(uint64(id), 10) }

func number(text string) (uint32, bool) {
	id, err := strconv.ParseUint(text, 10, 32)
	return uint32(id), err == nil && key(uint32(id)) == text
}

// load reads the file unless it is as it was read last.
func (f *hostFile) load(ctx context.Context) error {
	f.io.Lock()
	defer f.io.Unlock()
	if f.tag != "" {
		o, err := f.r.config.Store.Head(ctx, indexKey)
		if err == nil && o.Tag == f.tag {
			return nil
		}
		if err != nil && !errors.Is(err, outcome.NotFound) {
			return storage(err) // reading it would fail as slowly
		}
	}
	return f.read(ctx)
}

// read makes known which hosts the file has. The caller holds f.io.
func (f *hostFile) read(ctx context.Context) error {
	data, o, err := f.r.config.Store.Get(ctx, indexKey)
	if errors.Is(err, outcome.NotFound) {
		f.tag, f.now = "", map[string]entry{}
		return nil
	}
	if err != nil {
		return storage(err)
	}
	now := map[string]entry{}
	if err := json.Unmarshal(bytes.TrimSpace(data), &now); err != nil {
		return f.setAside(ctx, data, o.Tag, err)
	}
	f.tag, f.now = o.Tag, now
	f.learn()
	return nil
}

// learn makes the hosts of the file known to the index.
func (f *hostFile) learn() {
	var ids []uint32
	for text, e := range f.now {
		id, ok := number(text)
		got, _, err := f.r.index.AddHost(nonNil(e.Dependencies))
		if err != nil || !ok || got != id {
			f.r.log.Warn("a host in the file of hosts has an id that is not its own", "id", text)
			continue
		}
		ids = append(ids, id)
	}
	f.mark(ids)
}

// setAside keeps a copy of a file that cannot be read, before it is written
// over: it counts as absent.
func (f *hostFile) setAside(ctx context.Context, data []byte, tag string, cause error) error {
	copyKey := "index.json.damaged-" + digest(data)[:12]
	if _, err := f.r.config.Store.Put(ctx, copyKey, data, store.Condition{}); err != nil {
		return storage(err)
	}
	f.r.log.Error("the file of hosts cannot be read and counts as empty; a copy is kept", "copy", copyKey, "error", cause)
	f.tag, f.now = tag, map[string]entry{}
	return nil
}
