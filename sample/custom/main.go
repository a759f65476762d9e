// Command custom is registryd with one more type of providers, artifacts, and
// everything else as it was.
package main

import (
	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/server"
)

func main() {
	server.Main(server.Options{Providers: map[string]provider.Factory{"artifacts": New}})
}
