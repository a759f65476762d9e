package provider

import "github.com/registryd/registryd/internal/outcome"

// How a provider fails. An error that wraps none of these counts as
// ErrUnavailable; a context's own error may be returned as it is.
var (
	// ErrNotFound: the package, version or file is known to be absent. It is
	// remembered for a while, and the next provider is asked.
	ErrNotFound = outcome.NotFound
	// ErrForbidden: a Checker denies it.
	ErrForbidden = outcome.Forbidden
	// ErrDeclined: a Checker wants it answered as if it were absent.
	ErrDeclined = outcome.Declined
	// ErrRefused: the source's bytes are not what they should be.
	ErrRefused = outcome.Refused
	// ErrUnavailable: the source cannot be reached, fails, or answers nonsense.
	ErrUnavailable = outcome.Unavailable
	// ErrTooSlow: the source did not answer in time.
	ErrTooSlow = outcome.TooSlow
	// ErrBusy: the source wants to be asked later.
	ErrBusy = outcome.Busy
)
