// Command registry-nginx writes the nginx configuration of a registryd.
package main

import (
	"os"

	"github.com/registryd/registryd/internal/cli"
)

func main() {
	os.Exit(run(os.Args[1:], cli.Streams{Out: os.Stdout, Err: os.Stderr}))
}
