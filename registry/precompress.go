package registry

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/lru"
	"github.com/registryd/registryd/internal/mediatype"
	"github.com/registryd/registryd/internal/outcome"
)

// Precompress says of which files compressed siblings are made.
type Precompress struct {
	Min, Max int64 // size of a file in bytes; a Max of 0 makes none at all
}

const (
	// compressions bounds the files that wait for their siblings, at roughly 200
	// bytes each. More than that are left as they are.
	compressions = 32_768
	// compressedFor is how long a file that had its turn is not looked at again.
	compressedFor = 10 * time.Minute
	// fullFor is how long nothing is compressed once the disk was full.
	fullFor = 30 * time.Second
)

// compressor makes siblings, one file at a time, behind everybody's back.
type compressor struct {
	jobs chan compression
	had  *lru.Map[string, struct{}] // files that wait, or had their turn
}

// compression is a file that is to have siblings.
type compression struct {
	m   *cache.Manifest
	f   cache.File
	key string
}

func newCompressor(now func() time.Time) compressor {
	return compressor{jobs: make(chan compression, compressions), had: lru.New[string, struct{}](compressions, now)}
}

// Compressions returns how many files wait for their siblings.
func (r *Registry) Compressions() int { return len(r.compressor.jobs) }

// precompress lets a file that is in the view have siblings some time later. It
// does not wait.
func (r *Registry) precompress(m *cache.Manifest, f cache.File) {
	limits := r.gen.Load().Precompress
	if f.Size < limits.Min || f.Size > limits.Max || !mediatype.Compressible(f.Path) || !m.Siblings(f) {
		return
	}
	key := m.Ref() + "/" + f.Path + string(f.SHA256[:4])
	if _, had := r.compressor.had.Get(key); had {
		return
	}
	r.compressor.had.Put(key, struct{}{}, 1, compressedFor)
	select {
	case r.compressor.jobs <- compression{m, f, key}:
	default: // too much to do: the file is served as it is
		r.compressor.had.Delete(key)
	}
}

// compress makes siblings until ctx ends.
func (r *Registry) compress(ctx context.Context) {
	stepBack()
	for {
		select {
		case <-ctx.Done():
			return
		case job := <-r.compressor.jobs:
			r.compressOne(ctx, job)
		}
	}
}

func (r *Registry) compressOne(ctx context.Context, job compression) {
	start := time.Now()
	n, err := r.cache.Precompress(ctx, job.m, job.f, r.gate(job.m))
	switch {
	case ctx.Err() != nil:
		return
	case errors.Is(err, cache.ErrStale), errors.Is(err, outcome.Forbidden):
		r.compressor.had.Delete(job.key) // it may come back
		return
	}
	r.observe(Event{Kind: EventPrecompress, Provider: job.m.Provider, Err: err, Bytes: n, Duration: time.Since(start)})
	if err == nil {
		return
	}
	r.compressor.had.Delete(job.key)
	r.log.Warn("cannot keep a compressed copy", "pkg", job.m.Name, "version", job.m.Version.String(), "file", job.f.Path, "error", err)
	if errors.Is(err, outcome.Busy) { // the disk has no room, and what is asked for comes first
		select {
		case <-ctx.Done():
		case <-time.After(fullFor):
		}
	}
}

// Sibling is a compressed copy of a served file.
type Sibling struct {
	*os.File        // its bytes
	Encoding string // value of Content-Encoding
}

// OpenSibling opens the compressed copy of a served file in the first of the
// codings that has one, for a daemon without nginx. The caller closes it.
// Errors: outcome.NotFound, where there is none; outcome.Busy.
func (r *Registry) OpenSibling(s *Served, accepts func(coding string) bool) (*Sibling, error) {
	if s.Loose != nil || s.Manifest == nil || !s.Manifest.Siblings(s.File) {
		return nil, outcome.Plain(outcome.NotFound, "no compressed copy")
	}
	for _, e := range cache.Encodings() {
		if !accepts(e.Name) {
			continue
		}
		f, err := r.cache.OpenSibling(s.Name, s.Manifest.Version.String(), s.File, e)
		if err == nil {
			return &Sibling{File: f, Encoding: e.Name}, nil
		}
		if errors.Is(err, outcome.Busy) {
			return nil, err
		}
	}
	return nil, outcome.Plain(outcome.NotFound, "no compressed copy")
}
