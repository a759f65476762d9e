// Package cli is how the commands of this project speak to the shell: exit
// code 0 when done, 1 when it failed, 2 for a command line that asks for
// nothing sensible; errors on standard error, one line for each problem, lower
// case, what is wrong and what to do.
package cli

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	Done   = 0
	Failed = 1
	Misuse = 2
)

// Streams are where a command writes: Out what was asked for, Err everything
// else.
type Streams struct {
	Out io.Writer // results
	Err io.Writer // errors and progress
}

// Say prints one line of news or trouble to Err, behind the command's name.
func (s Streams) Say(command, line string) { fmt.Fprintf(s.Err, "%s: %s\n", command, line) }

// Run executes a command line and returns the exit code. Every line of an error
// is a problem of its own and is printed as one.
func Run(root *cobra.Command, args []string, s Streams) int {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetArgs(args)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return Usage("%v", err) })
	command, err := root.ExecuteC()
	if err == nil {
		return Done
	}
	if text, unknown := unknownCommand(err); unknown {
		err = Usage("%s", text)
	}
	code, see := Failed, ""
	if _, misuse := errors.AsType[*usageError](err); misuse {
		code, see = Misuse, "; see "+command.CommandPath()+" --help"
	}
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" {
			s.Say(root.Name(), line+see)
		}
	}
	return code
}

// unknownCommand puts cobra's words for a command that it does not know, which
// take several lines where it can suggest something, into one.
func unknownCommand(err error) (text string, ok bool) {
	text, rest, _ := strings.Cut(err.Error(), "\n")
	if !strings.HasPrefix(text, "unknown command ") {
		return "", false
	}
	text, _, _ = strings.Cut(text, " for ")
	if _, list, found := strings.Cut(rest, "?\n"); found {
		if names := strings.Fields(list); len(names) > 0 {
			text += ", did you mean " + strings.Join(names, " or ")
		}
	}
	return text, true
}

type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// Usage returns an error that exits with Misuse. Run adds where help is.
func Usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// NoArguments is a cobra.PositionalArgs that allows none. Errors: a misuse.
func NoArguments(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return Usage("argument %q is not understood", args[0])
}

// AtMostOne is a cobra.PositionalArgs for commands that work on one thing or on
// everything. Errors: a misuse.
func AtMostOne(c *cobra.Command, args []string) error {
	if len(args) < 2 {
		return nil
	}
	return Usage("%s takes at most one argument", c.Name())
}

// One is a cobra.PositionalArgs for commands that take exactly one argument.
// Errors: a misuse.
func One(c *cobra.Command, args []string) error {
	if len(args) == 1 {
		return nil
	}
	return Usage("%s takes exactly one argument", c.Name())
}

// Version returns the version that the binary was built from.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}

// VersionCommand returns the command "version".
func VersionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: NoArguments,
		Run: func(c *cobra.Command, _ []string) {
			fmt.Fprintln(c.OutOrStdout(), c.Root().Name()+" "+Version())
		},
	}
}
