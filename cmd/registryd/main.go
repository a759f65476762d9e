// Command registryd is the daemon, and the commands that go with it.
package main

import "github.com/registryd/registryd/server"

func main() { server.Main(server.Options{}) }
