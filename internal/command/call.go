package command

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/registryd/registryd/internal/cli"
	moduleclient "github.com/registryd/registryd/module/client"
)

// caller holds the flags of call.
type caller struct{ server, key string }

func (o *settings) callCommand() *cobra.Command {
	var flags caller
	c := o.configured(&cobra.Command{
		Use: "call MODULE OPERATION [PARAMETER…]", Short: "Call an operation of a module of the running daemon",
		Long: `Calls an operation and prints its answer. Parameters stand in the order of their declaration, or
anywhere as NAME=VALUE. Without arguments it lists what there is.`,
		Example: "  registryd call calc /sum 1 2\n  registryd call calc /sum y=2 x=1",
		RunE:    func(cmd *cobra.Command, args []string) error { return o.call(cmd.Context(), &flags, args) },
	})
	c.ValidArgsFunction = func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		return o.completeCall(cmd.Context(), &flags, args)
	}
	c.Flags().StringVar(&flags.server, "server", "", "`URL` of the modules, such as http://127.0.0.1:9900/api/modules/ (else from the configuration)")
	c.Flags().StringVar(&flags.key, "key", "", "API `KEY` (else from the configuration, else $BINDER_API_KEY)")
	return c
}

// modulesPrefix is where modules are when no configuration says it.
const modulesPrefix = "/api/modules/"

// modulesClient finds out where the modules are: flag, then configuration. On a socket they are below the prefix of the
// configuration, if there is one.
func (o *settings) modulesClient(ctx context.Context, flags *caller) (*moduleclient.Client, error) {
	base, prefix, key := flags.server, modulesPrefix, cmp.Or(flags.key, os.Getenv("BINDER_API_KEY"))
	if base == "" || o.file != "" {
		c, err := o.load()
		if err != nil {
			return nil, err
		}
		if c.Modules == nil {
			return nil, cli.Usage("the configuration has no modules: name it with -c, or give --server")
		}
		prefix, key = c.Modules.Prefix, cmp.Or(flags.key, c.Modules.APIKey, key)
		if base == "" {
			base = daemonURL(c.Listen[0])
			if c.Listen[0].Network != "unix" {
				base += prefix
			}
		}
	}
	if !strings.HasPrefix(base, "unix:") {
		prefix = "/" // the URL is that of the modules
	}
	found, err := newClient(base, prefix, "")
	if err != nil {
		return nil, err
	}
	return moduleclient.New(ctx, moduleclient.Config{Base: found.base, Key: key, HTTP: found.http})
}

func (o *settings) call(ctx context.Context, flags *caller, args []string) error {
	c, err := o.modulesClient(ctx, flags)
	if err != nil {
		return err
	}
	if len(args) < 2 {
		o.listOperations(c, args)
		return nil
	}
	op, err := c.Find(args[0], args[1])
	if err != nil {
		return err
	}
	values, err := parameters(op, args[2:])
	if err != nil {
		return err
	}
	if err := op.Check(values); err != nil {
		return err
	}
	if op.Begin != "" {
		o.streams.Say(name, filled(op.Begin, values, ""))
	}
	answer, err := c.Call(ctx, op, values)
	if err != nil {
		if f, ok := errors.AsType[*moduleclient.Failure](err); ok {
			for _, s := range f.Suggestions {
				o.streams.Say(name, "try: "+s)
			}
		}
		return err
	}
	o.print("%s", filled(cmp.Or(op.Done, "{results}"), values, strings.TrimRight(string(answer), "\n")))
	return nil
}

// filled is what a declaration says, with the values of parameters, which are texts or JSON, and the answer.
func filled(text string, values map[string]any, answer string) string {
	marks := []string{"{results}", answer}
	for k, v := range values {
		marks = append(marks, "{"+k+"}", fmt.Sprintf("%s", v))
	}
	return strings.NewReplacer(marks...).Replace(text)
}

func (o *settings) listOperations(c *moduleclient.Client, args []string) {
	for _, op := range c.Operations() {
		if len(args) == 1 && op.Module != args[0] {
			continue
		}
		line := op.Module + " " + op.Name
		for _, p := range op.Params {
			mark := "?"
			if p.Required {
				mark = ""
			}
			line += " " + p.Name + mark
		}
		if op.Description != "" {
			line += "  # " + op.Description
		}
		o.print("%s", line)
	}
}

// parameters reads the rest of a command line. Those with a name are taken first.
func parameters(op *moduleclient.Operation, args []string) (map[string]any, error) {
	values := map[string]any{}
	var plain []string
	for _, a := range args {
		key, v, named := strings.Cut(a, "=")
		if p := declared(op, key); named && p != nil {
			values[key] = typed(p, v)
		} else {
			plain = append(plain, a)
		}
	}
	for i := range op.Params {
		p := &op.Params[i]
		if _, there := values[p.Name]; !there && len(plain) > 0 {
			values[p.Name] = typed(p, plain[0])
			plain = plain[1:]
		}
	}
	if len(plain) > 0 {
		return nil, cli.Usage("%s %s has no parameter for %q", op.Module, op.Name, plain[0])
	}
	return values, nil
}

// declared finds a parameter by its name, nil where there is none.
func declared(op *moduleclient.Operation, name string) *moduleclient.Param {
	i := slices.IndexFunc(op.Params, func(p moduleclient.Param) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return &op.Params[i]
}

// typed takes JSON that is no text for what it says, unless the parameter takes texts alone.
func typed(p *moduleclient.Param, text string) any {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err == nil && !p.Text {
		if _, isText := v.(string); !isText {
			return json.RawMessage(text)
		}
	}
	return text
}

// completeCall offers modules, then operations, then the parameters that are not there yet, whose values follow at once.
func (o *settings) completeCall(ctx context.Context, flags *caller, args []string) ([]string, cobra.ShellCompDirective) {
	c, err := o.modulesClient(ctx, flags)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	if len(args) < 2 {
		return words(c, args), cobra.ShellCompDirectiveNoFileComp
	}
	var list []string
	if op, err := c.Find(args[0], args[1]); err == nil {
		for _, p := range op.Params {
			if !slices.ContainsFunc(args[2:], func(a string) bool { return strings.HasPrefix(a, p.Name+"=") }) {
				list = append(list, p.Name+"=\t"+p.Description)
			}
		}
	}
	return list, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// words are the modules, or the operations of one.
func words(c *moduleclient.Client, args []string) []string {
	var list []string
	seen := map[string]bool{}
	for _, op := range c.Operations() {
		word := op.Module
		if len(args) == 1 {
			word = op.Name + "\t" + op.Description
		}
		if !seen[word] && (len(args) == 0 || op.Module == args[0]) {
			seen[word] = true
			list = append(list, word)
		}
	}
	return list
}
