package cache

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/registryd/registryd/pkgref"
)

// Tree is a directory of packages that another program kept, laid out as
// <name>/<version>/<path>, where a scope is a directory of its own. Nothing of
// it is trusted, nothing in it is changed, and no link in it is followed. Safe
// for concurrent use; make one with OpenTree and close it.
type Tree struct {
	root *os.Root
	dir  string // where in root the packages are
	path string
}

// TreePackage is one package of a Tree.
type TreePackage struct {
	Name     pkgref.Name      // as its directory says
	Versions []pkgref.Version // of which there is at least one file
	// Empty counts directories of versions without a file: marks of what was
	// absent, or of what was never finished.
	Empty int
	Main  TreeMain // what lies at main
	// Odd are entries that are neither version nor main.
	Odd []string
}

// TreeMain is what lies at main of a package in a Tree.
type TreeMain struct {
	Kind    MainKind       // MainNone, MainPin, MainLink or MainDir
	Version pkgref.Version // as of Main
	Target  string         // of a MainPin or MainLink
}

// marker begins the names by which the earlier program noted what it knew.
const marker = ".reg."

// treePlaces are where below its root a tree may begin.
var treePlaces = []string{"www/lib", "lib", "www", "."}

// OpenTree opens the tree at dir; where it begins in a subdirectory named as
// usual, such as lib, it is found there. Errors: plain ones, for the person who
// named dir.
func OpenTree(dir string) (*Tree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	place, ok := findTree(root.FS())
	if !ok {
		place = "." // it may hold nothing but mains
	}
	return &Tree{root: root, dir: place, path: path.Join(dir, place)}, nil
}

// Close gives the directory back. Errors: as os.Root.Close.
func (t *Tree) Close() error { return t.root.Close() }

// Path is where the packages are.
func (t *Tree) Path() string { return t.path }

// findTree finds the first usual place in which a directory has a directory
// that is named like a version.
func findTree(fsys fs.FS) (place string, ok bool) {
	for _, place := range treePlaces {
		for _, e := range readDirs(fsys, place) {
			if hasVersion(fsys, path.Join(place, e)) {
				return place, true
			}
			if !strings.HasPrefix(e, "@") {
				continue
			}
			for _, base := range readDirs(fsys, path.Join(place, e)) {
				if hasVersion(fsys, path.Join(place, e, base)) {
					return place, true
				}
			}
		}
	}
	return "", false
}

func hasVersion(fsys fs.FS, dir string) bool {
	return slices.ContainsFunc(readDirs(fsys, dir), func(name string) bool {
		_, err := pkgref.ParseVersion(name)
		return err == nil
	})
}

// readDirs returns the names of the directories in dir; none if it is no
// directory itself, or a link.
func readDirs(fsys fs.FS, dir string) []string {
	entries, _ := fs.ReadDir(fsys, dir) // what cannot be read has none
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// Packages lists what the tree holds, and in odd what in it is no package.
// Errors: plain ones, where the tree cannot be read.
func (t *Tree) Packages() (packages []TreePackage, odd []string, err error) {
	entries, err := t.list(t.dir)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", t.path, err)
	}
	for _, e := range entries {
		names := []string{e.Name()}
		switch {
		case strings.HasPrefix(e.Name(), "."):
			continue // markers, and what systems leave
		case strings.HasPrefix(e.Name(), "@") && e.IsDir():
			names = nil
			scoped, err := t.list(path.Join(t.dir, e.Name()))
			if err != nil {
				odd = append(odd, e.Name())
			}
			for _, s := range scoped {
				if !strings.HasPrefix(s.Name(), ".") {
					names = append(names, e.Name()+"/"+s.Name())
				}
			}
		}
		for _, text := range names {
			if p, ok := t.pack(text); ok {
				packages = append(packages, p)
			} else {
				odd = append(odd, text)
			}
		}
	}
	return packages, odd, nil
}

// pack looks at one package; not ok is what is none.
func (t *Tree) pack(text string) (p TreePackage, ok bool) {
	name, err := pkgref.ParseName(text)
	if err != nil {
		return p, false
	}
	dir := path.Join(t.dir, text)
	if info, err := t.root.Lstat(dir); err != nil || !info.IsDir() {
		return p, false
	}
	entries, err := t.list(dir)
	if err != nil {
		return p, false
	}
	p.Name = name
	for _, e := range entries {
		v, verr := pkgref.ParseVersion(e.Name())
		switch {
		case e.Name() == mainName:
			p.Main = t.main(name, e)
		case strings.HasPrefix(e.Name(), "."):
		case verr != nil || !e.IsDir():
			p.Odd = append(p.Odd, e.Name())
		case t.hasFile(path.Join(dir, e.Name())):
			p.Versions = append(p.Versions, v)
		default:
			p.Empty++
		}
	}
	return p, true
}

// main looks at what lies at main of a package.
func (t *Tree) main(name pkgref.Name, e fs.DirEntry) TreeMain {
	file := path.Join(t.dir, string(name), mainName)
	switch {
	case e.IsDir() && t.hasFile(file):
		return TreeMain{Kind: MainDir, Version: t.dirVersion(file)}
	case e.IsDir():
		return TreeMain{}
	}
	target, err := t.root.Readlink(file)
	if err != nil {
		return TreeMain{Kind: MainLink}
	}
	dir, base := path.Split(path.Clean(target))
	v, err := pkgref.ParseVersion(base)
	if err == nil && (dir == "" || strings.HasSuffix(dir, "/"+string(name)+"/")) {
		return TreeMain{Kind: MainPin, Version: v, Target: target}
	}
	return TreeMain{Kind: MainLink, Target: target}
}

// dirVersion is the version that the package.json of a directory tells.
func (t *Tree) dirVersion(dir string) pkgref.Version {
	f, err := openRegular(t.root, path.Join(dir, "package.json"))
	if err != nil {
		return pkgref.Version{}
	}
	defer f.Close()
	return versionIn(f)
}

var errStop = errors.New("enough was seen")

// hasFile reports whether there is a file below dir.
func (t *Tree) hasFile(dir string) bool {
	err := t.walk(dir, "", func(_ string, e fs.DirEntry) error {
		if e.Type().IsRegular() {
			return errStop
		}
		return nil
	})
	return errors.Is(err, errStop)
}

// Walk calls visit for everything below a release, or below main, that is no
// directory and no marker, with its path in it. Errors: what visit returned;
// plain ones where a directory cannot be read.
func (t *Tree) Walk(name pkgref.Name, release string, visit func(path string, e fs.DirEntry) error) error {
	return t.walk(path.Join(t.dir, string(name), release), "", visit)
}

func (t *Tree) walk(dir, sub string, visit func(string, fs.DirEntry) error) error {
	entries, err := t.list(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e.Name(), marker):
		case e.IsDir():
			err = t.walk(dir+"/"+e.Name(), sub+e.Name()+"/", visit)
		default:
			err = visit(sub+e.Name(), e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Sum returns size and digest of one regular file of a release. Errors: plain
// ones, also for what is no regular file.
func (t *Tree) Sum(name pkgref.Name, release, file string) (Digest, int64, error) {
	f, err := t.open(name, release, file)
	if err != nil {
		return Digest{}, 0, err
	}
	defer f.Close()
	return copyHash(io.Discard, f)
}

func (t *Tree) open(name pkgref.Name, release, file string) (*os.File, error) {
	return openRegular(t.root, path.Join(t.dir, string(name), release, file))
}

func (t *Tree) list(dir string) ([]fs.DirEntry, error) { return listDir(t.root, dir) }
