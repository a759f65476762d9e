package operation

import (
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
)

// Upstream returns what hands requests to a server: base is its URL, to which the rest of the path is added. What the
// server answers is handed on; that it does not is 502. Errors: outcome.Invalid for a URL that is none of http or https.
func Upstream(base string) (httpx.HandlerFunc, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, outcome.New(outcome.Invalid, "upstream: %q must be a URL of http or https", base)
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		to, err := below(u, r)
		if err != nil {
			return err
		}
		var failed error
		p := &httputil.ReverseProxy{
			ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // the error is returned
			Rewrite: func(p *httputil.ProxyRequest) {
				p.Out.URL, p.Out.Host = to, ""
				p.Out.Header.Del("Authorization") // the API key is ours, not the server's
				p.Out.Header.Del("Cookie")
				p.SetXForwarded()
			},
			ModifyResponse: func(resp *http.Response) error {
				for key := range resp.Header { // only the daemon tells nginx what to do
					if strings.HasPrefix(key, "X-Accel-") {
						delete(resp.Header, key)
					}
				}
				return nil
			},
			ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) { failed = err },
		}
		p.ServeHTTP(w, r)
		switch {
		case failed == nil:
			return nil
		case r.Context().Err() != nil:
			return r.Context().Err()
		}
		return outcome.Wrap(outcome.Unavailable, failed, "ask %s", u.Host)
	}, nil
}

// below is the URL of a request at the server: the rest of its path, as it was sent, behind that of base.
// Errors: outcome.NotFound for a path that would lead out of base.
func below(base *url.URL, r *http.Request) (*url.URL, error) {
	to := *base
	to.RawQuery = r.URL.RawQuery
	rest := PathValue(r, "rest")
	if rest == "" {
		return &to, nil
	}
	for part := range strings.FieldsFuncSeq(rest, func(c rune) bool { return c == '/' || c == '\\' }) {
		if part == "." || part == ".." {
			return nil, outcome.New(outcome.NotFound, "no such path")
		}
	}
	escaped := strings.TrimSuffix(base.EscapedPath(), "/") + asSent(r, rest)
	var err error
	if to.Path, err = url.PathUnescape(escaped); err != nil {
		return nil, outcome.Wrap(outcome.NotFound, err, "no such path")
	}
	to.RawPath = escaped
	return &to, nil
}

// asSent finds the end of a path that stands for rest, with its escapes and with the slashes at its end.
func asSent(r *http.Request, rest string) string {
	sent := r.URL.EscapedPath()
	for i := range sent {
		if sent[i] != '/' {
			continue
		}
		if text, err := url.PathUnescape(strings.TrimRight(sent[i:], "/")); err == nil && text == rest {
			return sent[i:]
		}
	}
	return (&url.URL{Path: rest}).EscapedPath()
}
