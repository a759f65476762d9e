package command

import (
	"fmt"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/registryd/registryd/internal/cli"
	"github.com/registryd/registryd/internal/daemon"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/registry"
)

// remoteCommand completes a command that acts on a running daemon.
func (o *settings) remoteCommand(c *cobra.Command, do func(*cobra.Command, *client, []string) error) *cobra.Command {
	r := &remote{}
	r.addTo(c)
	return o.connected(c, func() (*client, error) { return o.client(r) }, do)
}

// connected completes a command that acts through a client.
func (o *settings) connected(c *cobra.Command, connect func() (*client, error), do func(*cobra.Command, *client, []string) error) *cobra.Command {
	c.RunE = func(c *cobra.Command, args []string) error {
		cl, err := connect()
		if err != nil {
			return err
		}
		return do(c, cl, args)
	}
	return o.configured(c)
}

// changed is what the daemon answers to flush and designate.
type changed struct {
	Name, Version string
	VisibleWithin string `json:"visible_within"`
}

func (o *settings) designateCommand() *cobra.Command {
	c := &cobra.Command{Use: "designate NAME@VERSION", Short: "Make main of a package point at a version", Args: cli.One}
	return o.remoteCommand(c, func(c *cobra.Command, d *client, args []string) error {
		t, err := parseTarget(args[0])
		if err != nil {
			return err
		}
		if t.spec.Kind != pkgref.KindExact {
			return cli.Usage("designate needs an exact version, as in %s@1.2.3", t.name)
		}
		var done changed
		if err := d.call(c.Context(), http.MethodPost, "designate/"+t.path(), &done); err != nil {
			return err
		}
		o.print("main of %s is %s, everywhere within %s", done.Name, done.Version, done.VisibleWithin)
		return nil
	})
}

func (o *settings) flushCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "flush NAME[@SPEC]", Short: "Ask upstream again", Args: cli.One,
		Long: `Asks upstream again: for an exact version its files, for main the latest of now,
for anything else the lists of versions and tags.`,
	}
	return o.remoteCommand(c, func(c *cobra.Command, d *client, args []string) error {
		t, err := parseTarget(args[0])
		if err != nil {
			return err
		}
		var done changed
		if err := d.call(c.Context(), http.MethodPost, "flush/"+t.path(), &done); err != nil {
			return err
		}
		o.print("%s is %s, everywhere within %s", t, done.Version, done.VisibleWithin)
		return nil
	})
}

func (o *settings) evictCommand() *cobra.Command {
	c := &cobra.Command{Use: "evict NAME[@VERSION]", Short: "Remove a package or version from view and cache", Args: cli.One}
	return o.remoteCommand(c, func(c *cobra.Command, d *client, args []string) error {
		t, err := parseTarget(args[0])
		if err != nil {
			return err
		}
		if !t.bare && t.spec.Kind != pkgref.KindExact {
			return cli.Usage("evict needs an exact version, or none for all")
		}
		var done struct{ Evicted []string }
		if err := d.call(c.Context(), http.MethodDelete, "packages/"+t.path(), &done); err != nil {
			return err
		}
		for _, v := range done.Evicted {
			o.print("evicted %s@%s", t.name, v)
		}
		return nil
	})
}

func (o *settings) listCommand() *cobra.Command {
	c := &cobra.Command{Use: "list [NAME]", Short: "Show what is held", Args: cli.AtMostOne}
	return o.remoteCommand(c, func(c *cobra.Command, d *client, args []string) error {
		var all struct{ Packages []registry.HeldPackage }
		if len(args) == 0 {
			if err := d.call(c.Context(), http.MethodGet, "packages", &all); err != nil {
				return err
			}
			return o.table(all.Packages)
		}
		t, err := parseTarget(args[0])
		if err != nil {
			return err
		}
		var one registry.HeldPackage
		if err := d.call(c.Context(), http.MethodGet, "packages/"+t.path(), &one); err != nil {
			return err
		}
		return o.table([]registry.HeldPackage{one})
	})
}

// table prints what is held, a release a line.
func (o *settings) table(packages []registry.HeldPackage) error {
	w := tabwriter.NewWriter(o.streams.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PACKAGE\tVERSION\tMAIN\tPROVIDER\tFILES\tTARBALL\tVIEW\tUSED")
	for _, p := range packages {
		for _, v := range p.Versions {
			main := ""
			if p.Main == v.Version {
				main = "main"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%d\t%s\n",
				p.Name, v.Version, main, v.Provider, v.Files, v.Tarball, v.Viewed, day(v.Used))
		}
	}
	return w.Flush()
}

func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}

func (o *settings) reloadCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "reload [FILTER]", Short: "Let the daemon read its configuration and its plugins anew", Args: cli.AtMostOne,
		Long: "Reads the configuration and the plugins anew. With a filter only plugins: one name, a pattern (* ? [), or a /regular expression/.",
	}
	atomic := c.Flags().Bool("atomic", false, "nothing at all where one plugin fails")
	force := c.Flags().Bool("force", false, "plugins that did not change, too")
	return o.remoteCommand(c, func(c *cobra.Command, d *client, args []string) error {
		query := url.Values{}
		if len(args) > 0 {
			query.Set("filter", args[0])
		}
		for key, on := range map[string]bool{"atomic": *atomic, "force": *force} {
			if on {
				query.Set(key, "1")
			}
		}
		path := "reload"
		if len(query) > 0 {
			path += "?" + query.Encode()
		}
		var report daemon.Report
		if err := d.call(c.Context(), http.MethodPost, path, &report); err != nil {
			return err
		}
		o.printPlugins(report.Plugins)
		o.print("reloaded in %d ms, everywhere within %s", report.DurationMS, report.VisibleWithin)
		for _, removed := range report.Removed {
			o.print("no longer served: %s", removed)
		}
		return nil
	})
}

// printPlugins tells what became of the plugins, but of those that are as before.
func (o *settings) printPlugins(r *plugin.Report) {
	if r == nil {
		return
	}
	for _, name := range r.Reloaded {
		o.print("plugin reloaded: %s", name)
	}
	for _, name := range r.Removed {
		o.print("plugin removed: %s", name)
	}
	for _, f := range r.Failed {
		o.print("plugin failed, what was in force still is: %s: %s", f.Path, f.Error)
	}
}
