package fetch

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/registryd/registryd/internal/outcome"
)

// maxRedirects is how many redirects one request follows.
const maxRedirects = 5

func isRedirect(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return resp.Header.Get("Location") != ""
	}
	return false
}

// redirect moves the exchange to where the Location header points. Credentials
// are dropped the first time that the origin changes and do not come back, not
// even when a later redirect returns to the first origin: it was a stranger
// who sent us there.
func (x *exchange) redirect(location string) error {
	from := x.url
	ref, err := url.Parse(location)
	if err != nil {
		return outcome.New(outcome.Unavailable, "get %s: redirect to a malformed URL", clean(from))
	}
	to, err := target(from.ResolveReference(ref))
	if err != nil {
		return err
	}
	if from.Scheme == "https" && to.Scheme != "https" {
		return outcome.New(outcome.Unavailable, "get %s: redirect from https to %s", clean(from), clean(to))
	}
	if origin(to) != origin(from) {
		x.auth, x.header = "", nil
		if x.method != http.MethodGet && x.method != http.MethodHead {
			return outcome.New(outcome.Unavailable, "%s %s: redirect to another origin", x.method, clean(from))
		}
	}
	if x.request.Allow != nil {
		if err := x.request.Allow(to); err != nil {
			return err
		}
	}
	x.url = to
	return nil
}

// parseTarget parses the URL of a request.
func parseTarget(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, outcome.New(outcome.Unavailable, "malformed upstream URL")
	}
	return target(u)
}

// target checks that u can be asked for, and strips what is not sent anyway.
func target(u *url.URL) (*url.URL, error) {
	if u.Scheme != "http" && u.Scheme != "https" {
		return nil, outcome.New(outcome.Unavailable, "upstream URL of scheme %.20q is neither http nor https", u.Scheme)
	}
	if u.Hostname() == "" || u.Opaque != "" {
		return nil, outcome.New(outcome.Unavailable, "upstream URL without a host")
	}
	t := *u
	t.User, t.Fragment, t.RawFragment = nil, "", ""
	return &t, nil
}

// origin is the scheme, host and port of u, each in one spelling.
func origin(u *url.URL) string { return u.Scheme + "://" + hostPort(u) }

// hostPort is the address to dial for u, in the one spelling in which
// addresses are compared.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = defaultPort(u.Scheme)
	}
	return normalise(net.JoinHostPort(u.Hostname(), port))
}

func defaultPort(scheme string) string {
	switch scheme {
	case "https":
		return "443"
	case "socks5", "socks5h":
		return "1080"
	}
	return "80"
}

// normalise gives an address host:port the one spelling in which addresses
// are compared: lower case, no dot at the host's end.
func normalise(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return strings.ToLower(addr)
	}
	return net.JoinHostPort(strings.ToLower(strings.TrimSuffix(host, ".")), port)
}

// clean is u as it may be shown: without user info, query and fragment.
func clean(u *url.URL) string {
	c := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return c.String()
}
