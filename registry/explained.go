package registry

import (
	"time"

	"github.com/registryd/registryd/cache"
)

// Explanation is the whole trace of why a spec leads where it does.
type Explanation struct {
	Name string `json:"name"` // of the package
	Spec string `json:"spec"` // as asked
	Kind string `json:"kind"` // exact, range, tag or main
	// Rules are those that were asked, in the order in which they were.
	Rules []RuleCheck `json:"rules"`
	// Owner is the provider that owns the name and is asked alone; "": nobody does.
	Owner string `json:"owner,omitempty"`
	// Asked are the providers whose version lists were wanted, in order.
	Asked []Asked `json:"asked,omitempty"`
	// Main is what lies at main of the package.
	Main ExplainedMain `json:"main"`
	// Version is what the spec leads to; "" where it leads nowhere.
	Version string `json:"version,omitempty"`
	// Provider has that version; "" where nobody does.
	Provider string `json:"provider,omitempty"`
	// Held tells that no request is needed to serve it.
	Held bool `json:"held"`
	// Fetched is when a held release was taken in.
	Fetched time.Time `json:"fetched,omitzero"`
	// Located are the providers that were asked for the one version, in order.
	Located []Asked `json:"located,omitempty"`
	// Mark is why the version is not asked for at present; nil: it may be.
	Mark *ExplainedMark `json:"mark,omitempty"`
	// Outcome is "ok", or the type of error that a request gets.
	Outcome string `json:"outcome"`
	Error   string `json:"error,omitempty"` // the same in words
}

// RuleCheck is what the rules say to a name or a version.
type RuleCheck struct {
	About   string `json:"about"`            // name, or name@version
	Allowed bool   `json:"allowed"`          // whether the walk goes on
	Rule    string `json:"rule"`             // the pattern that decided, or policy.default
	Number  int    `json:"number,omitempty"` // of the rule in policy.rules, from 1; 0: policy.default
	Reason  string `json:"reason,omitempty"` // the rule's own
}

// Asked is one provider in a walk over the chain.
type Asked struct {
	Provider string `json:"provider"` // its name
	// Outcome is "ok" where it answered and the walk ended, "not-asked" where the
	// walk had ended before; else the type of error. "not-found" goes on.
	Outcome string     `json:"outcome"`
	Error   string     `json:"error,omitempty"`  // in words; "" for a plain not-found
	List    *ListState `json:"list,omitempty"`   // nil: it has no list of the package
	Tagged  string     `json:"tagged,omitempty"` // the version that the tag names
	// TagDenied is the rule that denies it, so that an older one is looked for.
	TagDenied string `json:"tagDenied,omitempty"`
	// Passed are the candidates that were passed over, newest first.
	Passed     []Passed `json:"passed,omitempty"`
	PassedMore int      `json:"passedMore,omitempty"` // more of them than are listed
	Offers     string   `json:"offers,omitempty"`     // the version that is left
}

// ListState describes a version list.
type ListState struct {
	Versions int       `json:"versions"`   // that it lists
	Fetched  time.Time `json:"fetched"`    // when upstream was asked last
	Age      int64     `json:"ageSeconds"` // since then
	// FreshFor is how long it needs no other look; negative: for how long it has
	// been stale.
	FreshFor int64 `json:"freshForSeconds"`
	// State is "fresh", "fetched now", or "stale": it was served expired, while it
	// is refreshed or because upstream fails.
	State string `json:"state"`
}

// Passed is a run of neighbouring candidates that were passed over for one
// reason.
type Passed struct {
	Newest string `json:"newest"`         // of the run
	Oldest string `json:"oldest"`         // of the run
	Count  int    `json:"count"`          // of versions
	Reason string `json:"reason"`         // denied, not in range, prerelease, newer than the tag
	Rule   string `json:"rule,omitempty"` // that denies
}

// ExplainedMain is what lies at main.
type ExplainedMain struct {
	Kind    string     `json:"kind"`              // none, pin, link, directory or hidden
	Version string     `json:"version,omitempty"` // "" where it is not known
	Target  string     `json:"target,omitempty"`  // of a link that a person made
	Pin     *cache.Pin `json:"pin,omitempty"`     // the record of the last designation; nil: none
}

// ExplainedMark is what is remembered of a version.
type ExplainedMark struct {
	Outcome string `json:"outcome"`           // not-found or refused
	Error   string `json:"error"`             // in words
	For     int64  `json:"seconds,omitempty"` // how much longer; 0: not known
}
