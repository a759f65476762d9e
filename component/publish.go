package component

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"hash/fnv"
	"strings"
	"time"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/store"
)

// Publication is what somebody publishes.
type Publication struct {
	Name    Name           // of the component
	Version pkgref.Version // without build metadata
	// Files are those of the package by path, package.json among them.
	Files map[string][]byte
	// Dependencies are those that hosts must have; nil: those that package.json
	// names as peers.
	Dependencies Dependencies
	By           string // who, for the audit log
}

// orphanAge is how old a file of an unfinished publication must be on a shared
// store before another may replace it. A publication ends long before.
const orphanAge = 15 * time.Minute

// publishTime bounds one publication.
const publishTime = 2 * time.Minute

// Publish makes a version known for ever, and returns the hosts that get it.
// Files are stored before package.json, which makes them a version; so a
// publication that dies on the way leaves none. Errors: those of Gate.Check for a
// version that is denied; ErrNoPackage, ErrContent, ErrExists, ErrStorage.
func (r *Registry) Publish(ctx context.Context, p Publication) (map[uint32]Mismatches, error) {
	if err := r.ready(); err != nil {
		return nil, err
	}
	if err := r.Allowed(p.Name, p.Version); err != nil {
		return nil, err
	}
	used, main, err := check(p)
	if err != nil {
		return nil, err
	}
	// Who published may leave; what he began is ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishTime)
	defer cancel()
	lock := r.lock(p)
	lock.Lock()
	defer lock.Unlock()
	if _, err := r.Exact(ctx, p.Name, p.Version); err == nil {
		return nil, exists(p)
	} else if !errors.Is(err, ErrNoComponent) {
		return nil, err
	}
	if r.config.Shared {
		// Whoever publishes is told of the hosts of all processes.
		if err := r.hosts.load(ctx); err != nil {
			return nil, err
		}
	}
	rec, err := r.store(ctx, p, used, main)
	if err != nil {
		return nil, err
	}
	moved := r.know(rec)
	r.announce(ctx, moved)
	return moved, nil
}

// announce says in the store what was published. The version is there already,
// so failing changes nothing about that.
func (r *Registry) announce(ctx context.Context, moved map[uint32]Mismatches) {
	hosts, components, _ := r.index.Size()
	if len(moved) > 0 && hosts*components <= maxIndexed {
		if err := r.hosts.save(ctx); err != nil {
			r.log.Warn("the file of hosts does not say yet who gets the new version", "error", err)
		}
	}
	if !r.config.Shared {
		return
	}
	if _, err := r.config.Store.Put(ctx, revisionKey, []byte(rand.Text()), store.Condition{}); err != nil {
		r.log.Warn("other processes on the component store learn of the new version later", "error", err)
	}
}

func exists(p Publication) error {
	return outcome.New(ErrExists, "%s %s was published before, and versions do not change", p.Name, p.Version)
}

// lock returns what publications of one version take in turn.
func (r *Registry) lock(p Publication) interface {
	Lock()
	Unlock()
} {
	h := fnv.New32a()
	h.Write([]byte(recordKey(p.Name, p.Version)))
	return &r.locks[h.Sum32()%uint32(len(r.locks))]
}

// check looks at a publication before anything of it is stored, and returns the
// dependencies to use and the path of the code.
func check(p Publication) (used Dependencies, main string, err error) {
	data, ok := p.Files[manifestName]
	if !ok {
		return nil, "", outcome.New(ErrNoPackage, "the package has no package.json at its root")
	}
	m, err := readManifest(data)
	if err != nil {
		return nil, "", err
	}
	if m.Name != "" {
		if n, err := ParseName(m.Name); err != nil || n.Key() != p.Name.Key() && strings.ReplaceAll(n.Key(), "/", "") != p.Name.Key() {
			return nil, "", outcome.New(ErrContent, "package.json is of %q, not of %s", m.Name, p.Name)
		}
	}
	if m.Version != "" {
		if v, err := ParseVersion(m.Version); err != nil || v != p.Version {
			return nil, "", outcome.New(ErrContent, "package.json is of version %q, not of %s", m.Version, p.Version)
		}
	}
	if main, err = mainOf(m.Main, func(path string) bool { _, ok := p.Files[path]; return ok }); err != nil {
		return nil, "", err
	}
	if used = p.Dependencies; used == nil {
		used = nonNil(m.Peers)
	}
	return used, main, checkRanges(used)
}

// checkRanges refuses ranges that nobody can read. Errors: ErrDependencies.
func checkRanges(d Dependencies) error {
	for _, name := range sortedKeys(d) {
		if _, err := pkgref.ParseRange(d[name]); err != nil {
			return outcome.Wrap(ErrDependencies, err, "peer dependency %q has no valid range", name)
		}
	}
	return nil
}

// store writes the files of a version, and package.json last. What it wrote is
// taken away again when it fails.
func (r *Registry) store(ctx context.Context, p Publication, used Dependencies, main string) (*record, error) {
	a := added{Name: p.Name.String(), Published: r.now().UTC(), Nonce: rand.Text(), Main: main, Files: map[string]stored{}}
	for path, data := range p.Files {
		if path != manifestName {
			a.Files[path] = stored{Size: int64(len(data)), SHA256: digest(data)}
		}
	}
	final, err := writeManifest(p.Files[manifestName], used, a)
	if err != nil {
		return nil, err
	}
	at := place{p.Name, p.Version, p.Name.Key() + "/" + p.Version.String() + "/"}
	rec, err := recordOf(at, final, nil)
	if err != nil {
		return nil, err
	}
	return rec, r.commit(ctx, p, rec, final)
}

func (r *Registry) commit(ctx context.Context, p Publication, rec *record, final []byte) error {
	var written []string
	undo := func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		for _, key := range written {
			if err := r.config.Store.Delete(ctx, key); err != nil {
				r.log.Warn("a file of a failed publication is left behind", "key", key, "error", err)
			}
		}
	}
	for _, path := range sortedKeys(p.Files) {
		if path == manifestName {
			continue
		}
		key := rec.dir + path
		ours, err := r.create(ctx, p, key, p.Files[path])
		if ours {
			written = append(written, key)
		}
		if err != nil {
			undo()
			return err
		}
	}
	_, err := r.config.Store.Put(ctx, rec.dir+manifestName, final, store.Condition{Absent: true})
	if err != nil {
		err = r.uncertain(ctx, p, rec.dir+manifestName, final, err, undo)
	}
	if err != nil || len(written) == len(p.Files)-1 {
		return err
	}
	return r.fill(ctx, p, rec)
}

// fill writes again what was there already: it was another publication's, which
// takes its files away when it fails.
func (r *Registry) fill(ctx context.Context, p Publication, rec *record) error {
	for _, path := range sortedKeys(rec.files) {
		if path == manifestName {
			continue
		}
		_, err := r.config.Store.Put(ctx, rec.dir+path, p.Files[path], store.Condition{Absent: true})
		if err != nil && !errors.Is(err, outcome.Conflict) {
			return storage(err)
		}
	}
	return nil
}

// uncertain finds out what became of the write that makes a version: an answer
// that was lost, or a repeated request, looks like a failure.
func (r *Registry) uncertain(ctx context.Context, p Publication, key string, final []byte, cause error, undo func()) error {
	got, _, err := r.config.Store.Get(ctx, key)
	switch {
	case err == nil && bytes.Equal(got, final):
		return nil
	case err == nil:
		// Another process was faster, and its files are those of the version.
		return exists(p)
	case errors.Is(err, outcome.NotFound):
		undo()
	default:
		// It may have been written, and then its files must stay.
		r.log.Warn("it is not known whether a version was published", "key", key, "error", err)
	}
	return storage(cause)
}

// create writes one file of a version that has no package.json yet; ours is
// false for one that was there with the same bytes. Errors: ErrExists when the
// version appeared meanwhile; ErrStorage.
func (r *Registry) create(ctx context.Context, p Publication, key string, data []byte) (ours bool, err error) {
	s := r.config.Store
	_, err = s.Put(ctx, key, data, store.Condition{Absent: true})
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, outcome.Conflict) {
		if errors.Is(err, outcome.Invalid) {
			return false, outcome.New(ErrContent, "%s has a name that cannot be kept", strings.TrimPrefix(key, p.Name.Key()+"/"))
		}
		return true, storage(err) // it may have been written
	}
	there, o, err := s.Get(ctx, key)
	if err != nil {
		return false, storage(err)
	}
	if bytes.Equal(there, data) {
		return false, nil
	}
	return r.replace(ctx, p, o, data)
}

// replace puts data in the place of what an unfinished publication left.
func (r *Registry) replace(ctx context.Context, p Publication, o store.Object, data []byte) (ours bool, err error) {
	if _, err := r.Exact(ctx, p.Name, p.Version); err == nil {
		return false, exists(p)
	}
	if r.config.Shared && r.now().Sub(o.Modified) < orphanAge {
		return false, outcome.New(ErrStorage, "another publication of %s %s is not finished", p.Name, p.Version)
	}
	if _, err = r.config.Store.Put(ctx, o.Key, data, store.Condition{Match: o.Tag}); err != nil {
		return false, storage(err)
	}
	return true, nil
}
