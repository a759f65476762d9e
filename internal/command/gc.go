package command

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/cli"
	"github.com/registryd/registryd/internal/quantity"
)

// trimmer does what gc needs: by a running daemon, or on the data directory alone.
type trimmer interface {
	trim(ctx context.Context, dryRun bool) (*cache.Trimmed, error)
}

func (h byHand) trim(ctx context.Context, dryRun bool) (*cache.Trimmed, error) {
	return h.s.Registry().Trim(ctx, dryRun)
}

func (d byDaemon) trim(ctx context.Context, dryRun bool) (*cache.Trimmed, error) {
	path := "gc"
	if dryRun {
		path += "?dry-run"
	}
	t := &cache.Trimmed{}
	return t, d.c.call(ctx, http.MethodPost, path, t)
}

func (o *settings) gcCommand() *cobra.Command {
	r := &remote{}
	c := &cobra.Command{
		Use: "gc", Short: "Evict what was used least recently, down to nine tenths of the budget", Args: cli.NoArguments,
		Long: `Removes what a killed process left behind, and evicts the releases that were used least
recently until nine tenths of cache.max_bytes and cache.max_files are left. Their manifests and
pins stay, so they come back, compared with what they were, when they are asked for. A daemon
does this by itself. Without --server or REGISTRYD_SERVER it works on the data directory alone,
which no daemon may hold then.`,
	}
	dry := c.Flags().Bool("dry-run", false, "change nothing, only tell")
	r.addTo(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		lib, err := o.openLibrary(c.Context(), r, r.named())
		if err != nil {
			return err
		}
		t, err := lib.trim(c.Context(), *dry)
		if err == nil {
			o.trimmed(t, *dry)
		}
		return errors.Join(err, lib.close())
	}
	return o.configured(c)
}

// trimmed prints what went, a line each, and what is left.
func (o *settings) trimmed(t *cache.Trimmed, dry bool) {
	did, orphans := "evicted", "removed"
	if dry {
		did, orphans = "would evict", "would remove"
	}
	for _, e := range t.Evicted {
		used := "never"
		if !e.Used.IsZero() {
			used = e.Used.Local().Format(time.DateTime)
		}
		o.print("%s %s@%s, %s, used %s", did, e.Name, e.Version, quantity.RoughSize(e.Bytes), used)
	}
	if t.Orphans.Files > 0 {
		o.print("%s %s that nothing needs, %s", orphans, count(int(t.Orphans.Files), "file"), quantity.RoughSize(t.Orphans.Bytes))
	}
	o.print("held %s in %s, left %s in %s", quantity.RoughSize(t.Before.Bytes), count(int(t.Before.Files), "file"),
		quantity.RoughSize(t.After.Bytes), count(int(t.After.Files), "file"))
	if t.Budget == (cache.Amount{}) {
		o.print("no budget: set cache.max_bytes or cache.max_files")
	}
}
