package plugintest

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
)

// Program lets a test binary be a plugin: where a daemon started it as one, it
// serves what answers returns until its standard input ends, and does not come
// back. It is the first call of TestMain.
func Program(answers func() http.Handler) {
	socket := os.Getenv("REGISTRYD_PLUGIN_SOCKET")
	if socket == "" {
		return
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go http.Serve(l, answers()) //nolint:errcheck // it ends with the process
	_, _ = io.Copy(io.Discard, os.Stdin)
	syscall.Exit(0) // os.Exit takes a second where races are looked for
}
