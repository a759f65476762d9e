package templates

import (
	"strings"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/outcome"
)

// statusPrefix holds the daemon's own probes and metrics, never routed.
const statusPrefix = "/-/"

// prefix is one URL prefix with the field it came from.
type prefix struct{ field, value string }

// prefixes lists the prefixes in use besides root.pub.
func prefixes(c *config.Config) []prefix {
	all := []prefix{{"the status prefix", statusPrefix}, {"root.internal", c.Root.Internal}}
	if c.Admin != nil {
		all = append(all, prefix{"admin.prefix", c.Admin.Prefix})
	}
	if c.Components != nil {
		all = append(all, prefix{"components.prefix", c.Components.Prefix})
	}
	if c.Modules != nil {
		all = append(all, prefix{"modules.prefix", c.Modules.Prefix})
	}
	return all
}

// checkPrefixes checks the form of every prefix and that none holds another;
// only root.pub may be "/".
func checkPrefixes(c *config.Config) error {
	all := prefixes(c)
	if err := match("root.pub", c.Root.Pub, prefixChars); err != nil {
		return err
	}
	for _, p := range all {
		if err := match(p.field, p.value, prefixChars); err != nil {
			return err
		}
		if p.value == "/" {
			return refuse(p.field, p.value)
		}
	}
	if c.Root.Pub != "/" {
		all = append(all, prefix{"root.pub", c.Root.Pub})
	}
	return checkOverlap(all)
}

// checkOverlap refuses prefixes of which one begins with another.
func checkOverlap(all []prefix) error {
	for i, p := range all {
		for _, q := range all[i+1:] {
			if strings.HasPrefix(p.value, q.value) || strings.HasPrefix(q.value, p.value) {
				return outcome.New(outcome.Invalid, "%s %q and %s %q: one holds the other",
					p.field, p.value, q.field, q.value)
			}
		}
	}
	return nil
}
