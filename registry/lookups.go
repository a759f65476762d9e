package registry

import (
	"sync/atomic"

	"github.com/registryd/registryd/internal/flight"
)

// Lookup counts how often a layer of the cache was asked, by what came of it.
type Lookup struct {
	// Layer is "view", files that nginx can serve; "release", what is known of
	// exact versions; or "list", the version lists that ranges and tags go by.
	Layer string
	// Result is "hit"; "miss", something had to be fetched or made; "absent", it is
	// known not to be there; or "stale", a list past its time was good enough.
	Result string
	Count  uint64 // since the start
}

// lookup is one counter of lookups.
type lookup int

const (
	viewHit lookup = iota
	viewMiss
	releaseHit
	releaseAbsent
	releaseMiss
	listHit
	listStale
	listMiss
	numLookups
)

// lookups are counted on the way of every request, so they cost no more than an
// addition. The zero value has seen none.
type lookups [numLookups]atomic.Uint64

func (l *lookups) count(what lookup) { l[what].Add(1) }

// Lookups returns how often each layer of the cache was asked. A request may ask
// a layer more than once, or none of them.
func (r *Registry) Lookups() []Lookup {
	list := []Lookup{
		viewHit: {Layer: "view", Result: "hit"}, viewMiss: {Layer: "view", Result: "miss"},
		releaseHit:    {Layer: "release", Result: "hit"},
		releaseAbsent: {Layer: "release", Result: "absent"}, releaseMiss: {Layer: "release", Result: "miss"},
		listHit: {Layer: "list", Result: "hit"}, listStale: {Layer: "list", Result: "stale"}, listMiss: {Layer: "list", Result: "miss"},
	}
	for i := range list {
		list[i].Count = r.lookups[i].Load()
	}
	return list
}

// Work counts one kind of work that concurrent requests share.
type Work struct {
	// Kind is "release", "file" of a files release, "list" of versions, or "main",
	// its first designation.
	Kind string
	flight.Counts
}

// Work returns the counts of each kind of shared work.
func (r *Registry) Work() []Work {
	return []Work{
		{"release", r.releases.Counts()}, {"file", r.files.Counts()}, {"list", r.refresh.Counts()}, {"main", r.mains.Counts()},
	}
}
