package plugin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	core "github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/provider"
)

// Finding is one answer of a trial.
type Finding struct {
	Question string // "versions @acme/tool"
	Answer   string // in words, for the author
	// Wrong tells that no provider may answer so.
	Wrong bool
}

// Try asks a plugin what every provider is asked, of packages with these names, while its servers answer 404 to
// everything or, when trouble is set, 429, which no breaker takes for an outage. That they do is for the caller to
// arrange, who gives the Manager of c its transport. asked tells how many requests reached them so far; nil: nobody
// knows, because the plugin is a process.
func Try(ctx context.Context, c Config, offers core.Description, names []pkgref.Name, trouble bool, asked func() int) []Finding {
	t := &trial{trouble: trouble, asked: asked}
	c.failed = func(_ string, err error) { t.failure = err }
	t.p = New(c, offers)
	for _, name := range names {
		t.name(ctx, name)
	}
	return t.findings
}

// trial is one run of Try.
type trial struct {
	p        provider.Provider
	trouble  bool
	asked    func() int
	failure  error // of the last question, as the plugin failed
	findings []Finding
}

func (t *trial) name(ctx context.Context, name pkgref.Name) {
	v, _ := pkgref.ParseVersion("1.0.0") // it is one
	if c, ok := t.p.(provider.Checker); ok {
		answer := t.ask(ctx, "check "+string(name), func(ctx context.Context) (string, error) {
			return "allowed", c.Check(ctx, name, v)
		})
		if strings.HasPrefix(answer, deniedAnswer) {
			return // so are all other questions
		}
	}
	if l, ok := t.p.(provider.Versioner); ok {
		t.ask(ctx, "versions "+string(name), func(ctx context.Context) (string, error) {
			list, err := l.Versions(ctx, name, "")
			if err != nil {
				return "", err
			}
			return fmt.Sprintf("%d versions", len(list.List)), nil
		})
	}
	if r, ok := t.p.(provider.Releaser); ok {
		t.ask(ctx, fmt.Sprintf("resolve %s@%s", name, v), func(ctx context.Context) (string, error) {
			rel, err := r.Release(ctx, name, v)
			if err != nil {
				return "", err
			}
			return rel.Archive.URL, nil
		})
	}
}

// ask asks twice: what two instances say of one question must not differ.
func (t *trial) ask(ctx context.Context, question string, do func(context.Context) (string, error)) string {
	before := t.requests()
	first, bad := t.answer(ctx, do)
	wide := t.requests() > before
	f := Finding{Question: question, Answer: first}
	if second, _ := t.answer(ctx, do); second != first && !bad {
		f.Answer, bad = fmt.Sprintf("%s, and a second time: %s", first, second), true
	}
	if t.trouble && wide && first == absentAnswer {
		f.Answer, bad = "not found, although its server answered 429: nothing is known then, throw an error", true
	}
	f.Wrong = bad
	t.findings = append(t.findings, f)
	return first
}

func (t *trial) requests() int {
	if t.asked == nil {
		return 0
	}
	return t.asked()
}

// Answers that mean something.
const (
	absentAnswer = "not found"
	deniedAnswer = "denied: "
)

// answer asks once, in a session of its own.
func (t *trial) answer(ctx context.Context, do func(context.Context) (string, error)) (text string, wrong bool) {
	ctx, end := provider.WithSession(ctx)
	defer end()
	t.failure = nil
	before := t.requests()
	text, err := do(ctx)
	if err == nil {
		return text, false
	}
	var d *outcome.Denial
	switch {
	case errors.As(err, &d):
		return deniedAnswer + d.Reason, false
	case errors.Is(err, outcome.NotFound):
		return absentAnswer, false
	case errors.Is(err, outcome.Declined):
		return "declined", false
	}
	return err.Error() + traced(t.failure), t.own(t.requests() > before)
}

func traced(err error) string {
	if s := stackOf(err); s != "" {
		return "\n" + s
	}
	return ""
}

// own reports whether a failure is the plugin's own, and not that of its server.
func (t *trial) own(asked bool) bool {
	r, thrown := errors.AsType[*core.Rejection](t.failure)
	if !thrown {
		return true // a limit, or nonsense
	}
	if t.asked == nil {
		return false // who knows what it asked, and of whom
	}
	return !asked || slices.Contains([]string{"TypeError", "ReferenceError", "RangeError"}, r.Name)
}
