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
	patterns []pkgref.Pattern
	deny     bool
	reason   string
}

// NewRules compiles a policy. Errors: outcome.Invalid naming the pattern.
func NewRules(p config.Policy) (*Rules, error) {
	r := &Rules{denyOthers: p.Default == "deny", conceal: p.Conceal}
	h := sha256.New()
	for _, c := range p.Rules {
		deny := len(c.Deny) > 0
		compiled := rule{deny: deny, reason: c.Reason}
		for _, text := range append(c.Allow[:len(c.Allow):len(c.Allow)], c.Deny...) {
			pattern, err := pkgref.ParsePattern(text, deny)
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
func (r *Rules) Check(name pkgref.Name, v pkgref.Version) error {
	for _, rule := range r.rules {
		for _, p := range rule.patterns {
			if !p.MatchName(name) || p.HasVersions() && (v.IsZero() || !p.Match(name, v)) {
				continue
			}
			if !rule.deny {
				return nil
			}
			return r.denial("deny "+p.String(), rule.reason)
		}
	}
	return r.byDefault()
}

// CheckName returns nil if some version of name might be served; it is asked
// before a version is known. Errors: as Check.
func (r *Rules) CheckName(name pkgref.Name) error {
	for _, rule := range r.rules {
		for _, p := range rule.patterns {
			switch {
			case !p.MatchName(name):
			case !rule.deny:
				return nil // at least the versions of this pattern
			case !p.HasVersions():
				return r.denial("deny "+p.String(), rule.reason)
			}
		}
	}
	return r.byDefault()
}

func (r *Rules) byDefault() error {
	if r.denyOthers {
		return r.denial("policy.default deny", "")
	}
	return nil
}

func (r *Rules) denial(rule, reason string) error {
	d := &outcome.Denial{Rule: rule, Reason: reason}
	if r.conceal {
		return outcome.Wrap(outcome.Declined, d, "concealed")
	}
	return d
}
