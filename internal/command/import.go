package command

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/registryd/registryd/cache"
	"github.com/registryd/registryd/internal/cli"
	"github.com/registryd/registryd/internal/daemon"
	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/registry"
)

// importWorkers is how many packages are taken over at once.
const importWorkers = 4

func (o *settings) importCommand() *cobra.Command {
	im := &importer{}
	c := &cobra.Command{
		Use: "import DIR", Short: "Take over the packages of another cache, verified", Args: cli.One,
		Long: `Takes over a directory in which another program kept packages, as
DIR/<name>/<version>/…. Nothing in it is believed: what it has is fetched anew from upstream,
and files that differ from that are named. A main that is a link to a version becomes a pin; one
that is a directory is copied as it is. DIR is not changed. It works on the data directory alone,
which no daemon may hold then. Exits with 1 when something was left out.`,
	}
	c.Flags().BoolVar(&im.dry, "dry-run", false, "fetch and change nothing, only tell")
	c.Flags().BoolVar(&im.lenient, "lenient", false, "do not fail because of what upstream does not have or a rule denies")
	c.RunE = func(c *cobra.Command, args []string) error {
		tree, err := cache.OpenTree(args[0])
		if err != nil {
			return err
		}
		defer tree.Close()
		packages, odd, err := tree.Packages()
		if err != nil {
			return err
		}
		if len(packages) == 0 {
			return fmt.Errorf("%s holds no packages, as <name>/<version>/…", tree.Path())
		}
		s, err := o.alone(c.Context())
		if err != nil {
			return err
		}
		im.o, im.tree, im.r = o, tree, s.Registry()
		for _, text := range odd {
			im.left(text, registry.LeftOut{Why: outcome.New(outcome.Invalid, "is no package")})
		}
		return errors.Join(im.run(c.Context(), packages), s.Close())
	}
	return o.configured(c)
}

// importer takes over one tree. What it counts is under mu.
type importer struct {
	o            *settings
	r            *registry.Registry
	tree         *cache.Tree
	dry, lenient bool

	mu                            sync.Mutex
	releases, same, differ, empty int
	mains, out, trouble           int // out includes trouble
}

// run takes over all packages, some at a time, and goes on after a failure.
// Errors: how much was left out; all of it was named already.
func (im *importer) run(ctx context.Context, packages []cache.TreePackage) error {
	bar := im.o.bar(len(packages))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(importWorkers)
	for _, p := range packages {
		group.Go(func() error {
			done, err := im.r.Import(ctx, im.tree, p, im.dry)
			im.mu.Lock()
			defer im.mu.Unlock()
			bar.clear()
			im.report(done)
			bar.at(string(p.Name))
			return err
		})
	}
	err := group.Wait()
	bar.end()
	im.sum(len(packages))
	if err != nil {
		return err
	}
	if im.out > 0 && (!im.lenient || im.trouble > 0) {
		return fmt.Errorf("%d left out, %d of them may be there at another try", im.out, im.trouble)
	}
	return nil
}

// report prints what became of one package, a line for each thing worth saying.
func (im *importer) report(done *registry.Imported) {
	im.releases += len(done.Releases)
	im.same += done.Same
	im.differ += len(done.Differs)
	im.empty += done.Empty
	if done.Main != "" {
		im.mains++
		im.o.print("%s: main %s", done.Name, done.Main)
	}
	for _, line := range done.Differs {
		im.o.print("%s/%s", done.Name, line)
	}
	for _, l := range done.LeftOut {
		im.left(done.Name, l)
	}
}

func (im *importer) left(name string, l registry.LeftOut) {
	im.out++
	if !l.Final() {
		im.trouble++
	}
	if l.What != "" {
		name += "/" + l.What
	}
	im.o.print("left out: %s: %v", name, l.Why)
}

func (im *importer) sum(packages int) {
	verb := "took over"
	if im.dry {
		verb = "would take over"
	}
	im.o.print("%s %s of %s, and %s; %s as upstream has them, %d not; %d left out, %s without files passed over", verb,
		count(im.releases, "release"), count(packages, "package"), count(im.mains, "main"), count(im.same, "file"), im.differ,
		im.out, count(im.empty, "version"))
}

// alone opens the data directory, which is locked meanwhile. Errors: as
// daemon.New.
func (o *settings) alone(ctx context.Context) (*daemon.Server, error) {
	opts := o.options()
	opts.Load = o.loadQuietly
	s, err := daemon.New(ctx, opts)
	if err != nil {
		return nil, err
	}
	for _, note := range s.Notes() {
		o.streams.Say("registryd", note)
	}
	return s, nil
}
