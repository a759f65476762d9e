// Command configdoc writes what is generated from the table of configuration
// keys: the reference inside README.md and sample/registryd.schema.json.
package main

import (
	"flag"
	"io"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stderr)) }

// run returns the exit code: 0 done, 1 failed, 2 usage.
func run(args []string, stderr io.Writer) int {
	flags := flag.NewFlagSet("configdoc", flag.ContinueOnError)
	flags.SetOutput(stderr)
	root := flags.String("root", ".", "top of the source tree")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if err := write(*root); err != nil {
		_, _ = io.WriteString(stderr, "configdoc: "+err.Error()+"\n")
		return 1
	}
	return 0
}
