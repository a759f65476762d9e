package templates

import (
	"net"
	"strings"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/outcome"
)

// blockName is the upstream block of the full set where the configuration
// gives an address in place of a name.
const blockName = "registryd"

// checkUpstream checks nginx.upstream, a name or an address.
func checkUpstream(value string) error {
	const field = "nginx.upstream"
	if !strings.Contains(value, ":") {
		return match(field, value, upstreamChars)
	}
	host, _, err := checkHostPort(field, value)
	if err == nil && (host == "" || host == "*") {
		return refuse(field, value)
	}
	return err
}

// upstreamName returns what proxy_pass names, and whether that is a block. The
// full set brings a block of its own, for kept connections; the server-only
// form goes to an address where it was given one.
func upstreamName(value string, inline bool) (name string, block bool) {
	switch {
	case !strings.Contains(value, ":"):
		return value, true
	case inline:
		return value, false
	}
	return blockName, true
}

// upstreamServer returns where nginx reaches the daemon: the address that
// nginx.upstream gives, else the daemon's first unix socket, else its first
// address. An address that means every interface is reached through loopback.
func upstreamServer(c *config.Config) (string, error) {
	if strings.Contains(c.Nginx.Upstream, ":") {
		return c.Nginx.Upstream, nil
	}
	if len(c.Nginx.Nodes) > 0 {
		return "", nil
	}
	if len(c.Listen) == 0 {
		return "", outcome.New(outcome.Invalid, "listen: no address for nginx to reach the daemon")
	}
	for _, a := range c.Listen {
		if a.Network == "unix" {
			return "unix:" + a.Address, checkSocket(a.Address)
		}
	}
	host, port, err := checkHostPort("listen", c.Listen[0].Address)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(reachable(host), port), nil
}

// checkSocket checks the path of a unix socket, which nginx ends at a colon.
func checkSocket(path string) error {
	if strings.Contains(path, ":") {
		return refuse("listen", path)
	}
	return checkPath("listen", path)
}

// reachable replaces the names of "every interface".
func reachable(host string) string {
	switch host {
	case "", "*", "0.0.0.0":
		return "127.0.0.1"
	case "::":
		return "::1"
	}
	return host
}
