// Package urltemplate reads URLs with placeholders, such as
// https://files.example.org/{name}/{version}/{path}.
//
// A placeholder may stand in the path and in the query, never in what says
// where a request goes: the host of every URL that a template makes is the one
// that its author wrote. What takes a placeholder's place is encoded so that it
// can neither end the part of the URL that it stands in nor begin another one.
package urltemplate

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Template is a parsed template. Immutable, safe for concurrent use; make one
// with Parse.
type Template struct {
	text string
	// parts are literal text and the names of placeholders by turns.
	parts []string
	host  string // host:port, lower case
}

// Parse reads a template that may hold the allowed placeholders, each any
// number of times. Errors: plain ones, for a person who writes configuration,
// that do not quote the template.
func Parse(text string, allowed ...string) (*Template, error) {
	t := &Template{text: text}
	for rest := text; ; {
		literal, after, found := strings.Cut(rest, "{")
		if strings.Contains(literal, "}") {
			return nil, errors.New("has a } without its {")
		}
		t.parts = append(t.parts, literal)
		if !found {
			break
		}
		name, after, closed := strings.Cut(after, "}")
		if !closed {
			return nil, errors.New("has a { without its }")
		}
		if !slices.Contains(allowed, name) {
			return nil, fmt.Errorf("has the placeholder {%.20s}; known here: {%s}", name, strings.Join(allowed, "}, {"))
		}
		t.parts = append(t.parts, name)
		rest = after
	}
	return t, t.check()
}

// check looks at what the template makes of harmless values.
func (t *Template) check() error {
	sample := t.Expand(func(string) string { return "x" })
	u, err := url.Parse(sample)
	if err != nil || strings.ContainsFunc(sample, strange) {
		return errors.New("must be a URL such as https://host.example/{name}/{version}/{path}")
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("must begin with http:// or https://")
	case u.User != nil:
		return errors.New("must not hold a user or password")
	case strings.Contains(sample, "#"):
		return errors.New("must not hold a fragment")
	case u.Opaque != "" || u.Hostname() == "":
		return errors.New("must name a host")
	case len(t.parts) > 1 && !t.afterHost(u):
		return errors.New("must have its placeholders after the host and a slash")
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return errors.New("must name a port from 1 to 65535, or none")
	}
	t.host = net.JoinHostPort(strings.ToLower(u.Hostname()), port)
	return nil
}

// afterHost reports whether the first placeholder comes after all of the host.
func (t *Template) afterHost(u *url.URL) bool {
	rest, ok := strings.CutPrefix(t.parts[0], u.Scheme+"://"+u.Host)
	return ok && rest != "" && (rest[0] == '/' || rest[0] == '?')
}

// strange reports what has no place in a URL as it is.
func strange(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"<>\\^`|", r) }

// Has reports whether the placeholder occurs.
func (t *Template) Has(name string) bool {
	for i := 1; i < len(t.parts); i += 2 {
		if t.parts[i] == name {
			return true
		}
	}
	return false
}

// Host returns the host:port of every URL that the template makes.
func (t *Template) Host() string { return t.host }

// String returns the template as it was written.
func (t *Template) String() string { return t.text }

// Expand returns the URL in which every placeholder is replaced by its value,
// encoded. Slashes of a value stay.
func (t *Template) Expand(value func(name string) string) string {
	var b strings.Builder
	for i, part := range t.parts {
		if i%2 == 0 {
			b.WriteString(part)
		} else {
			escape(&b, value(part))
		}
	}
	return b.String()
}

// escape encodes every byte but unreserved characters, slashes, and the "@" of
// scopes, which paths and queries both leave alone.
func escape(b *strings.Builder, s string) {
	const upperHex = "0123456789ABCDEF"
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~/@", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(upperHex[c>>4])
			b.WriteByte(upperHex[c&15])
		}
	}
}
