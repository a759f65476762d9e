// Command registryd is the daemon, and the commands that go with it.
package main

import (
	"os"

	"github.com/registryd/registryd/internal/cli"
)

func main() {
	os.Exit(run(os.Args[1:], cli.Streams{Out: os.Stdout, Err: os.Stderr}))
}
