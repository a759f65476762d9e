package component

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// manifestName is the file of a version that makes it one: it is written last.
const manifestName = "package.json"

// ours is the key under which a stored package.json has what we add to it.
const ours = "registryd"

// record is one published version. It is not changed once it is in the catalog.
type record struct {
	name    Name
	version pkgref.Version
	dir     string // key of its files in the store, with a slash at the end
	main    string // path of the code
	deps    Dependencies
	files   map[string]stored
}

// stored is one file of a version. A version that somebody else put into the
// store has files without digests.
type stored struct {
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"` // hexadecimal
}

// added is what we add to a package.json that we store.
type added struct {
	Name      string            `json:"name"` // as it was spelled in the URL
	Published time.Time         `json:"published"`
	Nonce     string            `json:"nonce"` // tells our write from another's
	Main      string            `json:"main"`
	Files     map[string]stored `json:"files"` // without package.json
}

// manifest is what matters in a package.json.
type manifest struct {
	Name    string       `json:"name"`
	Version string       `json:"version"`
	Main    string       `json:"main"`
	Peers   Dependencies `json:"peerDependencies"`
	Ours    *added       `json:"registryd"`
}

// readManifest parses a package.json. Errors: ErrContent.
func readManifest(data []byte) (*manifest, error) {
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, outcome.Wrap(ErrContent, err, "package.json cannot be read")
	}
	return &m, nil
}

// writeManifest returns the package.json to store: the publisher's, with the
// dependencies that were used and with what we add.
func writeManifest(data []byte, used Dependencies, a added) ([]byte, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, outcome.Wrap(ErrContent, err, "package.json cannot be read")
	}
	if all == nil {
		return nil, outcome.New(ErrContent, "package.json is no object")
	}
	peers, err := encode(used)
	if err != nil {
		return nil, err
	}
	extra, err := encode(a)
	if err != nil {
		return nil, err
	}
	all["peerDependencies"], all[ours] = peers, extra
	flat, err := encode(all)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, flat, "", "  "); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// encode is json.Marshal that leaves ranges readable: ">=1" stays as it is.
func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return out.Bytes(), err
}

// mainOf returns the path of the code among files, which a package.json names
// as Node reads it. Errors: ErrContent.
func mainOf(main string, has func(path string) bool) (string, error) {
	if main == "" {
		main = "index.js"
	}
	clean := path.Clean(strings.TrimPrefix(main, "./"))
	for _, candidate := range []string{clean, clean + ".js", clean + "/index.js"} {
		if candidate != manifestName && has(candidate) {
			return candidate, nil
		}
	}
	return "", outcome.New(ErrContent, "the main file %q is not in the package", main)
}

// recordOf makes a record of what the store has. others are the files of the
// version, for one that we did not write. Errors: ErrContent.
func recordOf(at place, data []byte, others map[string]stored) (*record, error) {
	m, err := readManifest(data)
	if err != nil {
		return nil, err
	}
	r := &record{name: at.name, version: at.version, dir: at.dir, main: m.Main, deps: nonNil(m.Peers), files: others}
	if m.Ours != nil {
		r.main, r.files = m.Ours.Main, maps.Clone(m.Ours.Files)
		if n, err := ParseName(m.Ours.Name); err == nil && n.Key() == at.name.Key() {
			r.name = n
		}
	}
	has := func(p string) bool { _, ok := r.files[p]; return ok }
	if r.main, err = mainOf(r.main, has); err != nil {
		return nil, err
	}
	if r.files == nil {
		r.files = map[string]stored{}
	}
	r.files[manifestName] = stored{Size: int64(len(data)), SHA256: digest(data)}
	return r, nil
}

// place is where a version lies in the store.
type place struct {
	name    Name
	version pkgref.Version
	dir     string
}

// placeOf reads the key of a file: <name>/<version>/<path>, where the name may
// have a scope. ok is false for what is none of ours (C-S7).
func placeOf(key string) (p place, file string, ok bool) {
	segments := strings.Split(key, "/")
	for _, n := range []int{1, 2} { // segments of the name
		if len(segments) < n+2 || n == 2 && !strings.HasPrefix(key, "@") {
			continue
		}
		v, err := pkgref.ParseVersion(segments[n])
		if err != nil {
			continue
		}
		name, err := ParseName(strings.Join(segments[:n], "/"))
		if err != nil || name.String() != strings.Join(segments[:n], "/") {
			continue
		}
		return place{name, v, strings.Join(segments[:n+1], "/") + "/"}, strings.Join(segments[n+1:], "/"), true
	}
	return place{}, "", false
}

// digestBytes returns the SHA-256 of the file, and whether it is known.
func (s stored) digestBytes() (sum [32]byte, ok bool) {
	b, err := hex.DecodeString(s.SHA256)
	if err != nil || len(b) != len(sum) {
		return sum, false
	}
	return [32]byte(b), true
}

func nonNil(d Dependencies) Dependencies {
	if d == nil {
		return Dependencies{}
	}
	return d
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
