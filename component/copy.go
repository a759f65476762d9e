package component

import "encoding/json"

// Memory keeps texts of a process between its starts. Safe for concurrent use.
type Memory interface {
	// Note returns what PutNote kept under a plain word, "" if nothing.
	Note(key string) string
	// PutNote keeps a text. Errors: outcome.Busy.
	PutNote(key, text string) error
}

// copied is what was known of a shared store, for a start while it is away.
type copied struct {
	Hosts    []Dependencies  `json:"hosts"`
	Versions []copiedVersion `json:"versions"`
}

type copiedVersion struct {
	Name  string            `json:"name"` // as it was spelled
	Dir   string            `json:"dir"`  // in the store
	Main  string            `json:"main"`
	Deps  Dependencies      `json:"dependencies"`
	Files map[string]stored `json:"files"`
}

// copyKey is where the copy of this store is.
func (r *Registry) copyKey() string { return "components-" + digest([]byte(r.config.Place))[:16] }

// remember keeps a copy of what is known, if there is news.
func (r *Registry) remember() {
	if r.config.Memory == nil || !r.config.Shared || !r.news.Swap(false) {
		return
	}
	text, err := encode(r.copied())
	if err == nil {
		err = r.config.Memory.PutNote(r.copyKey(), string(text))
	}
	if err != nil {
		r.news.Store(true)
		r.log.Warn("cannot keep a copy of what the component store has", "error", err)
	}
}

func (r *Registry) copied() copied {
	c := copied{Hosts: r.hosts.known(), Versions: []copiedVersion{}}
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, key := range sortedKeys(r.records) {
		rec := r.records[key]
		c.Versions = append(c.Versions, copiedVersion{rec.name.String(), rec.dir, rec.main, rec.deps, rec.files})
	}
	return c
}

// recall makes known what the copy has. A copy that cannot be read counts as
// absent.
func (r *Registry) recall() {
	if r.config.Memory == nil || !r.config.Shared {
		return
	}
	text := r.config.Memory.Note(r.copyKey())
	if text == "" {
		return
	}
	var c copied
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		r.log.Warn("the copy of what the component store had cannot be read", "note", r.copyKey(), "error", err)
		return
	}
	var ids []uint32
	for _, d := range c.Hosts {
		if id, _, err := r.index.AddHost(nonNil(d)); err == nil {
			ids = append(ids, id)
		}
	}
	r.hosts.mark(ids)
	for _, v := range c.Versions {
		if rec := v.record(); rec != nil {
			r.know(rec)
		}
	}
	r.behind.Store(true)
	r.loaded.Store(true)
	r.log.Warn("what the component store had is known from a copy until it can be read", "hosts", len(ids), "versions", len(c.Versions))
}

// record returns the version, nil for one that makes no sense.
func (v copiedVersion) record() *record {
	at, _, ok := placeOf(v.Dir + manifestName)
	n, err := ParseName(v.Name)
	if _, has := v.Files[v.Main]; !ok || !has || err != nil || n.Key() != at.name.Key() {
		return nil
	}
	return &record{name: n, version: at.version, dir: at.dir, main: v.Main, deps: nonNil(v.Deps), files: v.Files}
}
