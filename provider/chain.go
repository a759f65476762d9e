package provider

import (
	"context"
	"errors"

	"github.com/registryd/registryd/pkgref"
)

// ErrNotModified is the answer of Versioner.Versions when the validator of the
// held list still holds.
var ErrNotModified = errors.New("not modified")

// Entry is one provider of a chain with the settings that belong to its place.
type Entry struct {
	Provider Provider
	// Names are the patterns of the names that this provider owns: they are
	// asked nowhere else, and it is asked for nothing else. Empty: it owns
	// none and is asked for every name that nobody owns.
	Names []pkgref.Pattern
	// SkipOnError moves on to the next provider when this one is unavailable.
	SkipOnError bool
}

// Chain asks providers in order. It is immutable and safe for concurrent use.
type Chain struct{ entries []Entry }

// NewChain checks that names of providers are unique and that no two own the
// same pattern. Errors: plain ones, for a person who writes configuration.
func NewChain(entries []Entry) (*Chain, error) { panic("TODO") }

// Entries returns the providers of the chain in order.
func (c *Chain) Entries() []Entry { return c.entries }

// For returns the providers to ask for name: its owner alone, if it has one.
func (c *Chain) For(name pkgref.Name) []Entry { panic("TODO") }

// Named returns the provider of that name, nil if there is none.
func (c *Chain) Named(provider string) Provider { panic("TODO") }

// Walk checks the gates and calls ask for each provider of name in order until
// one does not answer outcome.NotFound. A provider that is unavailable, too
// slow or busy ends the walk unless it is skipped on error; a walk that
// skipped one and found nothing ends with that provider's error, because
// nothing is known. ask must wrap what it returns with no more than *Error.
// Errors: what ask or a Checker returned, else outcome.NotFound.
func (c *Chain) Walk(ctx context.Context, name pkgref.Name, v pkgref.Version, ask func(Provider) error) error {
	panic("TODO")
}

// Error tells which provider failed at what.
type Error struct {
	Provider string // its Name
	Op       string // "versions", "release", "open"
	Ref      string // name or name@version
	Err      error
}

func (e *Error) Error() string { return e.Provider + ": " + e.Op + " " + e.Ref + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }
