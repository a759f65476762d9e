package proof

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
)

// cors: a browser refuses an answer that has one of these headers twice.
func cors(ctx context.Context, s *site) error {
	file := "disk/1.0.0/a.js"
	if s.config.Accel == "off" {
		file = "made-cors/1.0.0/a.js"
	}
	whole, err := s.want(ctx, http.StatusOK, file, nil, corsHeaders()...)
	if err != nil {
		return err
	}
	type row struct {
		status       int
		path, header string
	}
	rows := []row{
		{http.StatusFound, "range-cors/^1/a.js", ""}, {http.StatusForbidden, "denied-cors/1.0.0/a.js", ""},
		{http.StatusNotFound, "gone-cors/1.0.0/a.js", ""}, {http.StatusBadGateway, "broken-cors/1.0.0/a.js", ""},
		{http.StatusBadGateway, "broken-cors/^1/a.js", ""},
	}
	if s.config.Accel != "off" {
		rows = append(rows, row{http.StatusPartialContent, file, "Range: bytes=0-1"}, row{http.StatusNotModified, file, "If-None-Match: " + whole.Header.Get("ETag")})
	}
	for _, r := range rows {
		var headers []string
		if r.header != "" {
			headers = []string{r.header}
		}
		if _, err := s.want(ctx, r.status, r.path, headers, corsHeaders()...); err != nil {
			return err
		}
	}
	return nil
}

// corsHeaders are what every answer carries once.
func corsHeaders() []string {
	return []string{"Access-Control-Allow-Origin", "*", "Timing-Allow-Origin", "*", "Cross-Origin-Resource-Policy", "cross-origin"}
}

// stateUnreachable tries to leave the view, and to enter nginx's own places.
func stateUnreachable(ctx context.Context, s *site) error {
	internal := s.config.Root.Internal
	up := strings.Repeat("../", strings.Count(s.pub, "/"))
	targets := []string{
		s.pub + up + "state/secret", s.pub + "..%2fstate/secret", s.pub + "%2e%2e/%2e%2e/state/secret",
		strings.TrimSuffix(s.pub, "/") + "../state/secret", strings.TrimSuffix(internal, "/") + "../../state/secret",
		"/state/secret", "/../state/secret", internal + "disk/1.0.0/a.js", internal + ".meta/x", "/-/metrics", "/-/livez",
	}
	if c := s.config; c.Admin != nil && !c.Nginx.Admin {
		targets = append(targets, c.Admin.Prefix+"packages")
	}
	before := s.daemon.asked("")
	for _, target := range targets {
		a, err := s.ask(ctx, http.MethodGet, target)
		if err != nil {
			return err
		}
		if a.StatusCode != http.StatusNotFound && a.StatusCode != http.StatusBadRequest {
			return fmt.Errorf("%s: status %d, want 404 or 400", target, a.StatusCode)
		}
		if strings.Contains(a.text, "secret") && s.pub != "/" {
			return fmt.Errorf("%s shows %q", target, a.text)
		}
	}
	if s.pub == "/" { // whatever is no prefix of ours is a package
		return nil
	}
	return s.unasked(before)
}

// nothingForwarded: neither credentials nor queries concern the daemon.
func nothingForwarded(ctx context.Context, s *site) error {
	a, err := s.want(ctx, http.StatusOK, "echo-x/1.0.0/a.js?token=query-secret",
		[]string{"Cookie: c=cookie-secret", "Authorization: Bearer header-secret", "X-Original-URL: /secret"}, "Set-Cookie", "")
	if err != nil {
		return err
	}
	if strings.Contains(a.text, "secret") {
		return fmt.Errorf("the daemon saw %s", a.text)
	}
	return nil
}

func guarded(ctx context.Context, s *site) error {
	before := s.daemon.asked("")
	for _, path := range []string{
		"disk/1.0.0%2fa.js", "disk/1.0.0/a%5cb.js", "disk/1.0.0/%00", "disk/1.0.0/%0d%0ax", "disk//1.0.0/a.js",
		"disk/1.0.0/./a.js", "disk/1.0.0/x/../a.js", "disk/1.0.0/%2e%2e/a.js", "disk/1.0.0/%zz", "disk/1.0.0/" + strings.Repeat("a", 1100),
	} {
		if _, err := s.want(ctx, http.StatusBadRequest, path, nil); err != nil {
			return err
		}
	}
	if _, err := s.want(ctx, http.StatusBadRequest, "disk/1.0.0/a.js", []string{"Service-Worker: script"}); err != nil {
		return err
	}
	return s.unasked(before)
}

func methods(ctx context.Context, s *site) error {
	before := s.daemon.asked("")
	target := s.pub + "disk/1.0.0/a.js"
	for method, status := range map[string]int{
		http.MethodOptions: http.StatusNoContent, http.MethodPost: http.StatusMethodNotAllowed,
		http.MethodPut: http.StatusMethodNotAllowed, http.MethodDelete: http.StatusMethodNotAllowed,
	} {
		a, err := s.ask(ctx, method, target)
		if err != nil {
			return err
		}
		pairs := []string{"Access-Control-Allow-Origin", "*"}
		if status == http.StatusNoContent {
			pairs = append(pairs, "Access-Control-Allow-Methods", "GET, HEAD, OPTIONS", "Access-Control-Max-Age", "86400")
		}
		if err := a.is(status, method+" "+target, pairs...); err != nil {
			return err
		}
	}
	return s.unasked(before)
}

func withoutSiblings(s *site) string {
	if why := byDaemon(s); why != "" {
		return why
	}
	if !s.config.Nginx.GzipStatic {
		return "nginx.gzip_static is off"
	}
	return ""
}

func siblings(ctx context.Context, s *site) error {
	for path, text := range map[string]string{"packed/1.0.0/a.js": strings.Repeat("plain ", 100), "packed/1.0.0/a.js.gz": "zipped"} {
		if err := s.put(path, text); err != nil {
			return err
		}
	}
	a, err := s.want(ctx, http.StatusOK, "packed/1.0.0/a.js", []string{"Accept-Encoding: gzip"}, "Content-Encoding", "gzip", "Vary", "Accept-Encoding",
		"Content-Type", "text/javascript; charset=utf-8")
	if err != nil {
		return err
	}
	if a.text != "zipped" {
		return fmt.Errorf("the compressed body is %q", a.text)
	}
	a, err = s.want(ctx, http.StatusOK, "packed/1.0.0/a.js", nil, "Content-Encoding", "", "Vary", "Accept-Encoding")
	if err == nil && !strings.HasPrefix(a.text, "plain") {
		return fmt.Errorf("the plain body is %q", a.text)
	}
	return err
}

func sandboxed(ctx context.Context, s *site) error {
	for path, policy := range map[string]string{
		"disk/1.0.0/a.html": "sandbox", "disk/main/a.html": "sandbox", "disk/1.0.0/a.svg": "sandbox",
		"made-doc/1.0.0/a.svg": "sandbox", "disk/1.0.0/a.js": "",
	} {
		if _, err := s.want(ctx, http.StatusOK, path, nil, "Content-Security-Policy", policy); err != nil {
			return err
		}
	}
	return nil
}

// fewFiles is the most descriptors that a worker has where many files are asked
// for.
const fewFiles = 512

// manyFiles starts a second nginx whose workers have few descriptors, and asks
// one of them for more files than that, twice.
func manyFiles(ctx context.Context, s *site) error {
	dir, err := os.MkdirTemp(s.dir, "many-")
	if err != nil {
		return err
	}
	small, err := start(ctx, s.options, dir, fewFiles)
	if err != nil {
		return err
	}
	defer small.stop()
	var paths []string
	for i := range 2 * fewFiles {
		p := path.Join("many/1.0.0", strconv.Itoa(i%7), strconv.Itoa(i)+".js")
		if err := small.put(p, "x"); err != nil {
			return err
		}
		paths = append(paths, p)
	}
	k := small.keep()
	defer k.close()
	for _, p := range append(paths, paths...) {
		a, err := k.get(ctx, p)
		if err != nil {
			return err
		}
		if err := a.is(http.StatusOK, small.pub+p); err != nil {
			return err
		}
	}
	return small.unasked(0)
}
