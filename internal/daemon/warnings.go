package daemon

import (
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/worker"
)

// Warnings names, a line each, what is right in itself and will hardly be
// meant. It looks at the disk, but changes nothing.
func Warnings(c *config.Config) []string {
	var list []string
	for _, a := range c.Listen {
		if !local(a) {
			list = append(list, "listen: "+a.String()+" can be reached from other machines, with its metrics; "+
				"name 127.0.0.1 or a unix socket and let nginx answer for it")
		}
	}
	if c.Admin != nil && len(c.Admin.Tokens) == 0 {
		list = append(list, "admin: has no token that is not empty, so the admin routes do not exist; give admin.tokens")
	}
	if c.Components != nil && c.Components.Token == "" && !c.Components.ReadOnly {
		list = append(list, "components: has no token, so only this machine can publish, and not through nginx; give components.token, or read_only: true")
	}
	list = append(list, sharedScopes(c)...)
	if text := hindrance(c); text != "" {
		list = append(list, "root.fs: "+text)
	}
	return list
}

// sharedScopes names scopes that have a registry of their own and of which
// others hear nevertheless, because nobody owns the names.
func sharedScopes(c *config.Config) []string {
	var list []string
	for _, p := range c.Providers {
		if p.Type != "npm" || len(p.Names) > 0 {
			continue
		}
		for _, scope := range slices.Sorted(maps.Keys(p.NPM.Scopes)) {
			for _, other := range c.Providers {
				if other.Name != p.Name && other.Type != "dir" && len(other.Names) == 0 {
					list = append(list, "providers: "+scope+" has a registry of its own in "+p.Name+", but "+other.Name+
						" is asked for it, too; give it a provider with names: ["+scope+"/*]")
				}
			}
		}
	}
	return list
}

// local reports whether only this machine can connect to an address.
func local(a config.Address) bool {
	if a.Network == "unix" {
		return true
	}
	host, _, err := net.SplitHostPort(a.Address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// workerUser is the user that nginx's worker processes have, where root starts
// nginx with the configuration that is generated for it.
func workerUser(c *config.Config) string {
	if c.Nginx.User != "" {
		return c.Nginx.User
	}
	return worker.Owner(c.Root.FS)
}

// hindrance says what keeps nginx from the view, "" if nothing does that can be
// seen from here.
func hindrance(c *config.Config) string {
	if c.Accel != "nginx" {
		return ""
	}
	return worker.Hindrance(workerUser(c), filepath.Join(c.Root.FS, "www"))
}
