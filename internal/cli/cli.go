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

// Streams are where a command writes.
type Streams struct{ Out, Err io.Writer }

// Run executes a command line and returns the exit code.
func Run(root *cobra.Command, args []string, s Streams) int {
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetArgs(args)
	root.SetOut(s.Out)
	root.SetErr(s.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return Usage("%v", err) })
	err := root.Execute()
	if err == nil {
		return Done
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(s.Err, "%s: %s\n", root.Name(), strings.TrimSuffix(line, "\n"))
	}
	if _, ok := errors.AsType[*usageError](err); ok || strings.HasPrefix(err.Error(), "unknown command") {
		return Misuse
	}
	return Failed
}

type usageError struct{ text string }

func (e *usageError) Error() string { return e.text + "; see --help" }

// Usage returns an error that exits with Misuse.
func Usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// NoArguments is a cobra.PositionalArgs that allows none. Errors: a misuse.
func NoArguments(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return Usage("argument %q is not understood", args[0])
}

// AtLeastOne is a cobra.PositionalArgs for commands that need something to work
// on. Errors: a misuse.
func AtLeastOne(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return nil
	}
	return Usage("%s needs an argument", c.Name())
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
