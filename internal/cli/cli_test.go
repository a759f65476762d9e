package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/registryd/registryd/internal/cli"
)

// tool is a command with one of each kind of subcommand.
func tool() *cobra.Command {
	root := &cobra.Command{Use: "tool", Short: "A tool"}
	add := func(use string, args cobra.PositionalArgs, err error) {
		c := &cobra.Command{Use: use, Short: use, Args: args, RunE: func(c *cobra.Command, args []string) error {
			fmt.Fprintln(c.OutOrStdout(), c.Name(), args)
			return err
		}}
		c.Flags().Int("n", 0, "a `NUMBER`")
		root.AddCommand(c)
	}
	add("serve", cli.NoArguments, nil)
	add("show NAME", cli.One, nil)
	add("list [NAME]", cli.AtMostOne, nil)
	add("break", cli.NoArguments, errors.New("it broke"))
	add("check", cli.NoArguments, errors.Join(errors.New("one is wrong"), errors.New("two is wrong")))
	add("misuse", cli.NoArguments, fmt.Errorf("reading x: %w", cli.Usage("%d is too many", 3)))
	root.AddCommand(cli.VersionCommand())
	return root
}

func TestRun(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args     []string
		code     int
		out, err string
	}{
		"done":              {[]string{"serve"}, cli.Done, "serve []\n", ""},
		"one argument":      {[]string{"show", "x"}, cli.Done, "show [x]\n", ""},
		"no argument":       {[]string{"show"}, cli.Misuse, "", "tool: show takes exactly one argument; see tool show --help\n"},
		"two arguments":     {[]string{"list", "x", "y"}, cli.Misuse, "", "tool: list takes at most one argument; see tool list --help\n"},
		"at most one":       {[]string{"list"}, cli.Done, "list []\n", ""},
		"needless argument": {[]string{"serve", "x"}, cli.Misuse, "", "tool: argument \"x\" is not understood; see tool serve --help\n"},
		"failure":           {[]string{"break"}, cli.Failed, "break []\n", "tool: it broke\n"},
		"two problems":      {[]string{"check"}, cli.Failed, "check []\n", "tool: one is wrong\ntool: two is wrong\n"},
		"wrapped misuse":    {[]string{"misuse"}, cli.Misuse, "misuse []\n", "tool: reading x: 3 is too many; see tool misuse --help\n"},
		"unknown flag":      {[]string{"serve", "--nonsense"}, cli.Misuse, "", "tool: unknown flag: --nonsense; see tool serve --help\n"},
		"flag of the root":  {[]string{"--nonsense"}, cli.Misuse, "", "tool: unknown flag: --nonsense; see tool --help\n"},
		"unknown command":   {[]string{"xyzzy"}, cli.Misuse, "", "tool: unknown command \"xyzzy\"; see tool --help\n"},
		"mistyped command":  {[]string{"serv"}, cli.Misuse, "", "tool: unknown command \"serv\", did you mean serve; see tool --help\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, trouble bytes.Buffer
			code := cli.Run(tool(), c.args, cli.Streams{Out: &out, Err: &trouble})
			if code != c.code || out.String() != c.out || trouble.String() != c.err {
				t.Errorf("exit %d, printed %q and %q; want %d, %q and %q", code, out.String(), trouble.String(), c.code, c.out, c.err)
			}
		})
	}
}

func TestRun_Help(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"nothing at all": {}, "flag": {"--help"}, "command": {"help"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, trouble bytes.Buffer
			if code := cli.Run(tool(), args, cli.Streams{Out: &out, Err: &trouble}); code != cli.Done || trouble.Len() > 0 {
				t.Errorf("exit %d, %q", code, trouble.String())
			}
			if !strings.Contains(out.String(), "Available Commands:") {
				t.Errorf("help is %q", out.String())
			}
		})
	}
}

func TestVersionCommand(t *testing.T) {
	t.Parallel()
	var out, trouble bytes.Buffer
	if code := cli.Run(tool(), []string{"version"}, cli.Streams{Out: &out, Err: &trouble}); code != cli.Done {
		t.Errorf("exit %d, %q", code, trouble.String())
	}
	if want := "tool " + cli.Version() + "\n"; out.String() != want || cli.Version() == "" {
		t.Errorf("printed %q, want %q", out.String(), want)
	}
}
