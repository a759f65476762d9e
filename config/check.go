package config

import (
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/registryd/registryd/internal/quantity"
	"github.com/registryd/registryd/pkgref"
)

// The grammars of texts, each of the whole text.
var (
	identifierRE  = whole(`[A-Za-z0-9][A-Za-z0-9._@-]{0,63}`)
	visibleRE     = whole(`[!-~]+`)
	hostRE        = whole(`(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.?)+`)
	nginxPathRE   = whole(`[\p{L}\p{M}\p{N}/._@+,:=~%-]+`)
	serverNameRE  = whole(`_|(?:\*?\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*`)
	upstreamRE    = whole(`[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`)
	userRE        = whole(`[A-Za-z_][A-Za-z0-9._-]{0,31}`)
	versionRE     = whole(`[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}`)
	moduleRE      = whole(`[A-Za-z0-9_-]{1,64}`)
	zoneRE        = whole(`[A-Za-z0-9_][A-Za-z0-9_-]{0,63}`)
	bearerRE      = whole(`[A-Za-z0-9._~+/=-]{8,512}`)
	requestRateRE = whole(`[1-9][0-9]{0,6}r/[sm]`)
	variableRE    = whole(`[A-Za-z_][A-Za-z0-9_]*`)
	ownerRE       = whole(`@?[A-Za-z0-9][A-Za-z0-9_-]{0,38}`)
	repositoryRE  = whole(`@[A-Za-z0-9][A-Za-z0-9_-]{0,38}/[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}`)
	plainRE       = whole(`[A-Za-z0-9/._][A-Za-z0-9/._:-]*[A-Za-z0-9/._-]|[A-Za-z0-9/._]`)
)

// whole compiles a pattern that must cover all of a text.
func whole(pattern string) *regexp.Regexp { return regexp.MustCompile(`^(?:` + pattern + `)$`) }

func hint(ok bool, c complaint) complaint {
	if ok {
		return ""
	}
	return c
}

func identifier(text string) complaint {
	return hint(identifierRE.MatchString(text),
		"must be at most 64 letters, digits, dots, dashes, _ and @, a letter or digit first")
}

// bearer lets pass what an Authorization header can carry; anything else could
// never be presented, or would be a header of its own.
func bearer(text string) complaint {
	return hint(len(text) <= 4096 && visibleRE.MatchString(text), "must be at most 4096 printable ASCII characters without blanks: it is sent in a header")
}

func httpURL(text string) complaint {
	u, err := url.Parse(text)
	switch {
	case err != nil || !visibleRE.MatchString(text) || strings.ContainsAny(text, "\"'<>`\\{}|^"):
		return "must be a URL such as https://host.example/path"
	case u.Scheme != "http" && u.Scheme != "https":
		return "must begin with http:// or https://"
	case u.User != nil:
		return "must not hold a user or password"
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(text, "#"):
		return "must not hold a query or fragment"
	}
	return hint(u.Opaque == "" && hostPort(u.Host), "must name a host")
}

// scopeName accepts the part of a name up to its slash.
func scopeName(text string) complaint {
	_, err := pkgref.ParseName(text + "/x")
	return hint(err == nil && strings.HasPrefix(text, "@"), "must be a scope such as @acme")
}

// ownerName accepts an owner of repositories, as a scope or without its "@".
func ownerName(text string) complaint {
	return hint(ownerRE.MatchString(text), "must be an owner such as acme")
}

func repositoryName(text string) complaint {
	return hint(repositoryRE.MatchString(text), "must be a repository such as @acme/widget")
}

func proxyURL(text string) complaint {
	u, err := url.Parse(text)
	if err != nil || !visibleRE.MatchString(text) {
		return "must be a URL such as http://proxy.example:3128"
	}
	if !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme) {
		return "must begin with http://, https://, socks5:// or socks5h://"
	}
	return hint(u.Opaque == "" && hostPort(u.Host), "must name a host")
}

// hostPort accepts host, host:port, [v6] and [v6]:port, as in URLs.
func hostPort(s string) bool {
	if host, ok := strings.CutSuffix(s, "]"); ok {
		host, ok = strings.CutPrefix(host, "[")
		return ok && isV6(host)
	}
	host, port, found := cutPort(s)
	return host != "" && validHost(host) && (!found || validPort(port))
}

// cutPort splits at the last colon outside of brackets.
func cutPort(s string) (host, port string, found bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

func validHost(host string) bool {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		return ok && isV6(inner)
	}
	return len(host) <= 253 && hostRE.MatchString(host)
}

// isV6 refuses zones: nginx does not know them.
func isV6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6() && a.Zone() == ""
}

func validPort(port string) bool {
	n, ok := quantity.Digits(port)
	return ok && len(port) <= 5 && n <= 65535
}

// maxSocketPath is what the kernel takes as the path of a socket, less its
// closing zero byte.
const maxSocketPath = 107

func parseAddress(text, dir string) (any, complaint) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		return parseSocket(path, dir)
	}
	host, port, found := cutPort(text)
	if !found || !validPort(port) || host != "" && !validHost(host) {
		return nil, "must be host:port, [v6]:port or unix:/path"
	}
	return Address{Network: "tcp", Address: text}, ""
}

func parseSocket(path, dir string) (any, complaint) {
	// A colon would end the path for nginx.
	if path == "" || strings.Contains(path, ":") || nginxPath(path) != "" {
		return nil, "must be unix: and the path of a socket, of letters, digits and /._@+,=~%-"
	}
	path = absolute(path, dir)
	if len(path) > maxSocketPath {
		return nil, complaint("must be a shorter path: the system takes " + strconv.Itoa(maxSocketPath) + " bytes for a socket")
	}
	return Address{Network: "unix", Address: path}, ""
}

// String writes the address as the file does.
func (a Address) String() string {
	if a.Network == "unix" {
		return "unix:" + a.Address
	}
	return a.Address
}

func nginxPath(text string) complaint {
	return hint(nginxPathRE.MatchString(text), "must be a path of letters, digits and /._@+,:=~%-")
}

func nginxListen(text string) complaint {
	host, port, found := cutPort(text)
	if !found {
		host, port = "", text
	}
	ok := validPort(port) && strings.Trim(port, "0") != "" && (!found || validHost(host))
	return hint(ok, "must be a port, host:port or [v6]:port")
}

func serverName(text string) complaint {
	return hint(serverNameRE.MatchString(text) && len(text) <= 253,
		"must be one host name, such as cdn.example.org or *.example.org")
}

func upstream(text string) complaint {
	if isHostPort(text) {
		return ""
	}
	return hint(upstreamRE.MatchString(text), "must be the name of an upstream block, or host:port")
}

// isHostPort tells an address that nginx can go to from the name of a block.
func isHostPort(text string) bool {
	host, port, found := cutPort(text)
	return found && host != "" && validHost(host) && validPort(port) && strings.Trim(port, "0") != ""
}

func userName(text string) complaint {
	return hint(userRE.MatchString(text), "must be the name of a user")
}

func nginxVersion(text string) complaint {
	return hint(versionRE.MatchString(text), "must be a version such as 1.22.1")
}

func moduleName(text string) complaint {
	return hint(moduleRE.MatchString(text), "must be the name of a module, such as http_brotli_static_module")
}

func zoneName(text string) complaint {
	return hint(zoneRE.MatchString(text), "must be a name of letters, digits, dashes and _")
}

func requestRate(text string) complaint {
	return hint(requestRateRE.MatchString(text), "must be a rate such as 50r/s or 600r/m")
}

func bearerToken(text string) complaint {
	return hint(bearerRE.MatchString(text), "must be a token of letters, digits and -._~+/=, of 8 to 512 bytes")
}

func nodeAddress(text string) complaint {
	return hint(isHostPort(text), "must be host:port or [v6]:port")
}
