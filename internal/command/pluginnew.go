package command

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/registryd/registryd/internal/cli"
	"github.com/registryd/registryd/plugin"
	"github.com/registryd/registryd/plugin/js"
)

// skeletons are new plugins, one of each type. They work as they are.
//
//go:embed skeleton
var skeletons embed.FS

var pluginTypes = []string{"js", "ts", "process"}

func (o *settings) pluginNewCommand() *cobra.Command {
	kind := "js"
	c := &cobra.Command{
		Use: "new DIRECTORY", Short: "Write a plugin to begin with", Args: cli.One,
		Long: `Writes a working plugin into a new directory, whose name is that of the plugin. It is a provider of the
packages of one scope, to be changed.`,
		Example: "  registryd plugin new plugins/acme\n  registryd plugin new plugins/acme --type ts",
		RunE: func(_ *cobra.Command, args []string) error {
			return o.newPlugin(args[0], kind)
		},
	}
	c.Flags().StringVar(&kind, "type", kind, "`TYPE` of the plugin: "+strings.Join(pluginTypes, ", "))
	_ = c.RegisterFlagCompletionFunc("type", cobra.FixedCompletions(pluginTypes, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	return c
}

func (o *settings) newPlugin(dir, kind string) error {
	if !slices.Contains(pluginTypes, kind) {
		return cli.Usage("--type %s: must be %s", kind, strings.Join(pluginTypes, ", "))
	}
	full, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	name := filepath.Base(full)
	if _, err := plugin.ParseManifest(nil, name); err != nil {
		return cli.Usage("%s: the directory gives the plugin its %v", dir, err)
	}
	if list, err := os.ReadDir(dir); err == nil && len(list) > 0 {
		return fmt.Errorf("%s is not empty: name a new directory", dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	files, err := skeleton(kind, name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(f.text), 0o644); err != nil {
			return err
		}
		o.print("%s", filepath.Join(dir, f.name))
	}
	return nil
}

type newFile struct{ name, text string }

// skeleton returns the files of a new plugin, in the order of their names.
func skeleton(kind, name string) ([]newFile, error) {
	dir := "skeleton/" + kind
	entries, err := skeletons.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []newFile
	for _, e := range entries {
		data, err := skeletons.ReadFile(dir + "/" + e.Name())
		if err != nil {
			return nil, err
		}
		files = append(files, newFile{e.Name(), strings.ReplaceAll(string(data), "{{name}}", name)})
	}
	if kind != "process" {
		files = append(files, newFile{"registryd.d.ts", js.Declarations})
	}
	return files, nil
}
