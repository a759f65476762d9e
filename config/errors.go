package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/registryd/registryd/internal/outcome"
)

// maxProblems bounds what one bad file makes us print.
const maxProblems = 100

// Problem is one thing that is wrong with a configuration. It never holds a
// secret, nor what a variable was replaced by.
type Problem struct {
	// File is where the value stands: a file's path as it was given, the name
	// of an environment variable, or a flag with its dashes; "" for a default.
	File string
	Line int    // from 1; 0 where there are no lines
	Key  string // dotted, list elements counted from 0; "" for the whole file
	Text string // what is wrong and what to do
}

// String writes "file:line: key: text", without the parts that are not known.
func (p Problem) String() string {
	var parts []string
	if p.File != "" {
		at := p.File
		if p.Line > 0 {
			at += ":" + strconv.Itoa(p.Line)
		}
		parts = append(parts, at)
	}
	if p.Key != "" && p.File != "--"+p.Key {
		parts = append(parts, p.Key)
	}
	return strings.Join(append(parts, p.Text), ": ")
}

// Errors is everything that is wrong with a configuration: the file's problems
// by line, then those of the environment, then those of flags. It wraps
// outcome.Invalid.
type Errors struct {
	Problems []Problem // at least one
}

// Error writes one line per problem.
func (e *Errors) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns outcome.Invalid.
func (e *Errors) Unwrap() error { return outcome.Invalid }

// newErrors sorts the problems; those of file come first.
func newErrors(problems []Problem, file string) *Errors {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		if fa, fb := a.File == file, b.File == file; fa != fb {
			if fa {
				return -1
			}
			return 1
		}
		return a.Line - b.Line
	})
	if len(problems) > maxProblems {
		rest := Problem{File: file, Text: strconv.Itoa(len(problems)-maxProblems) + " more problems are not listed"}
		problems = append(problems[:maxProblems:maxProblems], rest)
	}
	return &Errors{Problems: problems}
}

// shorten cuts s after most characters.
func shorten(s string, most int) string {
	for i := range s {
		if most == 0 {
			return s[:i] + "…"
		}
		most--
	}
	return s
}

// quote makes a value fit for one line of a message.
func quote(s string) string {
	const most = 60
	return strconv.Quote(shorten(s, most))
}
