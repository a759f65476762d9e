package templates

import "github.com/registryd/registryd/pkgref"

// guardPattern folds rules into one pattern that matches what is refused, for
// places where nginx allows a single condition. Each of the rules begins at the
// front: nowhere else need be tried.
func guardPattern(rules []pkgref.GuardPattern) string { return "^(?:" + foldGuard(rules) + ")" }

// foldGuard lets the first rule that matches decide; the last one refuses.
func foldGuard(rules []pkgref.GuardPattern) string {
	first := "(?:" + rules[0].Expr + ")"
	switch {
	case len(rules) == 1:
		return first
	case rules[0].Refuse:
		return first + "|" + foldGuard(rules[1:])
	}
	return "(?!" + first + ")(?:" + foldGuard(rules[1:]) + ")"
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
