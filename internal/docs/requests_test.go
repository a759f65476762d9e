package docs_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/syncbuf"
)

// serve runs the daemon as the README does for packages from a directory, on a
// socket and a directory of the test's own, and returns a client for it.
func serve(t *testing.T, args ...string) *http.Client {
	t.Helper()
	dir, err := os.MkdirTemp("", "docs") // short: the system bounds the path of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	args = append([]string{"serve", "-c", "sample/local.yaml", "--root", filepath.Join(dir, "data"), "--listen", "unix:" + socket}, args...)
	var said syncbuf.Buffer
	cmd := exec.Command(filepath.Join(bin, "registryd"), args...)
	cmd.Dir, cmd.Stderr = root, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may be gone
		if err := cmd.Wait(); err != nil {
			t.Errorf("the daemon ended with %v\n%s", err, said.String())
		}
	})
	client := &http.Client{
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       time.Minute,
	}
	ready(t, client, &said)
	return client
}

// ready waits for the daemon, at most a minute.
func ready(t *testing.T, client *http.Client, said *syncbuf.Buffer) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for {
		if resp, err := client.Get("http://daemon/-/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-late:
			t.Fatalf("the daemon is not ready\n%s", said.String())
		case <-tick.C:
		}
	}
}

// get sends one request whose path is not touched on the way.
func get(t *testing.T, client *http.Client, path string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://daemon"+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp
}

// TestRequests sends the requests of the README's table.
func TestRequests(t *testing.T) {
	t.Parallel()
	rows := table(t, read(t, "README.md"), "request", "status", "leads to")
	if len(rows) < 10 {
		t.Fatalf("only %d requests were found", len(rows))
	}
	for mode, args := range map[string][]string{"behind nginx": nil, "alone": {"--accel", "off"}} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			client := serve(t, args...)
			for _, row := range rows {
				resp := get(t, client, row[0])
				if strconv.Itoa(resp.StatusCode) != row[1] || resp.Header.Get("Location") != row[2] {
					t.Errorf("%s: %d %s, the README says %s %s", row[0], resp.StatusCode, resp.Header.Get("Location"), row[1], row[2])
				}
			}
		})
	}
}

func TestHealthRoutes(t *testing.T) {
	t.Parallel()
	client := serve(t)
	for path := range matches("`(/-/[a-z]+)`", read(t, "README.md")) {
		if resp := get(t, client, path); resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}

// TestFiles compares the tables of the data directory with what a daemon makes.
func TestFiles(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for _, row := range table(t, read(t, "README.md"), "path", "holds", "may be lost") {
		first, _ := filepath.Split(row[0])
		if first = filepath.Clean(first); filepath.Dir(first) != "." {
			first = filepath.Dir(first)
		}
		documented[first] = true
	}
	dir := filepath.Join(t.TempDir(), "data")
	out, code := run(t, "registryd", "warm", "-c", "sample/local.yaml", "--root", dir, "@acme/hello@1.1.0")
	if code != 0 {
		t.Fatalf("warm: exit code %d\n%s", code, out)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%d entries: %v", len(entries), err)
	}
	for _, e := range entries {
		if !documented[e.Name()] {
			t.Errorf("the data directory has %s, which README.md does not list", e.Name())
		}
		delete(documented, e.Name())
	}
	delete(documented, "nginx-cache") // nginx makes it
	for name := range documented {
		t.Errorf("README.md lists %s, which the data directory does not have", name)
	}
}
