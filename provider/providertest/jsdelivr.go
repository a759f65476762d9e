package providertest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The kinds of request that a JSDelivr receives, beside Document, which is a
// package with its versions, and Other.
const (
	FileList Kind = "file list" // the files of one version
	File     Kind = "file"      // one of them, from the CDN
)

// JSDelivr is a fake of jsDelivr: its data API on one host, its CDN on another.
// Like the original it tells routes by a literal "@", reads names of
// repositories without regard to case, reports its errors as JSON on the API
// and as text on the CDN, and answers 403 for what is too large. Safe for
// concurrent use.
type JSDelivr struct {
	front
	source   string // npm or gh
	packages map[string][]*Package
	tooLarge map[string]bool // by name
}

// NewJSDelivr starts both hosts; the test's end stops them. source is npm or
// gh, where names are @owner/repo.
func NewJSDelivr(t testing.TB, source string, packages ...Package) *JSDelivr {
	t.Helper()
	j := &JSDelivr{source: source, packages: make(map[string][]*Package), tooLarge: make(map[string]bool)}
	j.listen(t, j.serveAPI)
	j.listen(t, j.serveCDN)
	for i := range packages {
		j.Add(packages[i])
	}
	return j
}

// API and CDN are the base URLs, without a slash at the end.
func (j *JSDelivr) API() string { return j.servers[0].URL }

// CDN is the base URL of the files.
func (j *JSDelivr) CDN() string { return j.servers[1].URL }

// Add publishes a package; a version that exists is replaced.
func (j *JSDelivr) Add(p Package) {
	j.mu.Lock()
	defer j.mu.Unlock()
	key := j.key(p.Name)
	j.packages[key] = append(slices.DeleteFunc(j.packages[key], func(o *Package) bool { return o.Version == p.Version }), &p)
}

// TooLarge makes all versions of a package exceed the size limit.
func (j *JSDelivr) TooLarge(name string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.tooLarge[j.key(name)] = true
}

// key is how a package is looked up, by its name here or there.
func (j *JSDelivr) key(name string) string {
	if j.source == "gh" {
		return strings.ToLower(strings.TrimPrefix(name, "@"))
	}
	return name
}

func (j *JSDelivr) version(name, version string) *Package {
	for _, p := range j.packages[j.key(name)] {
		if p.Version == strings.TrimPrefix(version, "v") {
			return p
		}
	}
	return nil
}

// nameRE matches what stands for a package in a raw path.
const nameRE = `((?:@[^/@]+/)?[^/@]+|[^/@]+/[^/@]+)`

var (
	apiRoute = regexp.MustCompile(`^/v1/packages/(npm|gh)/` + nameRE + `(?:@([^/]+))?$`)
	cdnRoute = regexp.MustCompile(`^/(npm|gh)/` + nameRE + `@([^/]+)(/.+)$`)
)

// route matches a raw path and decodes its parts.
func (j *JSDelivr) route(re *regexp.Regexp, r *http.Request) []string {
	m := re.FindStringSubmatch(r.URL.EscapedPath())
	if m == nil || m[1] != j.source || strings.Contains(m[2], "/") != (j.source == "gh" || m[2][0] == '@') {
		return nil
	}
	for i := range m {
		m[i], _ = url.PathUnescape(m[i]) // the server refuses what is malformed
	}
	return m
}

func failure(status int, message string) stock {
	return stock{status: status, contentType: "application/json; charset=utf-8", body: encode(map[string]any{"status": status, "message": message})}
}

func (j *JSDelivr) serveAPI(w http.ResponseWriter, r *http.Request) {
	switch m := j.route(apiRoute, r); {
	case m == nil:
		j.answer(w, r, Other, func() stock { return failure(http.StatusNotFound, "Not Found") })
	case m[3] == "":
		j.answer(w, r, Document, func() stock { return j.document(m[2]) })
	default:
		j.answer(w, r, FileList, func() stock { return j.list(m[2], m[3], r.URL.Query().Get("structure")) })
	}
}

func (j *JSDelivr) document(name string) stock {
	packages := j.packages[j.key(name)]
	if len(packages) == 0 {
		return failure(http.StatusNotFound, "Couldn't fetch versions for "+name+".")
	}
	tags, versions := map[string]string{}, []any{}
	for _, p := range slices.Backward(packages) {
		versions = append(versions, map[string]any{"version": p.Version, "links": map[string]string{"self": j.API() + "/v1", "stats": j.API() + "/v1"}})
		for _, tag := range p.Tags {
			if j.source == "npm" {
				tags[tag] = p.Version
			}
		}
	}
	return document(map[string]any{
		"type": j.source, "name": name, "tags": tags, "versions": versions, "links": map[string]string{"stats": j.API() + "/v1"},
	})
}

func document(fields map[string]any) stock {
	body := encode(fields)
	return stock{
		status: http.StatusOK, body: body, contentType: "application/json; charset=utf-8", packs: true, etag: "W/" + etagOf(body),
	}
}

func etagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + hex.EncodeToString(sum[:8]) + `"`
}

func (j *JSDelivr) list(name, version, structure string) stock {
	p := j.version(name, version)
	switch {
	case p == nil:
		return failure(http.StatusNotFound, fmt.Sprintf("Couldn't find version %s for %s. Make sure you use a specific version number, and not a version range or a tag.", version, name))
	case j.tooLarge[j.key(name)]:
		return failure(http.StatusForbidden, "Package size exceeded the configured limit of 150 MB.")
	}
	files := []any{}
	for _, f := range slices.Sorted(maps.Keys(p.Files)) {
		sum := sha256.Sum256(p.Files[f])
		files = append(files, map[string]any{"name": "/" + f, "hash": base64.StdEncoding.EncodeToString(sum[:]), "size": len(p.Files[f])})
	}
	if structure != "flat" {
		files = []any{map[string]any{"type": "directory", "name": "dist", "files": files}}
	}
	return document(map[string]any{
		"type": j.source, "name": name, "version": p.Version, "default": nil, "files": files, "links": map[string]string{"stats": j.API() + "/v1"},
	})
}

func (j *JSDelivr) serveCDN(w http.ResponseWriter, r *http.Request) {
	m := j.route(cdnRoute, r)
	j.answer(w, r, File, func() stock {
		if m == nil {
			return plain(http.StatusBadRequest, "Invalid URL.")
		}
		p := j.version(m[2], m[3])
		if p == nil {
			return plain(http.StatusNotFound, "Couldn't find the requested release version "+m[3]+".")
		}
		if j.tooLarge[j.key(m[2])] {
			return plain(http.StatusForbidden, "Package size exceeded the configured limit of 150 MB. Try https://host.example/ instead.")
		}
		body, ok := p.Files[m[4][1:]]
		if !ok {
			return plain(http.StatusNotFound, "Couldn't find the requested file "+m[4]+" in "+m[2]+".")
		}
		return stock{status: http.StatusOK, body: body, contentType: mime.TypeByExtension(path.Ext(m[4])), packs: true, etag: `W/"` + p.Version + `"`}
	})
}

func plain(status int, text string) stock {
	return stock{status: status, body: []byte(text), contentType: "text/plain; charset=utf-8"}
}
