package command

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/cli"
	"github.com/registryd/registryd/internal/daemon"
	"github.com/registryd/registryd/registry"
)

// library does what resolve, explain, warm and verify need: by a running daemon, or on the data
// directory alone.
type library interface {
	resolve(ctx context.Context, t target) (registry.Located, error)
	explain(ctx context.Context, t target) (*registry.Explanation, error)
	warm(ctx context.Context, t target, files bool) (registry.Warmed, error)
	verifier
	trimmer
	close() error
}

// openLibrary returns a running daemon where one is named, else the data directory,
// which is locked meanwhile.
func (o *settings) openLibrary(ctx context.Context, r *remote, named bool) (library, error) {
	if named {
		daemon, err := o.client(r)
		if err != nil {
			return nil, err
		}
		return byDaemon{daemon}, nil
	}
	s, err := o.alone(ctx)
	if errors.Is(err, cache.ErrHeld) {
		err = o.askInstead(err)
	}
	if err != nil {
		return nil, err
	}
	return byHand{s}, nil
}

// askInstead adds to the error of a directory that a daemon holds how that one is asked.
func (o *settings) askInstead(held error) error {
	c, err := o.load()
	if err != nil {
		return held
	}
	return fmt.Errorf("%w: add --server %s", held, daemonURL(c.Listen[0]))
}

// loadQuietly reads the configuration of a command that prints what it does: of
// the daemon's log only trouble is left.
func (o *settings) loadQuietly() (*config.Config, error) {
	c, err := o.load()
	if err == nil && c.Log.Level == "info" {
		c.Log.Level = "warn"
	}
	return c, err
}

type byHand struct{ s *daemon.Server }

func (h byHand) resolve(ctx context.Context, t target) (registry.Located, error) {
	return h.s.Registry().Locate(ctx, t.name, t.spec)
}

func (h byHand) warm(ctx context.Context, t target, files bool) (registry.Warmed, error) {
	return h.s.Registry().Warm(ctx, t.name, t.spec, files)
}

func (h byHand) close() error { return h.s.Close() }

type byDaemon struct{ c *client }

func (d byDaemon) resolve(ctx context.Context, t target) (l registry.Located, err error) {
	err = d.c.call(ctx, http.MethodGet, "resolve/"+t.path(), &l)
	return l, err
}

func (d byDaemon) warm(ctx context.Context, t target, files bool) (w registry.Warmed, err error) {
	path := "warm/" + t.path()
	if files {
		path += "?files"
	}
	err = d.c.call(ctx, http.MethodPost, path, &w)
	return w, err
}

func (d byDaemon) close() error { return nil }

func (o *settings) resolveCommand() *cobra.Command {
	r := &remote{}
	c := &cobra.Command{
		Use: "resolve NAME@SPEC", Short: "Print the exact version that a spec means, and its provider", Args: cli.One,
		Long: `Prints the exact version that a range or tag means now, and which provider has
it. Without --server or REGISTRYD_SERVER it works on the data directory alone, which no
daemon may hold then.`,
	}
	r.addTo(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		return o.ask(c.Context(), r, args[0], func(lib library, t target) error {
			found, err := lib.resolve(c.Context(), t)
			if err != nil {
				return err
			}
			o.print("%s@%s %s", found.Name, found.Version, found.Provider)
			return nil
		})
	}
	return o.configured(c)
}

// ask does something with a package named on the command line, and with
// whoever can answer for it.
func (o *settings) ask(ctx context.Context, r *remote, name string, do func(library, target) error) error {
	t, err := parseTarget(name)
	if err != nil {
		return err
	}
	lib, err := o.openLibrary(ctx, r, r.named())
	if err != nil {
		return err
	}
	defer lib.close()
	return do(lib, t)
}
