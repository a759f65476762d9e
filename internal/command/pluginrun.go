package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/registryd/registryd/internal/cli"
	"github.com/registryd/registryd/plugin"
)

// hooks are the functions of providers, in the order in which they are asked; the predecessor's behind them.
var hooks = []string{"check", "resolve", "versions", "fetch", "fetchRealVersion", "fetchVersionList", "fetchBundleFile", "selftest"}

func (o *settings) pluginRunCommand() *cobra.Command {
	return o.configured(&cobra.Command{
		Use: "run PATH FUNCTION [ARGUMENT…]", Short: "Call one function of a plugin and print what it answers",
		Long: `Loads the plugin as the daemon would, calls the function once and prints its result as JSON. What it
logs, and how long it took, go to standard error. Arguments are JSON; NAME@SPEC stands for what the
daemon would pass for that package. Requests go out.`,
		Example: `  registryd plugin run plugins/acme check @acme/tool
  registryd plugin run plugins/acme resolve @acme/tool@^1
  registryd plugin run plugins/acme fetch '{"name": "@acme/tool", "version": "1.0.0"}'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return cli.Usage("plugin run takes a plugin and a function")
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return hooks, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveDefault
		},
		RunE: func(c *cobra.Command, args []string) error {
			return o.runPlugin(c.Context(), args[0], args[1], args[2:])
		},
	})
}

func (o *settings) runPlugin(ctx context.Context, path, fn string, words []string) error {
	args, err := arguments(fn, words)
	if err != nil {
		return err
	}
	b, err := o.openPlugin(ctx, path, slog.New(pluginLog{o.streams.Err}), nil)
	if err != nil {
		return err
	}
	defer b.close()
	if offers := b.plugin.Offers.Hooks; !slices.Contains(offers, fn) && !strings.HasPrefix(fn, "#") {
		return fmt.Errorf("%s has no function %s, it has %s", path, fn, strings.Join(offers, ", "))
	}
	lease, err := b.manager.Enter(b.plugin.Manifest.Name)
	if err != nil {
		return err
	}
	defer lease.Leave()
	start := time.Now()
	r, err := lease.Call(ctx, fn, args...)
	fmt.Fprintf(o.streams.Err, "%s took %.1f ms\n", fn, float64(time.Since(start).Microseconds())/1000)
	if err != nil {
		return rejected(err)
	}
	defer r.Close()
	return o.printJSON(r)
}

func (o *settings) printJSON(r *plugin.Result) error {
	if r.JSON == nil {
		o.print("(nothing)")
		return nil
	}
	var text bytes.Buffer
	if err := json.Indent(&text, r.JSON, "", "  "); err != nil {
		return err
	}
	o.print("%s", text.String())
	return nil
}

// arguments makes JSON of the words of a command line. Errors: a misuse.
func arguments(fn string, words []string) ([]json.RawMessage, error) {
	var list []json.RawMessage
	for _, w := range words {
		if json.Valid([]byte(w)) {
			list = append(list, json.RawMessage(w))
			continue
		}
		t, err := parseTarget(w)
		if err != nil {
			return nil, errors.Join(cli.Usage("%s is neither JSON nor NAME@SPEC: %v", w, err))
		}
		data, err := json.Marshal(questionFor(fn, t))
		if err != nil {
			return nil, err
		}
		list = append(list, data)
	}
	return list, nil
}

// questionFor is what the daemon passes to a function for a package.
func questionFor(fn string, t target) map[string]string {
	q := map[string]string{"name": string(t.name)}
	switch {
	case fn == "resolve":
		q["spec"] = t.spec.Text
	case fn == "versions" || fn == "fetchVersionList" || t.spec.Text == "":
	default:
		q["version"] = t.spec.Text
	}
	return q
}
