package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/registryd/registryd/component"
	"github.com/registryd/registryd/internal/cli"
	"github.com/registryd/registryd/store/file"
)

// componentPrefix is where components are without a configuration that says
// otherwise.
const componentPrefix = "/api/components/"

// registryCommand completes a command that acts on a component registry.
func (o *settings) registryCommand(c *cobra.Command, do func(*cobra.Command, *client, []string) error) *cobra.Command {
	r := &remote{}
	c.Flags().StringVar(&r.server, "server", "", "`URL` of the component registry, such as http://127.0.0.1:9900/api/components/ ($REGISTRYD_COMPONENTS; else from the configuration)")
	c.Flags().StringVar(&r.token, "token", "", "`TOKEN` for publishing ($COMPONENT_TOKEN; else from the configuration)")
	return o.connected(c, func() (*client, error) { return o.components(r) }, do)
}

// components finds out where the component registry is and how to be let in.
func (o *settings) components(r *remote) (*client, error) {
	server, token := cmp.Or(r.server, os.Getenv("REGISTRYD_COMPONENTS")), cmp.Or(r.token, os.Getenv("COMPONENT_TOKEN"))
	if server != "" && o.file == "" {
		return newClient(server, componentPrefix, token)
	}
	c, err := o.load()
	if err != nil {
		return nil, err
	}
	prefix := componentPrefix
	if c.Components != nil {
		prefix, token = c.Components.Prefix, cmp.Or(token, c.Components.Token)
	}
	return newClient(cmp.Or(server, daemonURL(c.Listen[0])), prefix, token)
}

func (o *settings) componentsCommand() *cobra.Command {
	c := &cobra.Command{Use: "components", Short: "Look at the component registry, or fill it", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		return c.Help()
	}}
	c.AddCommand(o.componentsListCommand(), o.componentsShowCommand(), o.componentsImportCommand())
	return c
}

// listed is what the registry says of all components.
type listed struct {
	Components []component.Listed `json:"components"`
	Hosts      int                `json:"hosts"`
}

func (o *settings) componentsListCommand() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "Name all components and their newest versions", Args: cobra.NoArgs}
	return o.registryCommand(c, func(c *cobra.Command, cl *client, _ []string) error {
		var all listed
		if err := cl.call(c.Context(), http.MethodGet, "", &all); err != nil {
			return err
		}
		for _, l := range all.Components {
			o.print("%s\t%s\t%s", l.Name, l.Versions[0].Version, count(len(l.Versions), "version"))
		}
		o.streams.Say(name, fmt.Sprintf("%s, %s", count(len(all.Components), "component"), count(all.Hosts, "host")))
		return nil
	})
}

func (o *settings) componentsShowCommand() *cobra.Command {
	c := &cobra.Command{Use: "show NAME", Short: "List the versions of a component and what they need", Args: cli.One}
	return o.registryCommand(c, func(c *cobra.Command, cl *client, args []string) error {
		n, err := component.ParseName(args[0])
		if err != nil {
			return cli.Usage("%v", err)
		}
		var all listed
		if err := cl.call(c.Context(), http.MethodGet, "", &all); err != nil {
			return err
		}
		for _, l := range all.Components {
			if !strings.EqualFold(l.Name, n.String()) {
				continue
			}
			for _, v := range l.Versions {
				var needs []string
				for _, dep := range slices.Sorted(maps.Keys(v.Dependencies)) {
					needs = append(needs, dep+" "+v.Dependencies[dep])
				}
				o.print("%s\t%s", v.Version, strings.Join(needs, ", "))
			}
			return nil
		}
		return fmt.Errorf("there is no component %s", n)
	})
}

func (o *settings) componentsImportCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "import DIR", Short: "Take over the components and hosts of another registry's directory", Args: cli.One,
		Long: `Publishes every version that DIR has to a running registry, as <name>/<version>/package.json with
its files, and registers every host of its index.json. DIR is not changed. A version that is
published already stays as it is. Exits with 1 when something was left out.`,
	}
	return o.registryCommand(c, func(c *cobra.Command, cl *client, args []string) error {
		from, err := file.Browse(args[0])
		if err != nil {
			return err
		}
		defer from.Close()
		all, err := component.Read(c.Context(), from)
		if err != nil {
			return err
		}
		return o.importComponents(c.Context(), cl, from, all)
	})
}

func (o *settings) importComponents(ctx context.Context, cl *client, from *file.Store, all *component.Contents) error {
	out, took, there := len(all.Odd), 0, 0
	for _, line := range all.Odd {
		o.print("left out: %s", line)
	}
	for _, v := range all.Versions {
		p, err := v.Publication(ctx, from)
		if err == nil {
			_, err = cl.publish(ctx, p)
		}
		switch {
		case errors.Is(err, errPublished):
			there++
		case err != nil:
			out++
			o.print("left out: %s: %v", v, err)
		default:
			took++
		}
	}
	hosts := 0
	for _, d := range all.Hosts {
		if err := cl.register(ctx, d); err != nil {
			out++
			o.print("left out: a host: %v", err)
			continue
		}
		hosts++
	}
	o.print("took over %s and %s; %d were there already, %d left out", count(took, "version"), count(hosts, "host"), there, out)
	if out > 0 {
		return fmt.Errorf("%d left out", out)
	}
	return nil
}

// versionURL is the path of a version below the prefix.
func versionURL(p component.Publication) string {
	return (&url.URL{Path: p.Name.Key()}).EscapedPath() + "/" + p.Version.String()
}
