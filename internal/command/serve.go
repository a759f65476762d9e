package command

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"sync"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/spf13/cobra"

	"github.com/registryd/registryd/internal/cli"
	"github.com/registryd/registryd/internal/daemon"
)

func (o *settings) serveCommand() *cobra.Command {
	return o.configured(&cobra.Command{
		Use: "serve", Short: "Run the daemon", Args: cli.NoArguments,
		Long: `Runs the daemon. SIGHUP reads the configuration anew, whole or not at all;
SIGTERM and SIGINT let requests finish, a second one does not.`,
		RunE: func(c *cobra.Command, _ []string) error { return o.serve(c.Context()) },
	})
}

// collectorPercent lets garbage grow to twice of what is alive. That is a few
// megabytes, and the daemon spends half the time on collecting them.
const collectorPercent = 200

func (o *settings) serve(ctx context.Context) (err error) {
	if os.Getenv("GOGC") == "" { // else the person who set it knows better
		debug.SetGCPercent(collectorPercent)
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, os.Interrupt)
	defer close(signals) // ends obey, after Stop
	defer signal.Stop(signals)
	reload := make(chan struct{}, 1)
	go obey(ctx, signals, reload, stop)

	opts := o.options()
	if opts.Inherited, err = activated(); err != nil {
		return err
	}
	s, err := daemon.New(ctx, opts)
	if err != nil {
		return err
	}
	var reloading sync.WaitGroup
	reloading.Go(func() { reloads(ctx, s, reload) })
	defer func() {
		stop()
		reloading.Wait()
		err = errors.Join(err, s.Close())
	}()
	return s.Run(ctx)
}

// activated are the sockets that systemd opened for this process; none when it
// was started by hand.
func activated() ([]net.Listener, error) {
	listeners, err := activation.Listeners()
	if err == nil && slices.Contains(listeners, nil) {
		err = errors.New("one does not listen for streams")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot take over the sockets that systemd opened: %w", err)
	}
	return listeners, nil
}

// obey turns signals into what they mean. It ends the process at the second
// signal to stop: whoever sends that does not want to wait.
func obey(ctx context.Context, signals <-chan os.Signal, reload chan<- struct{}, stop func()) {
	for sig := range signals {
		switch {
		case sig == syscall.SIGHUP:
			select {
			case reload <- struct{}{}:
			default: // one is waiting already and will see the newest file
			}
		case ctx.Err() != nil:
			os.Exit(cli.Failed)
		default:
			stop()
		}
	}
}

// reloads runs one reload after the other. A failure is logged by the server.
func reloads(ctx context.Context, s *daemon.Server, wanted <-chan struct{}) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-wanted:
			_, _ = s.Reload(ctx)
		}
	}
}

func (o *settings) checkCommand() *cobra.Command {
	return o.configured(&cobra.Command{
		Use: "check-config", Short: "Read the configuration and name every problem", Args: cli.NoArguments,
		Long: `Reads the configuration and names every problem of it, a line each; else prints it with all
defaults. Plugins are loaded and attached, as a start of the daemon would, and given up again.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.load()
			if err != nil {
				return err
			}
			notes, err := daemon.CheckPlugins(cmd.Context(), c)
			if err != nil {
				return err
			}
			for _, warning := range append(daemon.Warnings(c), notes...) {
				o.print("warning: %s", warning)
			}
			fmt.Fprint(o.streams.Out, c)
			return nil
		},
	})
}
