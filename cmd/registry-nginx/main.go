// Command registry-nginx writes the nginx configuration of a registryd.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}
