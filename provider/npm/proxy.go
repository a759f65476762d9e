package npm

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// ProxyFunc returns the choice of a proxy for fetch.Config.Proxy; nil where
// the settings name none, which leaves it to the environment. Errors: plain
// ones, for a malformed URL, which they do not quote.
func (s Settings) ProxyFunc() (func(*http.Request) (*url.URL, error), error) {
	if s.Proxy == "" && s.HTTPSProxy == "" {
		return nil, nil //nolint:nilnil // nil is fetch's word for the environment
	}
	plain, err := parseProxy(s.Proxy)
	if err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	secure, err := parseProxy(cmp.Or(s.HTTPSProxy, s.Proxy))
	if err != nil {
		return nil, fmt.Errorf("https-proxy: %w", err)
	}
	direct := strings.FieldsFunc(strings.ToLower(s.NoProxy), func(r rune) bool { return r == ',' || r == ' ' })
	return func(r *http.Request) (*url.URL, error) {
		if isDirect(r.URL.Hostname(), direct) {
			return nil, nil
		}
		if r.URL.Scheme == "https" {
			return secure, nil
		}
		return plain, nil
	}, nil
}

func parseProxy(s string) (*url.URL, error) {
	if s == "" || s == "false" {
		return nil, nil //nolint:nilnil // no proxy
	}
	if !strings.Contains(s, "://") {
		s = "http://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" {
		return nil, fmt.Errorf("malformed URL")
	}
	return u, nil
}

// isDirect reports whether the host is one of the names or lies below one.
func isDirect(host string, names []string) bool {
	host = strings.ToLower(host)
	for _, name := range names {
		name = strings.TrimPrefix(strings.TrimPrefix(name, "*"), ".")
		if name == "" || host == name || strings.HasSuffix(host, "."+name) {
			return true
		}
	}
	return false
}
