package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// Rules are the gate that the configuration lays in front of everything: the
// first rule of which a pattern matches decides. Immutable and safe for
// concurrent use.
type Rules struct {
	rules       []rule
	denyOthers  bool
	conceal     bool
	fingerprint string
}

type rule struct {
	number   int // in the order of the configuration, from 1
	patterns []pkgref.Pattern
	deny     bool
	reason   string
}

// NewRules compiles a policy. Errors: outcome.Invalid naming the pattern.
func NewRules(p config.Policy) (*Rules, error) { return newRules(p, pkgref.ParsePattern) }

// NewComponentRules compiles rules about components, whose names are one whatever
// the case of their letters: Check wants them in lower case. Errors: as NewRules.
func NewComponentRules(p config.Policy) (*Rules, error) {
	return newRules(p, func(text string, withPrereleases bool) (pkgref.Pattern, error) {
		pattern, err := pkgref.ParsePattern(text, withPrereleases)
		return pattern.Lower(), err
	})
}

func newRules(p config.Policy, parse func(text string, withPrereleases bool) (pkgref.Pattern, error)) (*Rules, error) {
	r := &Rules{denyOthers: p.Default == "deny", conceal: p.Conceal}
	h := sha256.New()
	for i, c := range p.Rules {
		deny := len(c.Deny) > 0
		compiled := rule{number: i + 1, deny: deny, reason: c.Reason}
		for _, text := range append(c.Allow[:len(c.Allow):len(c.Allow)], c.Deny...) {
			pattern, err := parse(text, deny)
			if err != nil {
				return nil, err
			}
			compiled.patterns = append(compiled.patterns, pattern)
			fmt.Fprintf(h, "%t %q\n", deny, text)
		}
		r.rules = append(r.rules, compiled)
	}
	fmt.Fprintf(h, "default %t\n", r.denyOthers)
	r.fingerprint = hex.EncodeToString(h.Sum(nil))
	return r, nil
}

// Fingerprint is equal for rules that deny the same.
func (r *Rules) Fingerprint() string { return r.fingerprint }

// Check returns nil if the version may be served. A zero version is matched by
// patterns without versions only. Errors: outcome.Forbidden, as an
// *outcome.Denial naming the rule; outcome.Declined over it where the policy
// conceals what it denies.
func (r *Rules) Check(name pkgref.Name, v pkgref.Version) error { return r.verdict(r.decide(name, v)) }

// CheckName returns nil if some version of name might be served; it is asked
// before a version is known. Errors: as Check.
func (r *Rules) CheckName(name pkgref.Name) error { return r.verdict(r.decideName(name)) }

// decision is the rule that decides, by the pattern that matches; both are nil
// where policy.default does.
type decision struct {
	rule    *rule
	pattern *pkgref.Pattern
}

func (r *Rules) decide(name pkgref.Name, v pkgref.Version) decision {
	for i := range r.rules {
		for j := range r.rules[i].patterns {
			p := &r.rules[i].patterns[j]
			if p.MatchName(name) && (!p.HasVersions() || !v.IsZero() && p.Match(name, v)) {
				return decision{&r.rules[i], p}
			}
		}
	}
	return decision{}
}

func (r *Rules) decideName(name pkgref.Name) decision {
	for i := range r.rules {
		for j := range r.rules[i].patterns {
			p := &r.rules[i].patterns[j]
			// An allow of some versions is enough; a deny of some is not.
			if p.MatchName(name) && (!r.rules[i].deny || !p.HasVersions()) {
				return decision{&r.rules[i], p}
			}
		}
	}
	return decision{}
}

func (r *Rules) verdict(d decision) error {
	switch {
	case d.rule == nil && r.denyOthers:
		return r.denial("policy.default deny", "")
	case d.rule == nil || !d.rule.deny:
		return nil
	}
	return r.denial("deny "+d.pattern.String(), d.rule.reason)
}

func (r *Rules) denial(rule, reason string) error {
	d := &outcome.Denial{Rule: rule, Reason: reason}
	if r.conceal {
		return outcome.Wrap(outcome.Declined, d, "concealed")
	}
	return d
}
