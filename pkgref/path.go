package pkgref

import (
	"strings"

	"github.com/registryd/registryd/internal/outcome"
)

// Ref is a parsed URL path below the public prefix. The zero value is no
// reference.
type Ref struct {
	Name Name // of the package
	Spec Spec // what is asked of it
	// Path is the decoded path inside the package, without a leading slash:
	// "" for the package root, "dist/" for a directory, "dist/a.js" for a file.
	// It may have any bytes but control bytes and backslashes, also such that
	// are no UTF-8, and has neither dot segments nor empty ones.
	Path string
	// Slash tells "/name/1.2.3/" from "/name/1.2.3" when Path is empty; it is
	// false otherwise.
	Slash bool
	// At is set for the spelling name@spec.
	At bool
}

// ParsePath parses a raw request path that starts with pub into a Ref. It
// applies CheckRaw first. pub begins and ends with "/". Errors: outcome.Invalid.
func ParsePath(rawPath, pub string) (Ref, error) {
	rawPath, _, _ = strings.Cut(rawPath, "?")
	if err := CheckRaw(rawPath, pub); err != nil {
		return Ref{}, err
	}
	rest, found := strings.CutPrefix(rawPath, pub)
	if !found {
		return Ref{}, outcome.New(outcome.Invalid, "path is not below %s", pub)
	}
	c := cursor{rest: rest}
	full, spec, at, err := c.nameAndSpec()
	if err != nil {
		return Ref{}, err
	}
	ref := Ref{At: at}
	if ref.Name, err = ParseName(full); err != nil {
		return Ref{}, err
	}
	if !at {
		spec = unescape(c.segment())
	}
	if ref.Spec, err = ParseSpec(spec); err != nil {
		return Ref{}, err
	}
	ref.Path = unescape(c.rest)
	ref.Slash = c.slash && ref.Path == ""
	return ref, nil
}

// cursor walks over the segments of a raw path.
type cursor struct {
	rest  string
	slash bool // whether a slash ended the last segment
}

// segment takes the next raw segment; at the end it is "" and changes nothing.
func (c *cursor) segment() string {
	if c.rest == "" {
		return ""
	}
	var s string
	s, c.rest, c.slash = strings.Cut(c.rest, "/")
	return s
}

// nameAndSpec takes the name, from one segment or two, and the spec that is
// joined to it by "@", if one is.
func (c *cursor) nameAndSpec() (name, spec string, at bool, err error) {
	name = unescape(c.segment())
	if strings.HasPrefix(name, "@") && strings.IndexByte(name, '/') < 0 {
		// Without a slash after the scope there is no name: ParseName says so.
		if c.slash {
			name += "/" + unescape(c.segment())
		}
	}
	if name == "" {
		return "", "", false, outcome.New(outcome.Invalid, "the package name is missing")
	}
	i := strings.IndexByte(name[1:], '@')
	if i < 0 {
		return name, "", false, nil
	}
	name, spec = name[:i+1], name[i+2:]
	if spec == "" {
		return "", "", false, outcome.New(outcome.Invalid, "nothing follows the @ after %q", name)
	}
	return name, spec, true, nil
}

// URL rebuilds the canonical path below pub: name, spec and path in segments
// of their own, percent-encoded but for the "@" of a scope. Parsed again it
// gives the same Ref, with At false, if it is not too long.
func (r Ref) URL(pub string) string {
	u := rooted(pub + escapeExcept(string(r.Name), "@/") + "/" + escapeExcept(r.Spec.Text, ""))
	if r.Path == "" && !r.Slash {
		return u
	}
	return u + "/" + Escape(r.Path)
}

// Location returns where a redirect to one version leads: the canonical path
// below pub, with a slash after the version also where path, which is decoded,
// is empty. It begins with exactly one slash and has no control bytes, whatever
// n, version and path are.
func Location(pub string, n Name, version, path string) string {
	return rooted(pub + escapeExcept(string(n), "@/") + "/" + escapeExcept(version, "") + "/" +
		Escape(strings.TrimLeft(path, "/")))
}

// rooted makes u begin with exactly one slash, so that it cannot name a host.
func rooted(u string) string {
	if rest := strings.TrimLeft(u, "/"); len(rest)+1 != len(u) {
		return "/" + rest
	}
	return u
}
