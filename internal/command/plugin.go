package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/registryd/registryd/internal/cli"
	"github.com/registryd/registryd/internal/daemon"
	"github.com/registryd/registryd/plugin"
)

func (o *settings) pluginCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "plugin", Short: "Make, check and try plugins", Args: cli.NoArguments,
		Long: `Makes a new plugin, checks plugins before a daemon loads them, or calls one of their functions.
No daemon is needed, and none is asked.`,
		Example: "  registryd plugin new plugins/acme\n  registryd plugin check plugins/acme\n" +
			"  registryd plugin run plugins/acme resolve @acme/tool@^1",
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(o.pluginNewCommand(), o.pluginCheckCommand(), o.pluginRunCommand())
	return c
}

// bench holds one plugin, outside of a daemon.
type bench struct {
	manager *plugin.Manager
	plugin  plugin.Candidate
}

// openPlugin loads the plugin at a path. The caller closes it. Errors: why it does not load, a line each.
func (o *settings) openPlugin(ctx context.Context, path string, log *slog.Logger, change func(*plugin.Settings)) (*bench, error) {
	c, err := o.load()
	if err != nil {
		return nil, err
	}
	s, err := daemon.PluginSettings(c)
	if err != nil {
		return nil, err
	}
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	s.Dir, s.Only = filepath.Dir(full), filepath.Base(full)
	if change != nil {
		change(&s)
	}
	b := &bench{manager: plugin.NewManager(daemon.PluginConfig(log))}
	report, err := b.manager.Reload(ctx, s, plugin.Reload{})
	if err == nil && len(report.Failed) > 0 {
		err = fmt.Errorf("%s: %s", path, report.Failed[0].Error)
	}
	if err != nil {
		b.manager.Revoke()
		return nil, err
	}
	b.plugin = b.manager.Loaded()[0]
	return b, nil
}

func (b *bench) close() { b.manager.Revoke() }

// pluginLog prints what a plugin says, a line each, and what the daemon would warn of.
type pluginLog struct{ w io.Writer }

// Enabled is part of slog.Handler.
func (pluginLog) Enabled(context.Context, slog.Level) bool { return true }

// WithAttrs is part of slog.Handler. There is one plugin, so nobody need be told which.
func (l pluginLog) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup is part of slog.Handler.
func (l pluginLog) WithGroup(string) slog.Handler { return l }

// Handle is part of slog.Handler.
func (l pluginLog) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		switch {
		case r.Message == said && a.Key == "text":
			line = a.Value.String()
		case a.Key != "plugin" && a.Value.String() != "":
			line += " " + a.Key + "=" + a.Value.String()
		}
		return true
	})
	if r.Message != said && r.Level < slog.LevelWarn || r.Message == notLoaded {
		return nil
	}
	_, err := fmt.Fprintf(l.w, "%s: %s\n", strings.ToLower(r.Level.String()), line)
	return err
}

// Messages that mean something here: what a plugin says, and that it does not load, which ends the command anyway.
const (
	said      = "plugin says"
	notLoaded = "plugin is not loaded"
)

// rejected makes what a plugin threw into lines for its author: message, then trace.
func rejected(err error) error {
	r, ok := errors.AsType[*plugin.Rejection](err)
	if !ok {
		return err
	}
	text := r.Error()
	if r.ID != 0 {
		text = fmt.Sprintf("rejected with %d: %s", r.ID, text)
	} else if r.Stack != "" {
		text += "\n" + r.Stack
	}
	return errors.New(text)
}
