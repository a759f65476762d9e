package providertest

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"golang.org/x/tools/txtar"
)

// Package is one version of a package as a source publishes it.
type Package struct {
	Name    string            // with its scope
	Version string            // exact
	Files   map[string][]byte // path, without a leading slash → content
	// Published is the publish time; zero: a fixed day in 2020.
	Published time.Time
	Tags      []string // dist-tags that name this version

	// Root is the leading directory of the tarball; "" is "package".
	Root string
	// Extra members follow the files in the tarball, exactly as given.
	Extra []Member
	// Tarball takes the place of the tarball that would be built.
	Tarball []byte
	// Integrity takes the place of the tarball's own in the documents; "-"
	// publishes none.
	Integrity string
	// Shasum, likewise.
	Shasum string
	// TarballURL takes the place of the URL in the documents; "-" publishes none.
	TarballURL string
}

// Member is one raw member of a tarball.
type Member struct {
	Header tar.Header // Size is set from Body where it is 0
	Body   []byte     // as it stands
}

// Generate returns a package of n files of size bytes each, with content that
// does not compress to nothing and is the same in every run.
func Generate(name, version string, n, size int) Package {
	files := map[string][]byte{"package.json": manifest(name, version)}
	seed := uint64(len(name)*31 + len(version))
	for i := range n {
		body := make([]byte, size)
		for j := range body {
			seed = seed*6364136223846793005 + 1442695040888963407
			body[j] = "etaoinshrdlu \n(){};=0123456789xy"[seed>>59]
		}
		files[fmt.Sprintf("lib/d%02d/f%05d.js", i%50, i)] = body
	}
	return Package{Name: name, Version: version, Files: files}
}

func manifest(name, version string) []byte {
	return fmt.Appendf(nil, "{\"name\": %q, \"version\": %q}\n", name, version)
}

// Load reads the packages of fsys: one file name@version.txtar for each, with
// a scope written as @scope__name. Its comment may hold lines "tags: next
// beta", "published: 2024-05-01T10:00:00Z" and "root: dir".
func Load(t testing.TB, fsys fs.FS) []Package {
	t.Helper()
	names, err := fs.Glob(fsys, "*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no packages to load: %v", err)
	}
	var packages []Package
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Parse(name, data)
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	return packages
}

// Parse reads one package from a txtar archive; see Load. Errors: plain
// ones that name the file.
func Parse(file string, data []byte) (Package, error) {
	base := strings.TrimSuffix(path.Base(file), ".txtar")
	at := strings.LastIndexByte(base, '@')
	if at <= 0 {
		return Package{}, fmt.Errorf("%s: not called name@version.txtar", file)
	}
	p := Package{Name: base[:at], Version: base[at+1:], Files: make(map[string][]byte)}
	if strings.HasPrefix(p.Name, "@") {
		p.Name = strings.Replace(p.Name, "__", "/", 1)
	}
	archive := txtar.Parse(data)
	for line := range strings.Lines(string(archive.Comment)) {
		if err := p.set(strings.TrimSpace(line)); err != nil {
			return Package{}, fmt.Errorf("%s: %w", file, err)
		}
	}
	for _, f := range archive.Files {
		p.Files[f.Name] = f.Data
	}
	return p, nil
}

// set takes one line of a comment; lines that are no key are prose.
func (p *Package) set(line string) error {
	key, value, _ := strings.Cut(line, ":")
	value = strings.TrimSpace(value)
	switch key {
	case "tags":
		p.Tags = strings.Fields(value)
	case "root":
		p.Root = value
	case "published":
		at, err := time.Parse(time.RFC3339, value)
		if err != nil {
			return fmt.Errorf("published: %w", err)
		}
		p.Published = at
	}
	return nil
}

// published returns the publish time.
func (p *Package) published() time.Time {
	if p.Published.IsZero() {
		return time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	}
	return p.Published
}

// Archive returns the tarball of the package, the same bytes every time.
// Errors: as Pack.
func (p *Package) Archive() ([]byte, error) {
	if p.Tarball != nil {
		return p.Tarball, nil
	}
	root := p.Root
	if root == "" {
		root = "package"
	}
	var members []Member
	for _, name := range slices.Sorted(maps.Keys(p.Files)) {
		members = append(members, Member{
			Header: tar.Header{Name: root + "/" + name, Mode: 0o644, ModTime: time.Unix(499162500, 0), Typeflag: tar.TypeReg},
			Body:   p.Files[name],
		})
	}
	return Pack(append(members, p.Extra...)...)
}

// Pack packs members as they are into a gzipped tarball. Errors: those of
// archive/tar, for a header that cannot be written.
func Pack(members ...Member) ([]byte, error) {
	var out bytes.Buffer
	zw, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	tw := tar.NewWriter(zw)
	for _, m := range members {
		h := m.Header
		if h.Size == 0 {
			h.Size = int64(len(m.Body))
		}
		if err := tw.WriteHeader(&h); err != nil {
			return nil, fmt.Errorf("member %s: %w", h.Name, err)
		}
		if _, err := tw.Write(m.Body); err != nil {
			return nil, fmt.Errorf("member %s: %w", h.Name, err)
		}
	}
	if err := tw.Close(); err != nil {
		return nil, err
	}
	if err := zw.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
