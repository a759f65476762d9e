package templates

import (
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/outcome"
)

// A pattern lists what a field may hold rather than what it may not: none of
// them admits a blank, a quote, a semicolon, a brace, a backslash, a dollar
// sign or a control byte.
var (
	pathChars     = regexp.MustCompile(`^/[\p{L}\p{M}\p{N}._%+,:=@~/-]*$`)
	prefixChars   = regexp.MustCompile(`^/(?:[A-Za-z0-9_~-][A-Za-z0-9._~-]*/)*$`)
	zoneChars     = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$`)
	upstreamChars = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	serverChars   = regexp.MustCompile(`^(?:_|(?:\*?\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)$`)
	userChars     = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]{0,31}$`)
	versionChars  = regexp.MustCompile(`^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$`)
	moduleChars   = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	hostChars     = regexp.MustCompile(`^(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}|[0-9a-fA-F:.]{2,45})$`)
	rateChars     = regexp.MustCompile(`^[1-9][0-9]{0,6}r/[sm]$`)
	switchChars   = regexp.MustCompile(`^(?:auto|true|false|)$`)
)

// refuse returns the error for a value that does not fit its field.
func refuse(field, value string) error {
	return outcome.New(outcome.Invalid, "%s: %q cannot be written to an nginx configuration", field, value)
}

// match checks one value against a pattern.
func match(field, value string, pattern *regexp.Regexp) error {
	if !pattern.MatchString(value) {
		return refuse(field, value)
	}
	return nil
}

// checkPath checks an absolute path in its clean form.
func checkPath(field, value string) error {
	if err := match(field, value, pathChars); err != nil {
		return err
	}
	for _, segment := range strings.Split(strings.TrimSuffix(value[1:], "/"), "/") {
		if segment == "." || segment == ".." || segment == "" && value != "/" {
			return refuse(field, value)
		}
	}
	return nil
}

// optionalPaths checks those paths that are set.
func optionalPaths(paths ...prefix) error {
	for _, p := range paths {
		if p.value == "" {
			continue
		}
		if err := checkPath(p.field, p.value); err != nil {
			return err
		}
	}
	return nil
}

// checkPort checks a decimal port.
func checkPort(field, whole, port string) error {
	n, err := strconv.Atoi(port)
	if err != nil || n < 1 || n > 65535 || port != strconv.Itoa(n) {
		return refuse(field, whole)
	}
	return nil
}

// checkHostPort checks "host:port" and "[v6]:port" and returns the parts.
func checkHostPort(field, value string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(value)
	if err != nil {
		return "", "", refuse(field, value)
	}
	if err := checkPort(field, value, port); err != nil {
		return "", "", err
	}
	if host == "" || host == "*" {
		return host, port, nil
	}
	if match(field, host, hostChars) != nil {
		return "", "", refuse(field, value)
	}
	return host, port, nil
}

// checkListen checks what the runnable server listens on: a port, or an
// address with one.
func checkListen(value string) error {
	const field = "nginx.listen"
	if !strings.Contains(value, ":") {
		return checkPort(field, value, value)
	}
	host, _, err := checkHostPort(field, value)
	if err == nil && host == "" {
		return refuse(field, value)
	}
	return err
}

// firstError runs checks in order and returns the first error.
func firstError(checks ...func() error) error {
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkNames checks everything of the nginx section that is a short name.
func checkNames(n config.Nginx) error {
	return firstError(
		func() error { return checkUpstream(n.Upstream) },
		func() error { return match("nginx.cache.name", n.CacheName, zoneChars) },
		func() error { return match("nginx.server_name", n.ServerName, serverChars) },
		func() error { return optionally("nginx.user", n.User, userChars) },
		func() error { return optionally("nginx.version", n.Version, versionChars) },
		func() error { return optionally("nginx.limit_req.rate", n.LimitReq.Rate, rateChars) },
		func() error { return match("nginx.brotli_static", n.BrotliStatic, switchChars) },
		func() error { return checkListen(n.Listen) },
	)
}

// optionally matches a value that may be absent.
func optionally(field, value string, pattern *regexp.Regexp) error {
	if value == "" {
		return nil
	}
	return match(field, value, pattern)
}

// checkNumbers checks amounts and durations; they cannot break the syntax, but
// nginx refuses some of them in words that name no field of ours.
func checkNumbers(c *config.Config) error {
	const day = 24 * time.Hour
	n := c.Nginx
	switch {
	case n.OpenFiles < 1 || n.OpenFiles > 10_000_000:
		return refuse("nginx.open_files", strconv.Itoa(n.OpenFiles))
	case n.CachePeriod < time.Second || n.CachePeriod > 365*day:
		return refuse("nginx.cache.period", n.CachePeriod.String())
	case c.Timeouts.Total < 0 || c.Timeouts.Total > day:
		return refuse("timeouts.total", c.Timeouts.Total.String())
	case n.LimitReq.Burst < 0:
		return refuse("nginx.limit_req.burst", strconv.Itoa(n.LimitReq.Burst))
	case c.Limits.Body < 0:
		return refuse("limits.body", strconv.FormatInt(c.Limits.Body, 10))
	}
	return nil
}

// checkFound checks what did not come from the configuration.
func checkFound(in Input) error {
	return firstError(
		func() error {
			return optionalPaths(prefix{"output directory", in.Dir}, prefix{"front directory", in.Front})
		},
		func() error { return optionally("owner of root.fs", in.Owner, userChars) },
		func() error { return optionally("group of nginx's workers", in.Group, userChars) },
		func() error { return optionally("nginx version", in.Build.Version, versionChars) },
	)
}
