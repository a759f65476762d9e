package proof

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
)

// answer is a response with its body read.
type answer struct {
	*http.Response
	text string
}

// get asks for a target below the public prefix. Headers are "Name: value".
func (s *site) get(ctx context.Context, path string, headers ...string) (answer, error) {
	return s.ask(ctx, http.MethodGet, s.pub+path, headers...)
}

// ask sends a request over a connection of its own, with the target byte by
// byte as given.
func (s *site) ask(ctx context.Context, method, target string, headers ...string) (answer, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", s.addr)
	if err != nil {
		return answer{}, err
	}
	defer c.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(deadline); err != nil {
			return answer{}, err
		}
	}
	if s.secure() {
		c = tls.Client(c, trusting())
	}
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: cdn.test", "Connection: close"}, headers...)
	if _, err := io.WriteString(c, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		return answer{}, err
	}
	r, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", method, target, err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	return answer{r, string(text)}, err
}

// kept is one connection, so that one of nginx's workers answers all that is
// asked over it.
type kept struct {
	site   *site
	client *http.Client
}

// trusting takes any certificate: whether browsers take it is not for us to say,
// and the name in it is not that of loopback.
func trusting() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }

// scheme of nginx's URLs.
func (s *site) scheme() string {
	if s.secure() {
		return "https"
	}
	return "http"
}

func (s *site) secure() bool { return s.config.Nginx.TLS.Cert != "" && !s.options.Inline }

// keep opens one; it is not for two goroutines.
func (s *site) keep() kept {
	return kept{s, &http.Client{Transport: &http.Transport{
		MaxConnsPerHost: 1, DisableCompression: true, TLSClientConfig: trusting(),
	}}}
}

func (k kept) close() { k.client.CloseIdleConnections() }

// get asks for a path below the public prefix that needs no escaping.
func (k kept) get(ctx context.Context, path string, headers ...string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, k.site.scheme()+"://"+k.site.addr+k.site.pub+path, nil)
	if err != nil {
		return answer{}, err
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	resp, err := k.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp, string(text)}, err
}

// want asks and holds the answer against a status and headers, given in pairs
// of name and value; "" is a header that must be absent.
func (s *site) want(ctx context.Context, status int, path string, headers []string, pairs ...string) (answer, error) {
	a, err := s.get(ctx, path, headers...)
	if err != nil {
		return a, err
	}
	return a, a.is(status, s.pub+path, pairs...)
}

// is holds an answer against a status and pairs of headers.
func (a answer) is(status int, target string, pairs ...string) error {
	if a.StatusCode != status {
		return fmt.Errorf("%s: status %d, want %d", target, a.StatusCode, status)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		if got := strings.Join(a.Header.Values(pairs[i]), ", "); got != pairs[i+1] {
			return fmt.Errorf("%s: %s is %q, want %q", target, pairs[i], got, pairs[i+1])
		}
	}
	return nil
}

// kept reports whether nginx answered out of its proxy cache. The server-only
// form says so in nginx's own word.
func (a answer) kept() bool {
	by := a.Header.Get("X-Registryd-Cache")
	return by == "cache" || by == "HIT"
}
