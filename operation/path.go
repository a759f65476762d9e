package operation

import (
	"fmt"
	"strings"
)

// kind of a segment of a path.
type kind uint8

const (
	static kind = iota
	placeholder
	rest // everything that follows
)

// segment is one part of a path between slashes.
type segment struct {
	kind kind
	text string // as it is, or the name of a placeholder
}

// restName is the placeholder of everything that follows, of operations that answer a whole tree.
const restName = "*"

// parsePath splits a path into segments. {name} and :name are placeholders, a "*" at the end is everything below.
// Errors: plain ones.
func parsePath(path string) ([]segment, error) {
	if strings.ContainsAny(path, "?#") {
		return nil, fmt.Errorf("path %q has a query or a fragment", path)
	}
	var list []segment
	seen := map[string]bool{}
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i, part := range parts {
		s := segment{static, part}
		switch {
		case part == "" && len(parts) == 1:
			continue
		case part == "" || part == "." || part == "..":
			return nil, fmt.Errorf("path %q has an empty segment, or dots", path)
		case part == restName && i == len(parts)-1:
			s = segment{rest, restName}
		case strings.HasPrefix(part, ":") && len(part) > 1:
			s = segment{placeholder, part[1:]}
		case strings.HasPrefix(part, "{") && strings.HasSuffix(part, "}") && len(part) > 2:
			s = segment{placeholder, part[1 : len(part)-1]}
		}
		if strings.ContainsAny(s.text, ":{}*") && s.kind != rest {
			return nil, fmt.Errorf("path %q: a placeholder is a whole segment", path)
		}
		if s.kind == placeholder && seen[s.text] {
			return nil, fmt.Errorf("path %q has {%s} twice", path, s.text)
		}
		seen[s.text] = seen[s.text] || s.kind == placeholder
		list = append(list, s)
	}
	return list, nil
}

// pattern writes segments for httprouter.
func pattern(list []segment) string {
	if len(list) == 0 {
		return "/"
	}
	var b strings.Builder
	for _, s := range list {
		b.WriteByte('/')
		switch s.kind {
		case placeholder:
			b.WriteByte(':')
		case rest:
			b.WriteString("*rest")
			continue
		}
		b.WriteString(s.text)
	}
	return b.String()
}

// collide reports whether two paths cannot be served side by side by one method.
func collide(a, b []segment) bool {
	for i := 0; ; i++ {
		switch {
		case i == len(a) && i == len(b):
			return true
		case i == len(a):
			return i == 0 && b[0].kind == rest
		case i == len(b):
			return i == 0 && a[0].kind == rest
		case a[i] == b[i] && a[i].kind != rest:
			continue
		case a[i].kind == static && b[i].kind == static:
			return false
		}
		return true
	}
}
