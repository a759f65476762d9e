// Package outcome names the ways in which a request can end other than well.
//
// Every package wraps one of these sentinels, so that a caller needs only
// errors.Is to decide what to do next, and so that one table (internal/httpx)
// can turn any error of the program into an HTTP answer. The most important
// line runs between "it is not there" (NotFound, which may be remembered and
// sends a chain to its next provider) and "we cannot know" (Unavailable,
// TooSlow, Busy, which are never remembered and stop the walk).
package outcome

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

var (
	// NotFound: the package, version or file is known to be absent.
	NotFound = errors.New("not found")
	// Declined: answer as if absent, but leave no mark anywhere.
	Declined = errors.New("declined")
	// Forbidden: a rule or a gate denies it.
	Forbidden = errors.New("forbidden")
	// Unauthorized: no credentials were given where some are needed.
	Unauthorized = errors.New("unauthorized")
	// WrongCredentials: credentials were given and are not accepted.
	WrongCredentials = errors.New("wrong credentials")
	// Invalid: the request is malformed.
	Invalid = errors.New("invalid")
	// MethodNotAllowed: the path exists, the method does not.
	MethodNotAllowed = errors.New("method not allowed")
	// Conflict: what should be created exists already.
	Conflict = errors.New("conflict")
	// PreconditionFailed: the condition of the request does not hold.
	PreconditionFailed = errors.New("precondition failed")
	// TooLarge: the request's body exceeds a limit.
	TooLarge = errors.New("too large")
	// UnsupportedMediaType: the request's body is of a type nobody reads here.
	UnsupportedMediaType = errors.New("unsupported media type")
	// Unprocessable: the request can be read, and what it asks for contradicts
	// itself.
	Unprocessable = errors.New("unprocessable")
	// TooManyRequests: this client exceeds a limit of ours.
	TooManyRequests = errors.New("too many requests")
	// Refused: upstream's bytes were rejected: a digest differs, or an archive
	// is hostile or exceeds a limit.
	Refused = errors.New("refused")
	// Unavailable: upstream cannot be reached, fails, or answers nonsense.
	Unavailable = errors.New("upstream unavailable")
	// TooSlow: upstream did not answer in time.
	TooSlow = errors.New("upstream too slow")
	// Busy: not now, try again: upstream throttles, the disk is full, the
	// daemon drains or works offline. See After.
	Busy = errors.New("temporarily unavailable")
)

// DefaultRetry is what a Busy error without a delay of its own asks for.
const DefaultRetry = 5 * time.Second

// delayed is a Busy error that knows when to try again.
type delayed struct {
	after time.Duration
	err   error
}

func (d *delayed) Error() string   { return d.err.Error() }
func (d *delayed) Unwrap() []error { return []error{Busy, d.err} }

// After returns an error that is Busy, wraps err, and asks the client to come
// back after d.
func After(d time.Duration, err error) error { return &delayed{after: d, err: err} }

// RetryAfter returns how long the client should wait before it tries again:
// the delay given to After, else DefaultRetry.
func RetryAfter(err error) time.Duration {
	if d, ok := errors.AsType[*delayed](err); ok {
		return d.after
	}
	return DefaultRetry
}

// detail is a sentinel with a text of its own.
type detail struct {
	kind error
	text string
	err  error
}

func (d *detail) Error() string {
	if d.err == nil {
		return d.text
	}
	return d.text + ": " + d.err.Error()
}

func (d *detail) Unwrap() error { return d.err }

// Is makes errors.Is find the kind. A list of two from Unwrap would, too, and
// allocate for each row of a table that an error is looked up in.
func (d *detail) Is(target error) bool {
	if d.kind == target {
		return true
	}
	t, ok := d.kind.(*typed)
	return ok && t.kind == target
}

// typed is a sentinel with a word of its own for clients.
type typed struct {
	kind error
	word string
}

func (t *typed) Error() string        { return t.word }
func (t *typed) Is(target error) bool { return t.kind == target }

// Typed returns a sentinel of the given kind whose answers have word as their
// type, for surfaces whose clients know words of their own.
func Typed(kind error, word string) error { return &typed{kind, word} }

// Type returns the word of the outermost Typed sentinel in err and the text
// that stands with it; both are "" where there is none.
func Type(err error) (word, text string) {
	for ; err != nil; err = errors.Unwrap(err) {
		switch e := err.(type) {
		case *typed:
			return e.word, e.word
		case *detail:
			if t, ok := e.kind.(*typed); ok {
				return t.word, e.text
			}
		case *delayed:
			return Type(e.err)
		}
	}
	return "", ""
}

// New returns an error of the given kind, one of this package's sentinels,
// whose text is formatted like fmt.Sprintf and does not repeat the kind.
func New(kind error, format string, args ...any) error {
	return &detail{kind: kind, text: fmt.Sprintf(format, args...)}
}

// Plain is New for a text that is not a format.
func Plain(kind error, text string) error { return &detail{kind: kind, text: text} }

// Wrap returns an error of the given kind that also wraps err and says what
// was being done. It returns nil when err is nil.
func Wrap(kind error, err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &detail{kind: kind, text: fmt.Sprintf(format, args...), err: err}
}

// Opaque returns an error with the text of err in one line, which is nothing that
// err is: what is one side's fault must not count as another's.
func Opaque(err error) error { return errors.New(strings.ReplaceAll(err.Error(), "\n", " ")) }

// Known reports whether err wraps one of this package's sentinels.
func Known(err error) bool {
	for _, k := range all {
		if errors.Is(err, k) {
			return true
		}
	}
	return false
}

var all = []error{
	NotFound, Declined, Forbidden, Unauthorized, WrongCredentials, Invalid, MethodNotAllowed,
	Conflict, PreconditionFailed, TooLarge, UnsupportedMediaType, Unprocessable, TooManyRequests, Refused,
	Unavailable, TooSlow, Busy,
}

// Denial is a Forbidden that names the rule which denies.
type Denial struct {
	Rule   string // as a person would recognise it in the configuration
	Reason string // the rule's own; "" if it gives none
}

func (d *Denial) Error() string {
	if d.Reason == "" {
		return "forbidden by " + d.Rule
	}
	return "forbidden by " + d.Rule + ": " + d.Reason
}

// Is makes a Denial match Forbidden.
func (d *Denial) Is(target error) bool { return target == Forbidden }

// Text returns the part of err that was written for whoever asked: that of the
// innermost error made by New, Wrap or Denial, without what it wraps. It is ""
// where there is none.
func Text(err error) string {
	text := ""
	for err != nil {
		switch e := err.(type) {
		case *detail:
			text, err = e.text, e.err
			continue
		case *Denial:
			return e.Error()
		case *delayed:
			err = e.err
			continue
		}
		err = errors.Unwrap(err)
	}
	return text
}
