package command

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/registryd/registryd/internal/cli"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/pkgref"
	"github.com/registryd/registryd/registry"
)

// verifier does what verify needs: by a running daemon, or on the data directory
// alone. The name "" stands for what lies beside all packages.
type verifier interface {
	verifyNames(ctx context.Context) ([]pkgref.Name, error)
	verify(ctx context.Context, name pkgref.Name, o registry.VerifyOptions) (*registry.Verified, error)
}

func (h byHand) verifyNames(context.Context) ([]pkgref.Name, error) {
	return h.s.Registry().VerifyNames(), nil
}

func (h byHand) verify(ctx context.Context, name pkgref.Name, o registry.VerifyOptions) (*registry.Verified, error) {
	if name == "" {
		return h.s.Registry().VerifyBeside(ctx, o)
	}
	return h.s.Registry().Verify(ctx, name, o)
}

func (d byDaemon) verifyNames(ctx context.Context) ([]pkgref.Name, error) {
	var answer struct{ Names []string }
	if err := d.c.call(ctx, http.MethodGet, "verify", &answer); err != nil {
		return nil, err
	}
	var names []pkgref.Name
	for _, text := range answer.Names {
		name, err := pkgref.ParseName(text)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

func (d byDaemon) verify(ctx context.Context, name pkgref.Name, o registry.VerifyOptions) (*registry.Verified, error) {
	path := "verify/" + pkgref.Escape(string(name)) + "?"
	if name == "" {
		path = "verify?beside&"
	}
	if o.DryRun {
		path += "dry-run&"
	}
	if o.NoHeal {
		path += "no-heal&"
	}
	v := &registry.Verified{}
	return v, d.c.call(ctx, http.MethodPost, path, v)
}

func (o *settings) verifyCommand() *cobra.Command {
	r := &remote{}
	opts := registry.VerifyOptions{}
	c := &cobra.Command{
		Use: "verify [NAME…]", Short: "Hash what is held again, and mend what is damaged",
		Long: `Hashes tarballs, unpacked copies and the files that nginx serves, and compares them
with the manifests. What is damaged is removed where it comes back by itself, moved to
state/quarantine where it does not, and fetched again. Without names everything is looked at.
Exits with 1 when something was wrong, mended or not. Without --server or REGISTRYD_SERVER it
works on the data directory alone, which no daemon may hold then; a daemon goes on serving.`,
	}
	c.Flags().BoolVar(&opts.DryRun, "dry-run", false, "change nothing, only tell")
	c.Flags().BoolVar(&opts.NoHeal, "no-heal", false, "fetch nothing")
	r.addTo(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		names, err := packageNames(args)
		if err != nil {
			return err
		}
		lib, err := o.openLibrary(c.Context(), r, r.named())
		if err != nil {
			return err
		}
		return errors.Join(o.verify(c.Context(), lib, names, opts), lib.close())
	}
	return o.configured(c)
}

// packageNames reads names of packages. Errors: a misuse.
func packageNames(args []string) ([]pkgref.Name, error) {
	var names []pkgref.Name
	for _, text := range args {
		name, err := pkgref.ParseName(text)
		if err != nil {
			return nil, cli.Usage("%v", err)
		}
		names = append(names, name)
	}
	return names, nil
}

// verify looks at one package after the other and prints every finding as it
// comes. Errors: how much was found, or why it could not look.
func (o *settings) verify(ctx context.Context, lib verifier, names []pkgref.Name, opts registry.VerifyOptions) error {
	everything := len(names) == 0
	if everything {
		held, err := lib.verifyNames(ctx)
		if err != nil {
			return err
		}
		names = append([]pkgref.Name{""}, held...)
	}
	bar := o.bar(len(names))
	total := &registry.Verified{}
	for _, name := range names {
		bar.at(string(name))
		v, err := lib.verify(ctx, name, opts)
		if everything && errors.Is(err, outcome.NotFound) {
			continue // evicted meanwhile
		}
		if err != nil {
			bar.end()
			return fmt.Errorf("verify %s: %w", name, err)
		}
		bar.clear()
		o.verified(v)
		total.Add(v)
	}
	bar.end()
	o.print("looked at %s, %s of the view, %d bytes", count(total.Releases, "release"), count(total.Files, "file"), total.Bytes)
	return wrongness(total)
}

// verified prints what was found in one package, a line each.
func (o *settings) verified(v *registry.Verified) {
	for _, note := range v.Notes {
		o.print("note: %s", note)
	}
	for _, f := range v.Findings {
		if f.Action == "" {
			o.print("%s: %s", f.File, f.Problem)
		} else {
			o.print("%s: %s; %s", f.File, f.Problem, f.Action)
		}
	}
}

// wrongness is nil where nothing was found. Errors: plain ones.
func wrongness(v *registry.Verified) error {
	mended := 0
	for _, f := range v.Findings {
		if f.Mended {
			mended++
		}
	}
	if len(v.Findings) == 0 {
		return nil
	}
	return fmt.Errorf("%s found, %d mended", count(len(v.Findings), "problem"), mended)
}
