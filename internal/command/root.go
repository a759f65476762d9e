// Package command is the command line of registryd.
package command

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/cli"
	"github.com/registryd/registryd/internal/daemon"
	"github.com/registryd/registryd/module"
)

// Own is what a program brings beside what is built in.
type Own struct {
	Providers daemon.Providers          // by type
	Modules   map[string]module.Factory // by name
}

// Run executes a command line and returns the exit code, one of package cli's.
func Run(args []string, s cli.Streams, own Own) int {
	if err := own.Providers.Check(); err != nil {
		s.Say(name, err.Error())
		return cli.Failed
	}
	return cli.Run(newCommand(s, own), args, s)
}

const name = "registryd"

// settings are what the command line says about the configuration.
type settings struct {
	streams cli.Streams
	file    string
	set     []string
	flags   map[string]string // by configuration key
	own     Own
}

func newCommand(s cli.Streams, own Own) *cobra.Command {
	o := &settings{streams: s, flags: map[string]string{}, own: own}
	root := &cobra.Command{
		Use:   name,
		Short: "A package CDN of your own: serves npm packages through nginx",
		Long: `registryd answers for packages that nginx does not find on disk: it checks that
they are allowed, gets and verifies them, and lets nginx serve them from then on.`,
		Example: "  registryd serve\n  registryd serve -c registryd.yaml\n  registryd resolve lodash@^4",
	}
	root.AddCommand(
		o.serveCommand(), o.checkCommand(), o.resolveCommand(), o.explainCommand(), o.warmCommand(), o.verifyCommand(), o.importCommand(),
		o.pluginCommand(), o.designateCommand(), o.flushCommand(), o.evictCommand(), o.gcCommand(), o.listCommand(), o.reloadCommand(),
		o.callCommand(), o.publishCommand(), o.componentsCommand(),
		cli.VersionCommand(),
	)
	return root
}

// configured adds the flags that every command with a configuration has.
func (o *settings) configured(c *cobra.Command) *cobra.Command {
	f := c.Flags()
	f.StringVarP(&o.file, "config", "c", "", "configuration `FILE` (none: defaults)")
	f.StringArrayVar(&o.set, "set", nil, "set one `KEY=VALUE` of the configuration, such as log.level=debug")
	for _, key := range []struct{ flag, key, doc string }{
		{"listen", "listen", "`ADDRESS` to listen on: host:port or unix:/path"},
		{"root", "root.fs", "data `DIRECTORY`"},
		{"accel", "accel", "nginx: nginx sends the files; off: the daemon does"},
	} {
		f.Func(key.flag, key.doc, func(value string) error { o.flags[key.key] = value; return nil })
	}
	return c
}

// load reads the configuration. Errors: every problem of it, a line each.
func (o *settings) load() (*config.Config, error) {
	flags := map[string]string{}
	for _, text := range o.set {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, cli.Usage("--set %s: write KEY=VALUE", text)
		}
		flags[key] = value
	}
	for key, value := range o.flags {
		flags[key] = value
	}
	return config.Load(config.Options{
		File: o.file, Env: os.LookupEnv, Flags: flags, ProviderTypes: o.own.Providers.Types(),
	})
}

func (o *settings) options() daemon.Options {
	return daemon.Options{Load: o.load, Version: cli.Version(), Stderr: o.streams.Err, Providers: o.own.Providers, Modules: o.own.Modules}
}

func (o *settings) print(format string, args ...any) {
	fmt.Fprintf(o.streams.Out, format+"\n", args...)
}
