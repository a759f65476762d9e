package accel

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/mediatype"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/registry"
)

// metaHead is common to the metadata of files and directories.
type metaHead struct {
	Package string `json:"package"`
	Version string `json:"version"`
}

type metaFile struct {
	Path        string `json:"path"` // from the package root, with a leading slash
	Type        string `json:"type"`
	Size        *int64 `json:"size,omitempty"` // bytes; absent while it is not known
	Integrity   string `json:"integrity,omitempty"`
	ContentType string `json:"contentType,omitempty"`
}

type fileMeta struct {
	metaHead
	metaFile
}

type directoryMeta struct {
	metaHead
	Path  string     `json:"path"`
	Type  string     `json:"type"`
	Files []metaFile `json:"files"`
}

// meta answers ?meta from the manifest.
func (h *Handler) meta(w http.ResponseWriter, r *http.Request, q pkgref.Ref) error {
	a, err := h.Registry.Describe(r.Context(), q)
	if err != nil {
		return err
	}
	var v any
	var release string
	switch {
	case a.Redirect != nil:
		h.redirect(w, a.Redirect, query(true))
		return nil
	case a.File != nil:
		release = a.File.Release
		v = fileMeta{headOf(a.File.Manifest), describe(a.File.File)}
	default:
		release = a.Listing.Release
		v = describeDirectory(a.Listing)
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode metadata: %w", err)
	}
	header := w.Header()
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("Cache-Control", metaControl(a, release))
	header.Set("X-Accel-Expires", strconv.Itoa(h.keepMeta(release)))
	send(w, r, append(data, '\n'))
	return nil
}

// metaControl is how long clients keep metadata: that of a release whose files
// are found one by one still grows.
func metaControl(a *registry.Answer, release string) string {
	if a.Listing != nil && a.Listing.Manifest.Open || a.File != nil && a.File.Manifest.Open {
		return shortLife
	}
	return cacheControl(release)
}

// keepMeta is how long nginx keeps metadata, in seconds: as long as a redirect,
// so that a version that is denied meanwhile is not described for longer.
func (h *Handler) keepMeta(release string) int {
	if release == "main" {
		return 0
	}
	return int(h.Period.Seconds())
}

// send writes a body that is whole in memory.
func send(w http.ResponseWriter, r *http.Request, data []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(data) // the client may have left
	}
}

func headOf(m *cache.Manifest) metaHead {
	return metaHead{Package: string(m.Name), Version: m.Version.String()}
}

func describe(f cache.File) metaFile {
	meta := metaFile{Path: "/" + f.Path, Type: "file", Integrity: registry.SRI(f), ContentType: mediatype.Of(f.Path)}
	if f.Size >= 0 {
		meta.Size = &f.Size
	}
	return meta
}

func describeDirectory(l *registry.Listing) directoryMeta {
	files := l.Manifest.Below(l.Path)
	meta := directoryMeta{metaHead: headOf(l.Manifest), Path: "/" + l.Path, Type: "directory", Files: make([]metaFile, len(files))}
	for i, f := range files {
		meta.Files[i] = describe(f)
	}
	return meta
}
