package provider

import (
	"slices"
	"strings"

	"github.com/registryd/registryd/pkgref"
)

// TagVersion returns the version that a dist-tag names. Without tags of its
// own a list knows only latest: the highest version that is no prerelease.
func (vs *Versions) TagVersion(tag string) (pkgref.Version, bool) {
	if text, ok := vs.Tags[tag]; ok {
		if i := vs.Index(text); i >= 0 {
			return vs.List[i].Version, true
		}
		return pkgref.Version{}, false
	}
	if tag != pkgref.Latest {
		return pkgref.Version{}, false
	}
	for i := len(vs.List) - 1; i >= 0; i-- {
		if v := vs.List[i].Version; !v.IsPrerelease() {
			return v, true
		}
	}
	return pkgref.Version{}, false
}

// Index returns the position of the version with exactly that text, or -1.
func (vs *Versions) Index(text string) int {
	v, err := pkgref.ParseVersion(text)
	if err != nil {
		return -1
	}
	i, _ := slices.BinarySearchFunc(vs.List, v, func(l Listed, v pkgref.Version) int {
		return l.Version.Compare(v)
	})
	// Versions that differ in build metadata alone are neighbours of the same
	// precedence.
	for ; i < len(vs.List) && vs.List[i].Version.Compare(v) == 0; i++ {
		if vs.List[i].Version == v {
			return i
		}
	}
	return -1
}

// SortListed brings versions into the order of Versions.List, those of equal
// precedence by their text, and drops all but the last of each text. It works
// in place and returns what is left.
func SortListed(list []Listed) []Listed {
	slices.SortStableFunc(list, func(a, b Listed) int {
		if c := a.Version.Compare(b.Version); c != 0 {
			return c
		}
		return strings.Compare(a.Version.String(), b.Version.String())
	})
	kept := list[:0]
	for i, l := range list {
		if i+1 == len(list) || list[i+1].Version != l.Version {
			kept = append(kept, l)
		}
	}
	clear(list[len(kept):])
	return kept
}
