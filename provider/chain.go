package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
)

// ErrNotModified is the answer of Versioner.Versions when the validator of the
// held list still holds.
var ErrNotModified = errors.New("not modified")

// Entry is one provider of a chain with the settings that belong to its place.
type Entry struct {
	Provider Provider // who is asked
	// Names are the patterns of the names that this provider owns: they are
	// asked nowhere else, and it is asked for nothing else. Empty: it owns
	// none and is asked for every name that nobody owns. Of a provider that is
	// a Checker and nothing else they say for which names it counts as a gate;
	// it owns nothing.
	Names []pkgref.Pattern
	// SkipOnError moves on to the next provider when this one is unavailable.
	// A Checker that fails is never skipped.
	SkipOnError bool
}

func (e *Entry) matches(name pkgref.Name) bool {
	return slices.ContainsFunc(e.Names, func(p pkgref.Pattern) bool { return p.MatchName(name) })
}

// isSource reports whether the entry can be asked for more than permission.
func (e *Entry) isSource() bool {
	switch e.Provider.(type) {
	case Versioner, Releaser, ArchiveOpener, FileOpener:
		return true
	}
	_, gate := e.Provider.(Checker)
	return !gate
}

// Chain asks providers in order. It is immutable and safe for concurrent use.
type Chain struct {
	entries []Entry
	gates   []Entry // Checkers
	owners  []Entry // sources with names
	open    []Entry // sources without
}

// NewChain checks that names of providers are unique and that no name can
// belong to two of them. Errors: plain ones, for a person who writes
// configuration; all problems at once.
func NewChain(entries []Entry) (*Chain, error) {
	c := &Chain{entries: slices.Clone(entries)}
	var problems []error
	for i := range c.entries {
		e := &c.entries[i]
		if e.Provider == nil {
			return nil, fmt.Errorf("provider %d is missing", i+1)
		}
		problems = append(problems, c.checkNames(i)...)
		if _, ok := e.Provider.(Checker); ok {
			c.gates = append(c.gates, *e)
		}
		switch {
		case !e.isSource():
		case len(e.Names) > 0:
			c.owners = append(c.owners, *e)
		default:
			c.open = append(c.open, *e)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return c, nil
}

// checkNames compares the i-th entry with those before it.
func (c *Chain) checkNames(i int) []error {
	var problems []error
	e := &c.entries[i]
	for _, p := range e.Names {
		if p.HasVersions() {
			problems = append(problems, fmt.Errorf("provider %q: names: %q speaks of versions, only whole names can be owned",
				e.Provider.Name(), p))
		}
	}
	for j := range c.entries[:i] {
		other := &c.entries[j]
		if other.Provider.Name() == e.Provider.Name() {
			problems = append(problems, fmt.Errorf("two providers are called %q: give one of them a name of its own", e.Provider.Name()))
		}
		if !e.isSource() || !other.isSource() {
			continue
		}
		if p, q, ok := overlap(other.Names, e.Names); ok {
			problems = append(problems, fmt.Errorf("providers %q and %q would both own names that match %q and %q: a name has one owner",
				other.Provider.Name(), e.Provider.Name(), p, q))
		}
	}
	return problems
}

// Entries returns the providers of the chain in order.
func (c *Chain) Entries() []Entry { return slices.Clone(c.entries) }

// For returns the providers to ask for name: its owner alone, if it has one.
// Gates that are nothing else are not among them. The caller must not change
// the slice.
func (c *Chain) For(name pkgref.Name) []Entry {
	for i := range c.owners {
		if c.owners[i].matches(name) {
			return c.owners[i : i+1 : i+1]
		}
	}
	return c.open
}

// Owner returns the provider that name belongs to, nil if there is none.
func (c *Chain) Owner(name pkgref.Name) Provider {
	for i := range c.owners {
		if c.owners[i].matches(name) {
			return c.owners[i].Provider
		}
	}
	return nil
}

// Owned reports whether any name can have an owner.
func (c *Chain) Owned() bool { return len(c.owners) > 0 }

// Named returns the provider of that name, nil if there is none.
func (c *Chain) Named(provider string) Provider {
	for i := range c.entries {
		if p := c.entries[i].Provider; p.Name() == provider {
			return p
		}
	}
	return nil
}

// Walk checks the gates and calls ask for each provider of name in order until
// one does not answer outcome.NotFound. A provider that is unavailable, too
// slow or busy ends the walk unless it is skipped on error; a walk that
// skipped one and found nothing ends with that provider's error, in a
// *SkippedError, because nothing is known. Nobody is skipped once ctx is done. ask must wrap what it
// returns with no more than *Error.
// Errors: what ask or a Checker returned, else outcome.NotFound.
func (c *Chain) Walk(ctx context.Context, name pkgref.Name, v pkgref.Version, ask func(Provider) error) error {
	if err := c.check(ctx, name, v); err != nil {
		return err
	}
	var absent, skipped error
	for _, e := range c.For(name) {
		err := ask(e.Provider)
		switch {
		case errors.Is(err, outcome.NotFound):
			absent = err
		case e.SkipOnError && ctx.Err() == nil && cannotKnow(err):
			skipped = cmp.Or(skipped, err)
		default:
			return err
		}
	}
	switch {
	case skipped != nil:
		return &SkippedError{skipped}
	case absent != nil:
		return absent
	}
	return outcome.New(outcome.NotFound, "no provider has %s", ref(name, v))
}

// SkippedError ends a walk that came to the end of the chain and skipped a
// provider on its way: whoever found something meanwhile may keep it.
type SkippedError struct {
	Err error // what the first one that was skipped said
}

// Error is the text of Err.
func (e *SkippedError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *SkippedError) Unwrap() error { return e.Err }

// check asks the gates that count for name, in the order of the chain.
func (c *Chain) check(ctx context.Context, name pkgref.Name, v pkgref.Version) error {
	for i := range c.gates {
		g := &c.gates[i]
		if len(g.Names) > 0 && !g.matches(name) {
			continue
		}
		gate, _ := g.Provider.(Checker)
		if err := gate.Check(ctx, name, v); err != nil {
			return &Error{Provider: g.Provider.Name(), Op: "check", Ref: ref(name, v), Err: err}
		}
	}
	return nil
}

// cannotKnow reports whether err leaves open what exists.
func cannotKnow(err error) bool {
	return errors.Is(err, outcome.Unavailable) || errors.Is(err, outcome.TooSlow) || errors.Is(err, outcome.Busy)
}

func ref(name pkgref.Name, v pkgref.Version) string {
	if v.IsZero() {
		return string(name)
	}
	return string(name) + "@" + v.String()
}

// Error tells which provider failed at what.
type Error struct {
	Provider string // its Name
	Op       string // "check", "versions", "release", "open"
	Ref      string // name or name@version
	Err      error  // what went wrong; see Is for what wraps no outcome
}

// Error says it in one line, without the user info and the query of a URL: an
// HTTP client puts all of it into its errors.
func (e *Error) Error() string {
	text := e.Err.Error()
	if u, ok := errors.AsType[*url.Error](e.Err); ok {
		text = strings.ReplaceAll(text, u.URL, bare(u.URL))
	}
	return e.Provider + ": " + e.Op + " " + e.Ref + ": " + text
}

// bare returns a URL without what may be secret in it.
func bare(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "a malformed URL"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes a cause that says nothing about the package count as
// outcome.Unavailable: upstream is in trouble, or the provider is wrong.
func (e *Error) Is(target error) bool {
	return target == outcome.Unavailable && !outcome.Known(e.Err) &&
		!errors.Is(e.Err, context.Canceled) && !errors.Is(e.Err, context.DeadlineExceeded)
}
