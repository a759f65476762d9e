package plugin

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// place is one entry of Capabilities.HTTP.
type place struct {
	scheme, host, port string
	path               string // without a slash at its end
	below              bool   // what is below host, not host itself
}

// parsePlace reads an entry. Errors: plain ones, for whoever writes manifests.
func parsePlace(text string) (place, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return place{}, fmt.Errorf("%q must be http or https, a host, and a path where wanted", text)
	}
	p := place{scheme: u.Scheme, host: canonicalHost(u), port: portOf(u), path: strings.TrimSuffix(u.EscapedPath(), "/")}
	if rest, ok := strings.CutPrefix(p.host, "*."); ok {
		p.host, p.below = rest, true
	}
	if p.host == "" || strings.Contains(p.host, "*") {
		return place{}, fmt.Errorf("%q: a star may only stand for what is below a host: https://*.example.org", text)
	}
	return p, nil
}

func canonicalHost(u *url.URL) string { return strings.ToLower(strings.TrimSuffix(u.Hostname(), ".")) }

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

// allows reports whether a URL is at the place.
func (p place) allows(u *url.URL) bool {
	host := canonicalHost(u)
	if u.Scheme != p.scheme || portOf(u) != p.port {
		return false
	}
	if host != p.host && !p.below || p.below && !strings.HasSuffix(host, "."+p.host) {
		return false
	}
	return p.path == "" || p.within(u)
}

// within compares paths. What a server may read as another path is not within.
func (p place) within(u *url.URL) bool {
	for segment := range strings.SplitSeq(u.Path, "/") {
		if segment == ".." || segment == "." {
			return false
		}
	}
	raw := u.EscapedPath()
	lower := strings.ToLower(raw)
	if strings.Contains(lower, "%2f") || strings.Contains(lower, "%5c") || strings.Contains(raw, "\\") {
		return false
	}
	return raw == p.path || strings.HasPrefix(raw, p.path+"/")
}

// trusted is the address that may be private, because somebody wrote it down in full; "" for none.
func (p place) trusted() string {
	if p.below {
		return ""
	}
	return net.JoinHostPort(p.host, p.port)
}
