package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/registryd/registryd/internal/cli"
	"github.com/registryd/registryd/internal/proof"
)

const longCheck = `Starts the nginx that is installed with the generated configuration, on a free
loopback port, in front of a small backend, with files of its own, and shows by
requests what holds. Nothing that the configuration names is touched, and no
daemon is needed.

Each statement is one line: "ok" where it holds, "FAIL" with what was seen where
it does not, "skip" with the reason where it does not apply. Exit code 1 means
that one does not hold, or that nginx refuses the configuration.`

// checkCommand returns the command "check".
func (o *options) checkCommand() *cobra.Command {
	inline := false
	c := &cobra.Command{
		Use:     "check -c FILE",
		Short:   "Prove by a running nginx what the configuration promises",
		Long:    longCheck,
		Example: "  registry-nginx check -c registryd.yaml\n  registry-nginx check -c registryd.yaml --include",
		Args:    cli.NoArguments,
		RunE:    func(c *cobra.Command, _ []string) error { return o.prove(c.Context(), inline) },
	}
	f := c.Flags()
	f.StringVarP(&o.file, "config", "c", "", "configuration `FILE`, YAML or JSON")
	f.StringVar(&o.nginx, "nginx", usualNginx(systemDirs...), "the nginx `BINARY` to check with")
	f.BoolVar(&inline, "include", false, "check the include for server{} instead of the full set")
	return c
}

// endings are the signals at which nginx and its files must not be left behind.
var endings = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP}

// prove runs the statements and prints each. What only the place of the data
// can break is said as it is when the set is written.
func (o *options) prove(ctx context.Context, inline bool) error {
	in, err := o.input()
	if err != nil {
		return err
	}
	o.warn(in)
	ctx, stop := signal.NotifyContext(ctx, endings...)
	defer stop()
	defer surviveUnread()()
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	report := func(r proof.Result) {
		if err := o.report(r); err != nil {
			giveUp(err)
		}
	}
	err = proof.Run(ctx, proof.Options{Input: in, Nginx: o.nginx, Inline: inline, Report: report})
	if errors.Is(err, context.Canceled) {
		return context.Cause(ctx)
	}
	return err
}

// surviveUnread makes it an error, and not the end, to write what nobody reads
// any more, as in "check | head -1". It returns what undoes that.
func surviveUnread() func() {
	pipe := make(chan os.Signal, 1) // sockets raise it, too; so it says nothing by itself
	signal.Notify(pipe, syscall.SIGPIPE)
	return func() { signal.Stop(pipe) }
}

// report prints what became of one statement.
func (o *options) report(r proof.Result) error {
	line := "ok    " + r.Statement
	switch {
	case r.Skipped != "":
		line = fmt.Sprintf("skip  %s (%s)", r.Statement, r.Skipped)
	case r.Err != nil:
		line = fmt.Sprintf("FAIL  %s: %v", r.Statement, r.Err)
	}
	_, err := fmt.Fprintln(o.streams.Out, line)
	return err
}
