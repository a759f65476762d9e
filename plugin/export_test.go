package plugin

import "net/url"

// Allows reports whether an entry of capabilities.http allows a URL.
func Allows(text string, u *url.URL) bool {
	p, err := parsePlace(text)
	return err == nil && p.allows(u)
}
