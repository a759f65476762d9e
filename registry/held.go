package registry

import (
	"time"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// HeldPackage tells what is held of one package.
type HeldPackage struct {
	Name     string        `json:"name"`           // of the package
	Main     string        `json:"main,omitempty"` // version, or "link" or "directory" for what a person made
	Pin      *cache.Pin    `json:"pin,omitempty"`  // the record of the last designation; nil: none
	Versions []HeldRelease `json:"versions"`       // in the order of their texts; never nil
}

// HeldRelease tells what is held of one release.
type HeldRelease struct {
	Version   string    `json:"version"`            // exact
	Provider  string    `json:"provider"`           // that served it
	Published time.Time `json:"published,omitzero"` // zero: not known
	Fetched   time.Time `json:"fetched"`            // when it was taken in
	Files     int       `json:"files"`              // that the manifest lists
	Tarball   int64     `json:"tarballBytes"`       // 0 for a files release
	Unpacked  int64     `json:"unpackedBytes"`      // of the files whose size is known
	// Viewed are the bytes of the files that the view holds.
	Viewed int64 `json:"viewBytes"`
	// Used is when a file was last read; the file system may say so only daily.
	Used time.Time `json:"used,omitzero"`
}

// HeldNames returns the packages of which anything is held.
func (r *Registry) HeldNames() []pkgref.Name { return r.cache.Names() }

// Pin returns the record of the last designation of a package. Errors:
// outcome.NotFound without one; outcome.Busy where the disk fails.
func (r *Registry) Pin(name pkgref.Name) (cache.Pin, error) { return r.cache.Pin(name) }

// Held tells what is held of a package. Errors: outcome.NotFound.
func (r *Registry) Held(name pkgref.Name) (*HeldPackage, error) {
	if !r.cache.Known(name) {
		return nil, outcome.New(outcome.NotFound, "nothing of %s is held", name)
	}
	h := &HeldPackage{Name: string(name), Versions: []HeldRelease{}}
	if pin, err := r.cache.Pin(name); err == nil {
		h.Pin = &pin
	}
	if main, err := r.cache.Main(name); err == nil {
		h.Main = map[cache.MainKind]string{
			cache.MainPin: main.Version.String(), cache.MainLink: "link", cache.MainDir: "directory",
		}[main.Kind]
	}
	for _, v := range r.cache.Held(name) {
		m, err := r.cache.Manifest(name, v)
		if err != nil {
			continue // evicted meanwhile
		}
		viewed, used := r.cache.Usage(m)
		h.Versions = append(h.Versions, HeldRelease{
			Version: v.String(), Provider: m.Provider, Published: m.Published, Fetched: m.Fetched,
			Files: len(m.Files()), Tarball: m.BlobSize, Unpacked: m.Unpacked(), Viewed: viewed, Used: used,
		})
	}
	return h, nil
}
