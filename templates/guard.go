package templates

import (
	"strings"

	"github.com/registryd/registryd/pkgref"
)

// guardPattern folds rules into one pattern that matches what is refused, for
// places where nginx allows a single condition.
func guardPattern(rules []pkgref.GuardPattern) string {
	var refused []string
	except := ""
	for _, r := range rules {
		if !r.Refuse {
			except += "(?!" + r.Expr + ")"
			continue
		}
		refused = append(refused, "(?:"+except+r.Expr+")")
	}
	return "^(?:" + strings.Join(refused, "|") + ")" // each begins at the front: nowhere else need be tried
}

// dotSegments refuses, for routes that hand the raw URI to the daemon, every
// spelling of a dot segment: nginx chooses the location by the resolved path,
// the daemon routes by the raw one, and the two must not differ.
const dotSegments = `^[^?]*(?:/|%2f)(?:\.|%2e){1,2}(?:/|%2f|[?#]|$)`

// The parts of a package URL below its prefix, as PCRE on the decoded path.
const (
	namePattern    = `(?:@[^/]+/)?[^/@]+`
	versionPattern = `\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?`
)
