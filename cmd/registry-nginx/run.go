package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/cli"
	"github.com/registryd/registryd/internal/worker"
	"github.com/registryd/registryd/templates"
)

// options are what the command line sets.
type options struct {
	file, output, front, nginx string
	test, force                bool
	streams                    cli.Streams
}

// run runs the command and returns its exit code.
func run(args []string, s cli.Streams) int { return cli.Run(newCommand(s), args, s) }

// say prints one line of news or trouble.
func (o *options) say(line string) { o.streams.Say("registry-nginx", line) }

const long = `Writes the nginx configuration of a registryd from the daemon's own file, or
from the flat file of the predecessor.

Without -o one file for somebody's server{} goes to standard output. With -o a
directory gets the full set: parts for http{} and server{}, what they include,
and a runnable nginx.conf.`

// newCommand builds the command tree.
func newCommand(s cli.Streams) *cobra.Command {
	o := &options{streams: s}
	c := &cobra.Command{
		Use:   "registry-nginx -c FILE [-o DIR]",
		Short: "Write the nginx configuration of a registryd",
		Long:  long,
		Example: "  registry-nginx -c registryd.yaml > /etc/nginx/snippets/registryd.conf\n" +
			"  registry-nginx -c registryd.yaml -o /etc/nginx/registryd --test",
		Args: cli.NoArguments,
		RunE: func(*cobra.Command, []string) error { return o.generate() },
	}
	f := c.Flags()
	f.StringVarP(&o.file, "config", "c", "", "configuration `FILE`, YAML or JSON")
	f.StringVarP(&o.output, "output", "o", "", "write the full set to `DIR`")
	f.StringVar(&o.front, "front", "", "with -o: show index.html of `DIR` at /")
	f.StringVar(&o.nginx, "nginx", usualNginx(systemDirs...), "the nginx `BINARY` to write for")
	f.BoolVarP(&o.test, "test", "t", false, "with -o: let nginx -t read the result")
	f.BoolVar(&o.force, "force", false, "with -o: replace files that somebody else wrote")
	c.AddCommand(o.checkCommand(), cli.VersionCommand())
	return c
}

// check refuses combinations of flags that cannot be meant.
func (o *options) check() error {
	switch {
	case o.file == "":
		return cli.Usage("give a configuration with -c")
	case o.output == "" && (o.test || o.force || o.front != ""):
		return cli.Usage("--test, --force and --front need -o")
	}
	return nil
}

// generate does the work.
func (o *options) generate() error {
	in, err := o.input()
	if err != nil {
		return err
	}
	if o.output == "" {
		return o.include(in)
	}
	return o.full(in)
}

// input reads the configuration and looks at the machine.
func (o *options) input() (templates.Input, error) {
	if err := o.check(); err != nil {
		return templates.Input{}, err
	}
	cfg, err := config.LoadGenerator(config.Options{File: o.file, Env: os.LookupEnv})
	if err != nil {
		return templates.Input{}, err
	}
	owner := worker.Owner(cfg.Root.FS)
	return templates.Input{
		Config: cfg, Owner: owner, Group: worker.Group(cmp.Or(cfg.Nginx.User, owner)), MaxFiles: o.maxFiles(cfg), Build: o.detect(cfg),
	}, nil
}

// include prints the server-only form.
func (o *options) include(in templates.Input) error {
	text, err := templates.Include(in)
	if err != nil {
		return err
	}
	if len(in.Config.Nginx.Private.Tokens) > 0 {
		o.say("the output has the tokens of nginx.private in it; let nobody read it but who starts nginx")
	}
	_, err = o.streams.Out.Write(text)
	return err
}

// full writes the set and tests it where that is asked for.
func (o *options) full(in templates.Input) error {
	var err error
	if in.Dir, err = filepath.Abs(o.output); err != nil {
		return err
	}
	if in.Front, err = o.frontDir(); err != nil {
		return err
	}
	files, err := templates.Render(in)
	if err != nil {
		return err
	}
	if err := write(in.Dir, files, o.force); err != nil {
		return err
	}
	o.warn(in)
	if o.test {
		return o.runTest(in.Dir)
	}
	return nil
}

// frontDir returns the absolute directory of the front page.
func (o *options) frontDir() (string, error) {
	if o.front == "" {
		return "", nil
	}
	dir, err := filepath.Abs(o.front)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(dir, "index.html")); err != nil {
		return "", fmt.Errorf("front page: %w", err)
	}
	return dir, nil
}
