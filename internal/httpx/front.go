package httpx

import (
	"net"
	"net/http"
	"strings"
)

// TrustedFront reports whether the request comes from a front on this machine,
// by loopback or a unix socket, so that its forwarding headers can be believed.
func TrustedFront(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr == "" || strings.HasPrefix(r.RemoteAddr, "@") || strings.HasPrefix(r.RemoteAddr, "/")
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// ClientAddress is the address of who asks, as a trusted front tells it.
func ClientAddress(r *http.Request) string {
	if ip := r.Header.Get("X-Real-IP"); ip != "" && len(ip) <= 64 && TrustedFront(r) {
		return ip
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "local"
	}
	return host
}

// RequestID returns the id that a trusted front gave the request, "" if none
// or if it is not a short plain word.
func RequestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	if len(id) == 0 || len(id) > 64 || !TrustedFront(r) {
		return ""
	}
	for _, c := range []byte(id) {
		if c != '-' && c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return ""
		}
	}
	return id
}

// BaseURL returns scheme and host for absolute links, without a trailing slash:
// public if it is set, else what a trusted front forwards, else the request's
// own.
func BaseURL(r *http.Request, public string) string {
	if public != "" {
		return public
	}
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if TrustedFront(r) {
		if p := r.Header.Get("X-Forwarded-Proto"); p == "http" || p == "https" {
			scheme = p
		}
		if h := r.Header.Get("X-Forwarded-Host"); h != "" {
			host = h
		}
	}
	if !plainHost(host) {
		host = "localhost"
	}
	return scheme + "://" + host
}

// plainHost refuses what could break out of a link.
func plainHost(host string) bool {
	return host != "" && len(host) <= 255 && !strings.ContainsFunc(host, func(c rune) bool {
		return c != '.' && c != '-' && c != ':' && c != '[' && c != ']' && c != '_' &&
			(c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z')
	})
}
