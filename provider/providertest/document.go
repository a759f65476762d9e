package providertest

import (
	"bytes"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/url"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// release is a package with its tarball.
type release struct {
	Package
	tarball []byte
	dist    map[string]any // without the URL
}

func newRelease(p Package) (*release, error) {
	tarball, err := p.Archive()
	if err != nil {
		return nil, err
	}
	sum, weak := sha512.Sum512(tarball), sha1.Sum(tarball)
	r := &release{Package: p, tarball: tarball, dist: map[string]any{"fileCount": len(p.Files)}}
	r.publish("integrity", p.Integrity, "sha512-"+base64.StdEncoding.EncodeToString(sum[:]))
	r.publish("shasum", p.Shasum, hex.EncodeToString(weak[:]))
	return r, nil
}

// publish sets a field of dist: what the package demands, else its own value.
func (r *release) publish(key, demanded, own string) {
	switch demanded {
	case "":
		r.dist[key] = own
	case "-":
	default:
		r.dist[key] = demanded
	}
}

// fields is the document of one version.
func (r *release) fields(base string) map[string]any {
	dist := maps.Clone(r.dist)
	last := r.Name[strings.LastIndexByte(r.Name, '/')+1:]
	switch r.TarballURL {
	case "":
		dist["tarball"] = base + "/" + r.Name + "/-/" + last + "-" + url.PathEscape(r.Version) + ".tgz"
	case "-":
	default:
		dist["tarball"] = r.TarballURL
	}
	return map[string]any{
		"_id":     r.Name + "@" + r.Version,
		"name":    r.Name,
		"version": r.Version,
		"scripts": map[string]string{"test": "exit 1"},
		"dist":    dist,
	}
}

func (r *release) document(base string) []byte { return encode(r.fields(base)) }

// build makes the full document.
func (p *pack) build(name, base string) []byte {
	versions := make(map[string]any, len(p.versions))
	times := map[string]string{}
	for v, r := range p.versions {
		versions[v] = r.fields(base)
		times[v] = r.published().UTC().Format(time.RFC3339Nano)
		times["created"], times["modified"] = times[v], times[v]
	}
	return encode(map[string]any{
		"_id":       name,
		"name":      name,
		"dist-tags": p.tags,
		"versions":  versions,
		"time":      times,
		"readme":    "# " + name + "\n\n\"quoted\" \\ text\n",
	})
}

// compress returns b gzipped, nil if that fails.
func compress(b []byte) []byte {
	var out bytes.Buffer
	zw, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil
	}
	if _, err := zw.Write(b); err != nil {
		return nil
	}
	if err := zw.Close(); err != nil {
		return nil
	}
	return out.Bytes()
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte(`{"error":"the fake registry made a document that is no JSON"}`)
	}
	return b
}
