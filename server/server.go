// Package server is registryd as a library: a program of one's own that is
// registryd, with all its commands, and knows more types of providers.
//
//	func main() {
//		server.Main(server.Options{
//			Providers: map[string]provider.Factory{"artifacts": artifacts.New},
//		})
//	}
//
// The configuration names such a type as it does those that are built in:
//
//	providers:
//	  - {type: artifacts, settings: {url: https://artifacts.example.org}}
//
// Package provider has the contract, and package provider/providertest the tests
// that every provider should pass.
package server

import (
	"os"

	"github.com/registryd/registryd/internal/cli"
	"github.com/registryd/registryd/internal/command"
	"github.com/registryd/registryd/module"
	"github.com/registryd/registryd/provider"
)

// Options of Main. The zero value makes registryd as it is.
type Options struct {
	// Providers build providers of further types, by the type that the
	// configuration calls them: lower case letters, digits and dashes, and none
	// that is built in.
	Providers map[string]provider.Factory
	// Modules make modules written in Go, by name. They are served where the
	// configuration has modules.
	Modules map[string]module.Factory
}

// Main runs the command line of this process and ends it with its exit code: 0
// when done, 1 when it failed, 2 for a command line that makes no sense.
func Main(o Options) {
	os.Exit(command.Run(os.Args[1:], cli.Streams{Out: os.Stdout, Err: os.Stderr}, command.Own{Providers: o.Providers, Modules: o.Modules}))
}
