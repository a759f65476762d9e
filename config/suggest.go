package config

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// at returns the rows of a path; there are several where provider types share
// a key's name.
func (l *loader) at(path string) []*row {
	var rows []*row
	for i := range l.rows {
		if l.rows[i].Path == path {
			rows = append(rows, &l.rows[i])
		}
	}
	return rows
}

func (l *loader) isSection(prefix string) bool {
	return slices.ContainsFunc(l.rows, func(r row) bool { return strings.HasPrefix(r.Path, prefix) })
}

// names lists the keys of the mapping at p, in the table's order.
func (l *loader) names(p place) []string {
	var names []string
	for i := range l.rows {
		r := &l.rows[i]
		if r.Of != "" && r.Of != p.of && p.of != anyType {
			continue
		}
		rest, ok := r.Path, true
		if p.table != "" {
			rest, ok = strings.CutPrefix(r.Path, p.table+".")
		}
		name := rest[:strings.IndexAny(rest+".", ".[")]
		if ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// unknown lists a key that is not in the table, with what was probably meant.
func (l *loader) unknown(key *yaml.Node, p place) {
	at := l.here(key, join(p.path, clip(key.Value)))
	switch {
	case len(l.problems) > maxProblems: // it will not be listed
		l.problem(at, "is not a known key")
	case key.Value == "<<":
		l.problem(at, "is a merge key, which is not supported; write the keys out")
	case l.nearest(key.Value, p) != "":
		l.problem(at, complaint("is not a known key; did you mean "+l.nearest(key.Value, p)+"?"))
	default:
		l.problem(at, complaint("is not a known key; known here: "+strings.Join(l.names(p), ", ")))
	}
}

// nearest returns the known key that name is most likely meant to be: one
// beside it that is spelt nearly so, else one of that name elsewhere.
func (l *loader) nearest(name string, p place) string {
	best, distance := "", 1+min(2, len(name)/2)
	if len(name) > 40 {
		return ""
	}
	for _, known := range l.names(p) {
		if d := edits(strings.ToLower(name), known); d < distance {
			best, distance = known, d
		}
	}
	if best != "" {
		return best
	}
	for i := range l.rows {
		path := l.rows[i].Path
		if path == name || strings.HasSuffix(path, "."+name) && !strings.Contains(path, "[]") {
			return path + map[bool]string{true: ", written as nested keys"}[path == name]
		}
	}
	return ""
}

// edits is the number of bytes to insert, delete or replace to get from a to
// b, two swapped neighbours counting as one.
func edits(a, b string) int {
	var before, last []int
	for j := 0; j <= len(b); j++ {
		last = append(last, j)
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// clip shortens a key of the file for messages.
func clip(s string) string {
	const most = 40
	s = shorten(s, most)
	if strings.ContainsFunc(s, hidden) {
		return quote(s)
	}
	return s
}
