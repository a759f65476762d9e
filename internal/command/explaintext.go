package command

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/registryd/registryd/registry"
)

// explainText writes an explanation for people: what comes out first, then how
// it came to that, in the order in which it did.
func explainText(w io.Writer, x *registry.Explanation) error {
	t := &explained{}
	t.line("%s@%s %s", x.Name, x.Spec, verdictOf(x))
	t.line("")
	for _, c := range x.Rules {
		t.part("rules", "%s", ruleText(c))
	}
	if x.Owner != "" {
		t.part("owner", "%s owns this name and is asked alone", x.Owner)
	}
	for _, a := range x.Asked {
		t.asked(a)
	}
	for _, a := range x.Located {
		t.part("release", "%s", locatedText(a, x.Version))
	}
	if x.Held {
		t.part("release", "held since %s, from %s", moment(x.Fetched), x.Provider)
	}
	if x.Mark != nil {
		t.part("mark", "%s", markText(x.Mark))
	}
	t.part("main", "%s", mainText(x.Main))
	_, err := io.WriteString(w, t.text.String())
	return err
}

// verdictOf is how a spec ends.
func verdictOf(x *registry.Explanation) string {
	switch {
	case x.Outcome != "ok":
		return fmt.Sprintf("leads nowhere: %s (%s)", x.Error, x.Outcome)
	case x.Provider == "" && x.Version == "":
		return "is what a person put there, which tells no version"
	case x.Provider == "":
		return "is what a person put there, version " + x.Version
	}
	return fmt.Sprintf("means %s, from %s", x.Version, x.Provider)
}

// explained is a text in the making.
type explained struct {
	text strings.Builder
	last string // title of the part before
}

func (t *explained) line(format string, args ...any) { fmt.Fprintf(&t.text, format+"\n", args...) }

// part writes one line of a part; its title stands once.
func (t *explained) part(title, format string, args ...any) {
	if title == t.last {
		title = ""
	} else {
		t.last = title
	}
	t.line("%-10s"+format, append([]any{title}, args...)...)
}

func (t *explained) more(format string, args ...any) { t.part(t.last, "  "+format, args...) }

func ruleText(c registry.RuleCheck) string {
	says := "allowed by "
	if !c.Allowed {
		says = "denied by "
	}
	rule := c.Rule
	if c.Number == 0 {
		rule += ", since no rule speaks of it"
	} else {
		rule = fmt.Sprintf("rule %d, %s", c.Number, c.Rule)
	}
	if c.Reason != "" && !c.Allowed {
		rule += ": " + c.Reason
	}
	return c.About + " is " + says + rule
}

// asked writes what one provider said to a range or tag.
func (t *explained) asked(a registry.Asked) {
	t.last = ""
	t.part(a.Provider, "%s", askedText(a))
	if a.Tagged != "" && a.TagDenied != "" {
		t.more("the tag is on %s, which is denied by %s; so the newest below it counts", a.Tagged, a.TagDenied)
	} else if a.Tagged != "" {
		t.more("the tag is on %s", a.Tagged)
	}
	for _, p := range a.Passed {
		t.more("passed over %s", passedText(p))
	}
	if a.PassedMore > 0 {
		t.more("and %d more", a.PassedMore)
	}
	switch {
	case a.Offers != "":
		t.more("offers %s", a.Offers)
	case a.List != nil && a.Outcome == "not-found":
		t.more("offers nothing that fits, so the next one is asked")
	}
}

func askedText(a registry.Asked) string {
	switch {
	case a.Outcome == registry.NotAsked:
		return "not asked, an earlier one decided"
	case a.Outcome == "not-found" && a.Error != "":
		return a.Error + ", so the next one is asked"
	case a.List == nil && a.Outcome == "not-found":
		return "does not have it, so the next one is asked"
	case a.List == nil:
		return a.Outcome + ": " + a.Error
	}
	text := fmt.Sprintf("lists %s, %s", count(a.List.Versions, "version"), freshText(a.List))
	if a.Error != "" {
		text += "; " + a.Outcome + ": " + a.Error
	}
	return text
}

func freshText(l *registry.ListState) string {
	age := time.Duration(l.Age) * time.Second
	switch l.State {
	case "fresh":
		return fmt.Sprintf("asked %s ago, fresh for %s more", age, time.Duration(l.FreshFor)*time.Second)
	case "stale":
		return fmt.Sprintf("asked %s ago, stale for %s", age, -time.Duration(l.FreshFor)*time.Second)
	}
	return "asked just now"
}

func passedText(p registry.Passed) string {
	which := p.Newest
	switch {
	case p.Count == 2:
		which += " and " + p.Oldest
	case p.Count > 2:
		which = fmt.Sprintf("%s down to %s (%d versions)", p.Newest, p.Oldest, p.Count)
	}
	if p.Rule != "" {
		return which + ": denied by " + p.Rule
	}
	return which + ": " + p.Reason
}

func locatedText(a registry.Asked, version string) string {
	switch a.Outcome {
	case "ok":
		return a.Provider + " has " + version
	case registry.NotAsked:
		return a.Provider + " is not asked, an earlier one decided"
	case "not-found":
		return a.Provider + " does not have " + version
	}
	return a.Provider + ": " + a.Outcome + ": " + a.Error
}

func markText(m *registry.ExplainedMark) string {
	text := "remembered as " + m.Outcome + ": " + m.Error
	if m.For > 0 {
		text += fmt.Sprintf("; for %s more", time.Duration(m.For)*time.Second)
	}
	return text + "; a flush clears it"
}

func mainText(m registry.ExplainedMain) string {
	text := map[string]string{
		"none": "nothing is there yet", "pin": "is " + m.Version, "link": "is a link to " + m.Target + ", made by hand",
		"directory": "is a directory made by hand", "hidden": "was made by hand and is hidden, because a rule denied it",
	}[m.Kind]
	if m.Kind == "directory" && m.Version != "" {
		text += ", version " + m.Version
	}
	if m.Pin != nil {
		text += fmt.Sprintf("; pinned to %s by %s, %s", m.Pin.Version, m.Pin.By, moment(m.Pin.At))
	}
	return text
}

// moment is a time for people and scripts alike.
func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
