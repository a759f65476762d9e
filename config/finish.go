package config

import (
	"path/filepath"
	"strings"
)

// finish fills what follows from other values and checks values against each
// other.
func (l *loader) finish() {
	l.derive()
	l.checkListen()
	l.checkPrefixes()
	l.checkPaths()
	l.checkProviders()
	l.checkRules("policy.rules", l.cfg.Policy.Rules)
	l.checkTokens()
	l.checkNginx()
	l.checkComponents()
}

func (l *loader) derive() {
	c := l.cfg
	if c.Accel == "" {
		c.Accel = "nginx"
		if c.File == "" && !l.generator {
			c.Accel = "off"
		}
	}
	if c.Nginx.CachePath == "" { // the data directory is there, on any system
		c.Nginx.CachePath = filepath.Join(c.Root.FS, "nginx-cache")
	}
	if c.Components != nil && c.Components.Store.Path == "" {
		c.Components.Store.Path = filepath.Join(c.Root.FS, "state", "components")
	}
	if _, given := l.given["providers"]; !given {
		l.deriveProviders()
	}
	for i := range c.Providers {
		if p := &c.Providers[i]; p.Name == "" {
			p.Name = p.Type
		}
	}
}

// deriveProviders fills the chain that nobody configured. Only a daemon that
// somebody tries out without a file asks more than npm's registry: whoever
// writes a file must say who else may answer for a name.
func (l *loader) deriveProviders() {
	types := []string{"npm"}
	if l.cfg.File == "" && !l.generator {
		types = append(types, "jsdelivr", "github")
	}
	for _, kind := range types {
		t := l.grow("providers[]", 0)
		t.provider.Type = kind
		l.defaults(func(r *row) bool {
			return r.section() == "providers" && (r.Of == "" || r.Of == kind)
		}, t)
	}
}

// fault lists a problem of the value at path, unless that has one already.
func (l *loader) fault(path string, c complaint) {
	tx := l.given[path]
	if tx.bad {
		return
	}
	if tx.path == "" {
		tx.path = path
	}
	tx.shown = ""
	l.problem(tx, c)
}

func (l *loader) checkListen() {
	seen := map[Address]bool{}
	for _, a := range l.cfg.Listen {
		if seen[a] {
			l.fault("listen", "names one address twice; remove one")
			return
		}
		seen[a] = true
	}
	if l.generator && strings.HasSuffix(l.cfg.Listen[0].String(), ":0") {
		l.fault("listen", "has port 0, which is any free port: nginx cannot know it; give a number")
	}
}

// checkPrefixes refuses prefixes that contain one another, so that each URL
// has one owner whatever the order of looking. Only root.pub may be "/".
func (l *loader) checkPrefixes() {
	c := l.cfg
	type named struct{ key, prefix string }
	all := []named{{"the health and metrics routes", "/-/"}, {"root.internal", c.Root.Internal}}
	if c.Root.Pub != "/" {
		all = append(all, named{"root.pub", c.Root.Pub})
	}
	if c.Admin != nil {
		all = append(all, named{"admin.prefix", c.Admin.Prefix})
	}
	if c.Components != nil {
		all = append(all, named{"components.prefix", c.Components.Prefix})
	}
	if c.Modules != nil {
		all = append(all, named{"modules.prefix", c.Modules.Prefix})
	}
	for i, b := range all {
		for _, a := range all[:i] {
			overlap := strings.HasPrefix(a.prefix, b.prefix) || strings.HasPrefix(b.prefix, a.prefix)
			if !overlap || l.given[a.key].bad {
				continue
			}
			key, other := b.key, a.key
			if l.given[key].source == "" && l.given[other].source != "" {
				key, other = other, key
			}
			what := "lies inside the prefix of " + other
			switch {
			case a.prefix == b.prefix:
				what = "is the prefix of " + other + " too"
			case strings.HasPrefix(a.prefix, b.prefix) == (key == b.key):
				what = "holds the prefix of " + other
			}
			l.fault(key, complaint(what+"; choose another"))
		}
	}
}

// inside reports whether path is dir or lies below it.
func inside(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

func (l *loader) checkPaths() {
	fs := l.cfg.Root.FS
	if fs == "/" {
		l.fault("root.fs", "must be a directory of its own, not /")
		return
	}
	const where = " when made absolute, which nginx cannot be told; give a path of letters, digits and /._@+,:=~%-"
	if l.cfg.Accel == "nginx" || l.generator {
		if nginxPath(fs) != "" {
			l.fault("root.fs", complaint("is "+l.madeAbsolute("root.fs", fs)+where))
		}
	}
	n := l.cfg.Nginx
	for _, p := range []struct{ key, path string }{
		{"nginx.cache.path", n.CachePath}, {"nginx.private.htpasswd", n.Private.HTPasswd},
		{"nginx.tls.cert", n.TLS.Cert}, {"nginx.tls.key", n.TLS.Key},
	} {
		if l.generator && p.path != "" && nginxPath(p.path) != "" {
			l.fault(p.key, complaint("is "+l.madeAbsolute(p.key, p.path)+where))
		}
	}
	if inside(l.cfg.Nginx.CachePath, filepath.Join(fs, "www")) {
		l.fault("nginx.cache.path", "lies in the tree that nginx serves; choose another directory")
	}
}

// madeAbsolute quotes a path, unless a variable has gone into it.
func (l *loader) madeAbsolute(key, path string) string {
	if l.given[key].expanded {
		return "a path with other characters"
	}
	return quote(path)
}

// checkComponents keeps the store out of what nginx serves, and each type of
// store to its own keys.
func (l *loader) checkComponents() {
	c := l.cfg.Components
	if c == nil {
		return
	}
	l.checkRules("components.rules", c.Rules)
	if fs := l.cfg.Root.FS; inside(c.Store.Path, filepath.Join(fs, "www")) || inside(fs, c.Store.Path) {
		l.fault("components.store.path", "must be neither in the tree that nginx serves nor hold root.fs; choose another directory")
	}
	if c.Store.Type == "s3" && c.Store.Bucket == "" {
		l.fault("components.store.bucket", "is missing; a store of type s3 needs one")
	}
	if c.Store.Type == "s3" && (c.Store.AccessKey == "") != (c.Store.SecretKey == "") && !l.generator {
		l.fault("components.store.secret_key", "goes with components.store.access_key; give both or none")
	}
}
