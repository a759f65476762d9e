package providertest

import (
	"mime"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
)

// Versions is the kind of request for a list of versions that a FileServer
// receives.
const Versions Kind = "versions"

// FileServer is a fake of a web server that has the files of packages, at
// /files/<name>/<version>/<path>, and lists of versions at
// /versions/<name>.json. Safe for concurrent use.
type FileServer struct {
	front
	packages map[string][]*Package
	shape    Shape
}

// Shape says what a FileServer's lists of versions look like.
type Shape string

// The shapes of lists.
const (
	Plain   Shape = "array"  // ["1.0.0"], without tags
	Tagged  Shape = "tagged" // {"versions":["1.0.0"],"tags":{…}}
	LikeNPM Shape = "npm"    // {"versions":{"1.0.0":{…}},"dist-tags":{…}}
)

// NewFileServer starts a server; the test's end stops it.
func NewFileServer(t testing.TB, shape Shape, packages ...Package) *FileServer {
	t.Helper()
	s := &FileServer{packages: make(map[string][]*Package), shape: shape}
	s.listen(t, s.serve)
	for i := range packages {
		s.Add(packages[i])
	}
	return s
}

// Files and Lists are the templates of its URLs.
func (s *FileServer) Files() string { return s.servers[0].URL + "/files/{name}/{version}/{path}" }

// Lists is the template of the URLs of lists of versions.
func (s *FileServer) Lists() string { return s.servers[0].URL + "/versions/{name}.json" }

// Add publishes a package; a version that exists is replaced.
func (s *FileServer) Add(p Package) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packages[p.Name] = append(slices.DeleteFunc(s.packages[p.Name], func(o *Package) bool { return o.Version == p.Version }), &p)
}

func (s *FileServer) serve(w http.ResponseWriter, r *http.Request) {
	raw := r.URL.EscapedPath()
	if name, ok := strings.CutPrefix(raw, "/versions/"); ok {
		name, _ = url.PathUnescape(strings.TrimSuffix(name, ".json")) // the server refuses what is malformed
		s.answer(w, r, Versions, func() stock { return s.list(name) })
		return
	}
	rest, ok := strings.CutPrefix(raw, "/files/")
	if !ok {
		s.answer(w, r, Other, func() stock { return plain(http.StatusNotFound, "no such page") })
		return
	}
	s.answer(w, r, File, func() stock { return s.file(rest) })
}

// file finds the file at <name>/<version>/<path>.
func (s *FileServer) file(raw string) stock {
	parts := strings.Split(raw, "/")
	for i := range parts {
		parts[i], _ = url.PathUnescape(parts[i])
	}
	n := 1
	if strings.HasPrefix(raw, "@") {
		n = 2
	}
	if len(parts) < n+2 {
		return plain(http.StatusNotFound, "no such file")
	}
	for _, p := range s.packages[strings.Join(parts[:n], "/")] {
		name := strings.Join(parts[n+1:], "/")
		if body, ok := p.Files[name]; ok && p.Version == parts[n] {
			return stock{status: http.StatusOK, body: body, contentType: mime.TypeByExtension(path.Ext(name)), etag: `"` + p.Version + `"`}
		}
	}
	return plain(http.StatusNotFound, "no such file")
}

func (s *FileServer) list(name string) stock {
	packages := s.packages[name]
	if len(packages) == 0 {
		return plain(http.StatusNotFound, "no such package")
	}
	texts, objects, tags := []string{}, map[string]any{}, map[string]string{}
	for _, p := range packages {
		texts = append(texts, p.Version)
		objects[p.Version] = map[string]any{"name": name, "version": p.Version, "dist": map[string]any{"shasum": ""}}
		for _, tag := range p.Tags {
			tags[tag] = p.Version
		}
	}
	switch s.shape {
	case Plain:
		return listOf(texts)
	case Tagged:
		return listOf(map[string]any{"versions": texts, "tags": tags})
	}
	return listOf(map[string]any{"name": name, "versions": objects, "dist-tags": tags, "readme": "# " + name})
}

func listOf(v any) stock {
	body := encode(v)
	return stock{status: http.StatusOK, body: body, contentType: "application/json", etag: etagOf(body), packs: true}
}
