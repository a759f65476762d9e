package npm

import (
	"cmp"
	"encoding/base64"
	"net"
	"net/url"
	"strings"
)

// credentials are the values of the Authorization header by where they may be
// sent. npm writes such a place as "//host[:port]/path/", which is the
// beginning of the URLs it stands for, whatever their scheme. They never go
// over plain http, except to a host that the configuration itself names so.
type credentials struct {
	values map[string]secret // by place
	plain  map[string]bool   // host:port pairs configured with http
}

// secret is a text that does not show itself.
type secret string

// String hides it.
func (secret) String() string { return "[secret]" }

// GoString hides it.
func (secret) GoString() string { return "[secret]" }

// MarshalText hides it.
func (secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }

// credentials collects what the configuration gives.
func (p *Provider) credentials(c Config) credentials {
	a := credentials{values: make(map[string]secret), plain: make(map[string]bool)}
	for place, value := range c.Settings.auth {
		a.values[place] = value
	}
	bases := []*url.URL{p.registry}
	for _, u := range p.scopes {
		bases = append(bases, u)
	}
	for _, u := range bases {
		if u.Scheme == "http" {
			a.plain[hostPort(u)] = true
		}
		if u.User != nil {
			password, _ := u.User.Password()
			a.values[placeOf(u)] = basic(u.User.Username(), password)
		}
	}
	if c.Token != "" {
		a.values[placeOf(p.registry)] = bearer(c.Token)
	}
	return a
}

func bearer(token string) secret { return secret("Bearer " + token) }

func basic(user, password string) secret {
	return secret("Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
}

// For returns the header's value for a URL, "" for none. The longest place
// that the URL lies below wins.
func (a credentials) For(u *url.URL) string {
	if u.Scheme != "https" && !a.plain[hostPort(u)] {
		return ""
	}
	if hasDots(u.EscapedPath()) {
		return "" // a server may read it as a path above the place
	}
	place := placeOf(u)
	for {
		i := strings.LastIndexByte(place, '/')
		if i < 2 {
			return ""
		}
		if v, ok := a.values[place[:i+1]]; ok {
			return string(v)
		}
		place = place[:i]
	}
}

// hasDots reports whether a path has a segment that names its parent.
func hasDots(escaped string) bool {
	path := strings.ReplaceAll(strings.ToLower(escaped), "%2e", ".")
	path = strings.NewReplacer("%2f", "/", "%5c", "/", `\`, "/").Replace(path)
	return strings.Contains(path+"/", "/../")
}

// placeOf returns "//host[:port]/path" of a URL, without the scheme's own port.
func placeOf(u *url.URL) string {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if port == defaultPort(u.Scheme) {
		port = ""
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" {
		host += ":" + port
	}
	return "//" + host + u.EscapedPath()
}

// hostPort returns the address of a URL.
func hostPort(u *url.URL) string {
	return net.JoinHostPort(strings.ToLower(u.Hostname()), cmp.Or(u.Port(), defaultPort(u.Scheme)))
}

func defaultPort(scheme string) string {
	if scheme == "http" {
		return "80"
	}
	return "443"
}
