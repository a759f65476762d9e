// Package proof shows by a running nginx what a generated configuration keeps
// of its promises. It starts nginx with the configuration's own settings on a
// free loopback port, in front of a small backend of its own, with a data
// directory of its own, and asks for what each statement is about. The daemon
// and the directories that the configuration names are not touched.
//
// What differs from the real thing: addresses, root.fs, the path of the proxy
// cache, and that nginx.limit_req is left out, as a limit would answer in
// place of what is looked at.
package proof

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/registryd/registryd/templates"
)

// Options of Run.
type Options struct {
	// Input is what the configuration is rendered from. Its Dir and Front are
	// not used.
	Input  templates.Input
	Nginx  string // the binary
	Inline bool   // prove the server-only form instead of the full set
	// Report is called for each statement in turn, as soon as it is settled;
	// nil: nobody wants to know.
	Report func(Result)

	alter func(text string) string // breaks each file, for tests; nil: none
	soon  time.Duration            // bounds what takes nginx a moment; 0 is a third of patience
	only  string                   // the beginning of the statements to look at
}

// Result is what became of one statement.
type Result struct {
	Statement string // a sentence
	Skipped   string // why it does not apply; "" where it was looked at
	Err       error  // what was seen in its place; nil: it holds
}

// ErrBroken says that a statement does not hold.
var ErrBroken = errors.New("the configuration does not keep its promises")

// statement is one promise.
type statement struct {
	text string
	// skip returns why the statement does not apply; nil: it always does.
	skip func(*site) string
	show func(context.Context, *site) error
}

// patience bounds one statement.
const patience = 30 * time.Second

// Run proves every statement and reports each. Errors: ErrBroken where one does
// not hold; that of ctx; outcome.Invalid where the configuration cannot be
// written; anything else kept nginx from starting.
func Run(ctx context.Context, o Options) error {
	dir, err := os.MkdirTemp("", "registry-nginx-check-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := start(ctx, o, dir, 0)
	if err != nil {
		return err
	}
	defer s.stop()
	if err := s.furnish(); err != nil {
		return err
	}
	broken := 0
	for _, st := range statements() {
		if !strings.HasPrefix(st.text, o.only) {
			continue
		}
		r := s.settle(ctx, st)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if r.Err != nil {
			broken++
		}
		if o.Report != nil {
			o.Report(r)
		}
	}
	if broken > 0 {
		return fmt.Errorf("%w: %d of %d statements do not hold", ErrBroken, broken, len(statements()))
	}
	return nil
}

// settle finds out about one statement.
func (s *site) settle(ctx context.Context, st statement) Result {
	r := Result{Statement: st.text}
	if st.skip != nil {
		if r.Skipped = st.skip(s); r.Skipped != "" {
			return r
		}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	r.Err = st.show(ctx, s)
	return r
}
