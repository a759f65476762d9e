package outcome_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/outcome"
)

func TestAfter_IsBusyAndKeepsItsDelay(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("asking: %w", outcome.After(7*time.Second, io.ErrUnexpectedEOF))
	if !errors.Is(err, outcome.Busy) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v is not both Busy and its cause", err)
	}
	if got := outcome.RetryAfter(err); got != 7*time.Second {
		t.Errorf("RetryAfter = %v", got)
	}
	if got := outcome.RetryAfter(io.EOF); got != outcome.DefaultRetry {
		t.Errorf("RetryAfter without a delay = %v", got)
	}
}

func TestText_IsTheInnermostWrittenText(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"new":     {outcome.New(outcome.NotFound, "no %s", "left-pad"), "no left-pad"},
		"wrapped": {fmt.Errorf("x: %w", outcome.Wrap(outcome.Refused, io.EOF, "bad archive")), "bad archive"},
		"nested": {outcome.Wrap(outcome.Declined, outcome.New(outcome.Forbidden, "inner"), "outer"),
			"inner"},
		"denial": {fmt.Errorf("x: %w", &outcome.Denial{Rule: "deny a", Reason: "b"}), "forbidden by deny a: b"},
		"plain":  {io.EOF, ""},
		"after":  {outcome.After(time.Second, outcome.New(outcome.Unavailable, "later")), "later"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := outcome.Text(test.err); got != test.want {
				t.Errorf("Text = %q, want %q", got, test.want)
			}
		})
	}
}

func TestWrap_NilStaysNil(t *testing.T) {
	t.Parallel()
	if err := outcome.Wrap(outcome.Refused, nil, "x"); err != nil {
		t.Errorf("Wrap(nil) = %v", err)
	}
	if !outcome.Known(&outcome.Denial{}) || outcome.Known(io.EOF) {
		t.Error("Known does not tell ours from others")
	}
}

func TestOpaque(t *testing.T) {
	t.Parallel()
	err := outcome.Opaque(errors.Join(outcome.New(outcome.NotFound, "no a"), io.EOF))
	if outcome.Known(err) || errors.Is(err, io.EOF) || err.Error() != outcome.New(outcome.NotFound, "no a").Error()+" EOF" {
		t.Errorf("%q", err)
	}
}
