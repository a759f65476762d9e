package proof

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// statements lists them in the order in which they are shown.
func statements() []statement {
	return []statement{
		{"a file on disk is sent without asking the daemon", byDaemon, hitAlone},
		{"a missing file asks the daemon once, and is a hit from then on", byDaemon, missOnce},
		{"an absence is kept for a while", nil, absenceKept},
		{"a redirect is kept for a while", nil, redirectKept},
		{"no query string gets past the view and the proxy cache", nil, queryIgnored},
		{"files have their types and charsets", byDaemon, types},
		{"200, 206, 302, 304, 403, 404 and 502 carry the CORS headers once", nil, cors},
		{"exact versions are immutable, main is short-lived, errors are neither", byDaemon, lifetimes},
		{"main that moved between files of one size is answered 200, and 304 where nothing changed", byDaemon, movedMain},
		{"nothing but the view can be reached", nil, stateUnreachable},
		{"the daemon sees nothing of the client but the path", nil, nothingForwarded},
		{"the guard answers 400", nil, guarded},
		{"OPTIONS answers 204, what changes something 405", nil, methods},
		{"compressed copies go to whoever accepts them", withoutSiblings, siblings},
		{"HTML and SVG are sandboxed", byDaemon, sandboxed},
		{"private scopes are for those who may read them, on disk and off it", withoutScopes, privately},
		{"a package has one node, and another one when that is gone", withoutNodes, shared},
		{"more distinct files than a worker has descriptors are served", byDaemon, manyFiles},
	}
}

// byDaemon skips what the daemon does itself with accel off.
func byDaemon(s *site) string {
	if s.config.Accel == "off" {
		return "accel is off, so the daemon sends the files"
	}
	return ""
}

// The Cache-Control of exact versions and of main.
const (
	forever = "public, max-age=31536000, immutable"
	short   = "public, max-age=60, stale-while-revalidate=600"
)

// furnish fills the view with what the statements ask for.
func (s *site) furnish() error {
	for _, ext := range strings.Fields("js mjs css json wasm html svg map ts txt png woff2") {
		if err := s.put("disk/1.0.0/a."+ext, "disk "+ext); err != nil {
			return err
		}
	}
	for path, text := range map[string]string{"moved/1.0.0/a.js": "one", "moved/2.0.0/a.js": "two"} {
		if err := s.put(path, text); err != nil {
			return err
		}
	}
	view := filepath.Join(s.config.Root.FS, "www", s.pub)
	for _, name := range []string{"disk", "moved"} {
		if err := os.Symlink("1.0.0", filepath.Join(view, name, "main")); err != nil {
			return err
		}
	}
	return write(filepath.Join(s.config.Root.FS, "state", "secret"), "secret")
}

// hitAlone: the daemon must not hear of a file of the view.
func hitAlone(ctx context.Context, s *site) error {
	before := s.daemon.asked("")
	a, err := s.want(ctx, http.StatusOK, "disk/1.0.0/a.js", nil, "X-Registryd-Cache", "view")
	if err != nil {
		return err
	}
	if a.text != "disk js" {
		return fmt.Errorf("the body is %q", a.text)
	}
	return s.unasked(before)
}

// unasked reports requests that the daemon saw since it had seen so many.
func (s *site) unasked(before int) error {
	if n := s.daemon.asked("") - before; n > 0 {
		return fmt.Errorf("the daemon was asked %d times", n)
	}
	return nil
}

// missOnce: the first request makes the file, the second finds it.
func missOnce(ctx context.Context, s *site) error {
	const path = "made-once/1.0.0/a.js"
	for _, by := range []string{"daemon", "view"} {
		a, err := s.want(ctx, http.StatusOK, path, nil, "X-Registryd-Cache", by)
		if err != nil {
			return err
		}
		if a.text != "made" {
			return fmt.Errorf("the body is %q", a.text)
		}
	}
	return s.askedOnce(path)
}

// askedOnce holds the daemon's requests for a path against one.
func (s *site) askedOnce(path string) error {
	if n := s.daemon.asked(path); n != 1 {
		return fmt.Errorf("the daemon was asked %d times for %s", n, path)
	}
	return nil
}

func absenceKept(ctx context.Context, s *site) error {
	return s.keeps(ctx, http.StatusNotFound, "gone-kept/1.0.0/a.js")
}

func redirectKept(ctx context.Context, s *site) error {
	return s.keeps(ctx, http.StatusFound, "range-kept/^1/a.js")
}

// keeps asks until nginx answers by itself: it does so a moment before its
// cache file has its name.
func (s *site) keeps(ctx context.Context, status int, path string) error {
	return s.eventually(ctx, "the daemon is asked each time for "+s.pub+path, func() (bool, error) {
		a, err := s.want(ctx, status, path, nil)
		return a.Response != nil && a.kept(), err
	})
}

// eventually is until, with words for the time when it takes too long.
func (s *site) eventually(ctx context.Context, trouble string, holds func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.options.soon, patience/3))
	defer cancel()
	err := until(ctx, holds)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("%s", trouble)
	}
	return err
}

func queryIgnored(ctx context.Context, s *site) error {
	if err := s.keeps(ctx, http.StatusFound, "range-query/^1/a.js"); err != nil {
		return err
	}
	before := s.daemon.asked("")
	paths := []string{"range-query/^1/a.js"}
	if s.config.Accel != "off" {
		paths = append(paths, "disk/1.0.0/a.js")
	}
	for _, path := range paths {
		for _, query := range []string{"?v=1", "?meta=1", "?a&meta", "?"} {
			if _, err := s.get(ctx, path+query); err != nil {
				return err
			}
		}
	}
	return s.unasked(before)
}

func types(ctx context.Context, s *site) error {
	for ext, kind := range map[string]string{
		"js": "text/javascript; charset=utf-8", "mjs": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8",
		"json": "application/json; charset=utf-8", "map": "application/json; charset=utf-8", "wasm": "application/wasm",
		"html": "text/html; charset=utf-8", "svg": "image/svg+xml", "ts": "text/plain; charset=utf-8",
		"txt": "text/plain; charset=utf-8", "png": "image/png", "woff2": "font/woff2",
	} {
		if _, err := s.want(ctx, http.StatusOK, "disk/1.0.0/a."+ext, nil, "Content-Type", kind, "X-Content-Type-Options", "nosniff"); err != nil {
			return err
		}
	}
	return nil
}

func lifetimes(ctx context.Context, s *site) error {
	for path, life := range map[string]string{"disk/1.0.0/a.js": forever, "disk/main/a.js": short, "made-life/1.0.0/a.js": forever} {
		if _, err := s.want(ctx, http.StatusOK, path, nil, "Cache-Control", life); err != nil {
			return err
		}
	}
	if _, err := s.want(ctx, http.StatusFound, "range-life/^1/a.js", nil, "Cache-Control", ""); err != nil {
		return err
	}
	_, err := s.want(ctx, http.StatusNotFound, "gone-life/1.0.0/a.js", nil, "Cache-Control", "")
	return err
}

// movedMain moves main between two files that only their times tell apart. It
// asks over one connection, so one worker, with what it holds open, answers.
func movedMain(ctx context.Context, s *site) error {
	const path = "moved/main/a.js"
	view := filepath.Join(s.config.Root.FS, "www", s.pub, "moved")
	for i, version := range []string{"1.0.0", "2.0.0"} {
		stamp := time.Unix(500_000_000+int64(i), 0)
		if err := os.Chtimes(filepath.Join(view, version, "a.js"), stamp, stamp); err != nil {
			return err
		}
	}
	k := s.keep()
	defer k.close()
	first, err := k.get(ctx, path)
	if err != nil {
		return err
	}
	conditions := []string{"If-None-Match: " + first.Header.Get("ETag"), "If-Modified-Since: " + first.Header.Get("Last-Modified")}
	for _, c := range conditions {
		same, err := k.get(ctx, path, c)
		if err != nil {
			return err
		}
		if err := same.is(http.StatusNotModified, s.pub+path); err != nil {
			return err
		}
	}
	if err := os.Symlink("2.0.0", filepath.Join(view, "main.new")); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(view, "main.new"), filepath.Join(view, "main")); err != nil {
		return err
	}
	for _, c := range conditions {
		err := s.eventually(ctx, "the old main is still there for "+c, func() (bool, error) {
			a, err := k.get(ctx, path, c)
			return err == nil && a.StatusCode == http.StatusOK && a.text == "two", err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
