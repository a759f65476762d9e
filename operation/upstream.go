package operation

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"syscall"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
)

// newUpstream proxies to u. What the server answers is handed on; that it does not is 502.
func newUpstream(u *url.URL, transport http.RoundTripper) httpx.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		var failed error
		p := &httputil.ReverseProxy{
			Transport: transport,
			ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // the error is returned
			Rewrite: func(p *httputil.ProxyRequest) {
				to := *u
				to.RawQuery = p.In.URL.RawQuery
				p.Out.URL = &to
				if rest := PathValue(r, "rest"); rest != "" {
					p.Out.URL = to.JoinPath(strings.TrimPrefix(rest, "/"))
				}
				p.Out.Host = ""
				p.Out.Header.Del("Authorization") // the API key is ours, not the server's
				p.Out.Header.Del("Cookie")
				p.SetXForwarded()
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
	}
}

// isIO reports whether a disk failed.
func isIO(err error) bool { return errors.Is(err, syscall.EIO) || errors.Is(err, syscall.EMFILE) }
