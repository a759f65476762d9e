package pkgref

import (
	"strings"

	"github.com/registryd/registryd/internal/outcome"
)

// operator is the relation of a comparator to its version.
type operator string

const (
	opEqual        operator = ""
	opLess         operator = "<"
	opLessEqual    operator = "<="
	opGreater      operator = ">"
	opGreaterEqual operator = ">="
)

// comparator is one condition of a range. Without a version it holds for all.
type comparator struct {
	op operator
	v  Version
}

// parseComparator reads a desugared word; "" is the comparator that holds for
// every version. Errors: outcome.Invalid.
func parseComparator(word string) (comparator, error) {
	if word == "" {
		return comparator{}, nil
	}
	op, rest := cutOperator(word)
	v, err := ParseVersion(strings.TrimPrefix(rest, "v"))
	if err != nil {
		return comparator{}, outcome.New(outcome.Invalid, "%q is no part of a range", word)
	}
	// npm counts the "v" too.
	if len(rest) > MaxVersionLen {
		return comparator{}, outcome.New(outcome.Invalid, "version in range is longer than %d characters", MaxVersionLen)
	}
	// Build metadata was stripped from the range, but a star that stood inside
	// it may have left some.
	v.text, _, _ = strings.Cut(v.text, "+")
	if op == "=" {
		op = opEqual
	}
	return comparator{op: op, v: v}, nil
}

// cutOperator splits a word into its operator and the rest.
func cutOperator(word string) (operator, string) {
	n := 0
	if word != "" && (word[0] == '<' || word[0] == '>') {
		n++
	}
	if n < len(word) && word[n] == '=' {
		n++
	}
	return operator(word[:n]), word[n:]
}

func (c *comparator) any() bool { return c.v.IsZero() }

// none reports whether c is "<0.0.0-0", which nothing satisfies.
func (c *comparator) none() bool { return c.op == opLess && c.v.text == "0.0.0-0" }

// String returns the normal form, "" for the comparator that always holds.
func (c *comparator) String() string { return string(c.op) + c.v.text }

// test compares alone; which prereleases are welcome is a matter of the set.
func (c *comparator) test(v *Version) bool {
	if c.any() {
		return true
	}
	d := compare(v, &c.v)
	switch c.op {
	case opLess:
		return d < 0
	case opLessEqual:
		return d <= 0
	case opGreater:
		return d > 0
	case opGreaterEqual:
		return d >= 0
	}
	return d == 0
}

func (c *comparator) upward() bool { return c.op == opGreater || c.op == opGreaterEqual }

func (c *comparator) inclusive() bool { return c.op == opLessEqual || c.op == opGreaterEqual }
