package fetch

import (
	"net/netip"
	"net/url"
	"time"
)

// Public, RetryAfterValue and CheckProxied let tests ask the rules directly.
func Public(addr netip.Addr) bool { return public(addr) }

func RetryAfterValue(value string, now time.Time) (time.Duration, bool) {
	return retryAfter(value, now)
}

func CheckProxied(u *url.URL, trusted ...string) error {
	return newGuard(Config{Trusted: trusted}).proxied(u)
}

// Hosts returns how many hosts a client remembers.
func (c *Client) Hosts() int {
	c.hosts.mu.Lock()
	defer c.hosts.mu.Unlock()
	return len(c.hosts.m)
}
