package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	"github.com/registryd/registryd/internal/cli"
)

// warmWorkers is how many releases are fetched at once.
const warmWorkers = 8

func (o *settings) warmCommand() *cobra.Command {
	r := &remote{}
	var lockfile string
	var files bool
	c := &cobra.Command{
		Use: "warm NAME@SPEC…", Short: "Fetch packages before somebody asks for them",
		Long: `Fetches releases into the cache, so that their files are served without asking
upstream; with --files every file is put into the view, too, so that nginx serves it without
asking the daemon. Without --server or REGISTRYD_SERVER it works on the data directory
alone, which no daemon may hold then.`,
	}
	c.Flags().StringVar(&lockfile, "lockfile", "", "also fetch what a package-lock.json `FILE` names")
	c.Flags().BoolVar(&files, "files", false, "put every file into the view")
	r.addTo(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		targets, err := warmTargets(args, lockfile)
		if err != nil {
			return err
		}
		lib, err := o.openLibrary(c.Context(), r, r.named())
		if err != nil {
			return err
		}
		return errors.Join(o.warm(c.Context(), lib, targets, files), lib.close())
	}
	return o.configured(c)
}

// named reports whether the command line or the environment names a daemon.
func (r *remote) named() bool { return r.server != "" || os.Getenv("REGISTRYD_SERVER") != "" }

func warmTargets(args []string, lockfile string) ([]target, error) {
	if len(args) == 0 && lockfile == "" {
		return nil, cli.Usage("warm needs a package or a --lockfile")
	}
	var targets []target
	for _, text := range args {
		t, err := parseTarget(text)
		if err != nil {
			return nil, err
		}
		targets = append(targets, t)
	}
	if lockfile == "" {
		return targets, nil
	}
	locked, err := readLockfile(lockfile)
	return append(targets, locked...), err
}

// warm fetches all targets, some at a time, and goes on after a failure.
// Errors: how many failed; each was named already.
func (o *settings) warm(ctx context.Context, lib library, targets []target, files bool) error {
	say := o.progress(len(targets))
	var group errgroup.Group
	group.SetLimit(warmWorkers)
	var mu sync.Mutex
	failed := 0
	for _, t := range targets {
		group.Go(func() error {
			warmed, err := lib.warm(ctx, t, files)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed++
				say(fmt.Sprintf("%s: %v", t, err))
				return nil
			}
			say(fmt.Sprintf("%s@%s: %d files, %d bytes", warmed.Name, warmed.Version, warmed.Files, warmed.Bytes))
			return nil
		})
	}
	_ = group.Wait() // failures are counted
	if failed > 0 {
		return fmt.Errorf("%d of %d could not be fetched", failed, len(targets))
	}
	return nil
}

// progress returns what is called after each target: it moves a bar on a
// terminal, and prints a line elsewhere.
func (o *settings) progress(n int) func(line string) {
	f, ok := o.streams.Err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func(line string) { fmt.Fprintln(o.streams.Err, line) }
	}
	bar := progressbar.NewOptions(n, progressbar.OptionSetWriter(f), progressbar.OptionShowCount(), progressbar.OptionOnCompletion(func() { fmt.Fprintln(f) }))
	return func(line string) {
		bar.Describe(line)
		_ = bar.Add(1) // a bar that cannot be drawn does not matter
	}
}
