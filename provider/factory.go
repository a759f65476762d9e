package provider

import (
	"context"
	"log/slog"
	"net/http"
)

// Factory builds a provider of a type that a program of one's own adds to the
// types that the configuration can name. It is called at the start, and again
// for every reload, whose provider takes over from the one before; that one is
// dropped when its last call has ended, and is not told: what it starts in the
// background should end with ctx, which lasts as long as the daemon. Errors: plain ones, for a person who
// writes configuration; a setting that the factory does not know is one.
type Factory func(ctx context.Context, s Setup) (Provider, error)

// Setup is what a Factory builds a provider of.
type Setup struct {
	Name     string            // what the provider must call itself
	Settings map[string]string // of the configuration, as written; may hold secrets
	// HTTP sends requests by the rules that hold for every provider: timeouts,
	// proxy and certificates of the configuration, a limited number to one host
	// at a time, none while offline, and none to a private address unless a
	// setting is a URL that names the host. It follows redirects. Its errors
	// wrap those of this package, so that they can be returned as they are.
	HTTP *http.Client
	// Logger says which provider speaks.
	Logger *slog.Logger
}
