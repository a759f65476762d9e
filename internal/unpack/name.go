package unpack

import (
	"strings"
	"unicode/utf8"
)

// maxComponent is the longest file name of the usual file systems, in bytes.
const maxComponent = 255

// clean turns the name of a member into a path of the list. listed is false
// for a name that has no place there. Errors: outcome.Refused for one that is
// hostile or beyond the limits.
func (l Limits) clean(name string) (path string, listed bool, err error) {
	leads, plain := escapes(name)
	if leads {
		return "", false, refuse(reasonPath, "%s leads out of the archive", quote(name))
	}
	_, path, found := strings.Cut(name, "/")
	if path == "" || !found {
		return "", false, nil // the leading directory itself, or a file beside it
	}
	path, err = l.tidy(path)
	return path, plain && path != "" && err == nil, err
}

// whole is clean for names that keep their first segment, and of which each must
// have a place in the list, but for the directory that holds everything.
func (l Limits) whole(name string) (path string, listed bool, err error) {
	leads, plain := escapes(name)
	if leads || !plain {
		return "", false, refuse(reasonPath, "%s is no name of a file", quote(name))
	}
	path, err = l.tidy(name)
	return path, path != "" && path != ".", err
}

// tidy brings a path that does not lead out into the one form that counts.
func (l Limits) tidy(path string) (string, error) {
	path = strings.TrimRight(path, "/")
	if strings.HasPrefix(path, "/") {
		return "", refuse(reasonPath, "%s becomes absolute", quote(path))
	}
	path = squeeze(path)
	return path, l.measure(path)
}

// escapes reports whether a name is absolute or has a ".." between separators
// of any system, and whether it is plain: made of UTF-8 without backslashes
// and control bytes.
func escapes(name string) (leads, plain bool) {
	if name == "" || name[0] == '/' || name[0] == '\\' {
		return name != "", false
	}
	plain, ascii := true, true
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '.':
			if isDotDot(name, i) {
				return true, false
			}
		case c < ' ' || c == 0x7f || c == '\\':
			plain = false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return false, plain && (ascii || utf8.ValidString(name))
}

// isDotDot reports whether a ".." segment begins at name[i].
func isDotDot(name string, i int) bool {
	return strings.HasPrefix(name[i:], "..") &&
		(i == 0 || isSeparator(name[i-1])) &&
		(i+2 == len(name) || isSeparator(name[i+2]))
}

func isSeparator(c byte) bool { return c == '/' || c == '\\' }

// squeeze takes out empty and "." segments.
func squeeze(path string) string {
	if !strings.Contains(path, "//") && !strings.Contains(path, "./") && !strings.HasSuffix(path, ".") {
		return path
	}
	segments := strings.Split(path, "/")
	kept := segments[:0]
	for _, s := range segments {
		if s != "" && s != "." {
			kept = append(kept, s)
		}
	}
	if len(kept) == len(segments) {
		return path
	}
	return strings.Join(kept, "/")
}

// measure checks the limits of one path.
func (l Limits) measure(path string) error {
	if len(path) > l.Path {
		return refuse(reasonLength, "a path of %d bytes; %d are allowed", len(path), l.Path)
	}
	depth := 0
	for rest := path; ; depth++ {
		i := strings.IndexByte(rest, '/')
		component := rest
		if i >= 0 {
			component = rest[:i]
		}
		if len(component) > maxComponent {
			return refuse(reasonLength, "a name of %d bytes; %d are allowed", len(component), maxComponent)
		}
		if i < 0 {
			break
		}
		rest = rest[i+1:]
	}
	if depth > l.Depth {
		return refuse(reasonLength, "a path %d directories deep; %d are allowed", depth, l.Depth)
	}
	return nil
}

// dirs is the set of directories that the members imply. The zero value is
// empty.
type dirs struct {
	seen map[string]struct{} // "a", "a/b"; never ""
	last string              // added last: neighbours share most of their directories
}

// add adds dir and all above it.
func (d *dirs) add(dir string) {
	if dir == d.last {
		return
	}
	if d.seen == nil {
		d.seen = make(map[string]struct{})
	}
	for i := shared(dir, d.last); i < len(dir); {
		n := strings.IndexByte(dir[i+1:], '/')
		if n < 0 {
			i = len(dir)
		} else {
			i += 1 + n
		}
		d.seen[dir[:i]] = struct{}{}
	}
	d.last = dir
}

// shared returns the length of the longest directory that is a, b, or above
// both.
func shared(a, b string) int {
	n := 0
	for i := 0; ; i++ {
		endA, endB := i == len(a) || a[i] == '/', i == len(b) || b[i] == '/'
		if endA && endB {
			n = i
		}
		if i == len(a) || i == len(b) || a[i] != b[i] {
			return n
		}
	}
}
