package command

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/registryd/registryd/internal/cli"
	"github.com/registryd/registryd/registry"
)

func (h byHand) explain(ctx context.Context, t target) (*registry.Explanation, error) {
	return h.s.Registry().Explain(ctx, t.name, t.spec)
}

func (d byDaemon) explain(ctx context.Context, t target) (*registry.Explanation, error) {
	x := &registry.Explanation{}
	return x, d.c.call(ctx, http.MethodGet, "explain/"+t.path(), x)
}

func (o *settings) explainCommand() *cobra.Command {
	r := &remote{}
	asJSON := false
	c := &cobra.Command{
		Use: "explain NAME@SPEC", Short: "Tell why a spec leads where it does", Args: cli.One,
		Long: `Tells step by step why a version, range, tag or main leads where it does: what the
rules say, whom the providers' order makes answer, which versions were passed over and why,
what is held and what is remembered. Nothing is fetched but version lists. Without --server or
REGISTRYD_SERVER it works on the data directory alone, which no daemon may hold then; a daemon
also tells what it remembers in memory.`,
	}
	r.addTo(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.RunE = func(c *cobra.Command, args []string) error {
		return o.ask(c.Context(), r, args[0], func(lib library, t target) error {
			x, err := lib.explain(c.Context(), t)
			if err != nil {
				return err
			}
			if !asJSON {
				return explainText(o.streams.Out, x)
			}
			enc := json.NewEncoder(o.streams.Out)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			return enc.Encode(x)
		})
	}
	return o.configured(c)
}
