package main

import (
	"context"
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
	f.StringVar(&o.nginx, "nginx", "nginx", "the nginx `BINARY` to check with")
	f.BoolVar(&inline, "include", false, "check the include for server{} instead of the full set")
	return c
}

// prove runs the statements and prints each. What only the place of the data
// can break is said as it is when the set is written.
func (o *options) prove(ctx context.Context, inline bool) error {
	in, err := o.input()
	if err != nil {
		return err
	}
	o.warn(in)
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	return proof.Run(ctx, proof.Options{Input: in, Nginx: o.nginx, Inline: inline, Report: o.report})
}

// report prints what became of one statement.
func (o *options) report(r proof.Result) {
	switch {
	case r.Skipped != "":
		fmt.Fprintf(o.streams.Out, "skip  %s (%s)\n", r.Statement, r.Skipped)
	case r.Err != nil:
		fmt.Fprintf(o.streams.Out, "FAIL  %s: %v\n", r.Statement, r.Err)
	default:
		fmt.Fprintf(o.streams.Out, "ok    %s\n", r.Statement)
	}
}
