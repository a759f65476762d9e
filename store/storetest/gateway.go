package storetest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/freeport"
	"github.com/registryd/registryd/internal/syncbuf"
	"github.com/registryd/registryd/internal/testenv"
)

// Gateway is a real S3 server of a test's own on loopback, with one empty
// bucket in a directory.
type Gateway struct {
	Endpoint string // its URL
	Access   string // key that may do everything
	Secret   string // what proves it
	Bucket   string // empty at the start
	Dir      string // of the bucket
}

// Server is the program that NewGateway starts.
const Server = "versitygw"

// NewGateway starts a server, which ends with the test. Where there is none to
// start the test is skipped.
func NewGateway(t *testing.T) *Gateway {
	t.Helper()
	program := testenv.Program(t, Server)
	root := t.TempDir()
	g := &Gateway{Access: "tester", Secret: "tester-secret", Bucket: "components", Dir: filepath.Join(root, "components")}
	if err := os.Mkdir(g.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for range 5 { // somebody else may take the port before the server does
		if g.start(t, program, root) {
			return g
		}
	}
	t.Fatal("the S3 server does not start")
	return nil
}

// start reports whether the server answers.
func (g *Gateway) start(t *testing.T, program, root string) bool {
	address := freeport.Address(t)
	var out syncbuf.Buffer
	cmd := exec.Command(program, "--port", address, "--access", g.Access, "--secret", g.Secret, "--quiet", "posix", root)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-ended })
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-ended:
			t.Logf("the S3 server ended: %s", out.String())
			return false
		default:
		}
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			g.Endpoint = "http://" + address
			return true
		}
	}
	t.Logf("the S3 server does not answer: %s", out.String())
	return false
}
