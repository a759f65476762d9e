package server_test

import (
	"bufio"
	"context"
	"crypto/sha512"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/registryd/registryd/provider"
	"github.com/registryd/registryd/provider/providertest"
)

const sample = "../sample/custom"

// artifacts is what the sample's provider gets packages from.
func artifacts(t *testing.T) *httptest.Server {
	t.Helper()
	widget := providertest.Package{Name: "@acme/widget", Version: "1.0.0", Files: map[string][]byte{
		"package.json": []byte(`{"name":"@acme/widget","version":"1.0.0","main":"index.js"}`), "index.js": []byte("acme\n"),
	}}
	tarball, err := widget.Archive()
	if err != nil {
		t.Fatal(err)
	}
	index := fmt.Sprintf(`{"tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {"file": "w.tgz", "integrity": %q}}}`,
		provider.SHA512(sha512.Sum512(tarball)))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer hunter2" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		switch r.URL.Path {
		case "/@acme/widget/index.json":
			_, _ = io.WriteString(w, index)
		case "/@acme/widget/w.tgz":
			_, _ = w.Write(tarball)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// build builds the sample, a module of its own.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "custom")
	c := exec.Command("go", "build", "-trimpath", "-o", binary, ".")
	c.Dir, c.Env = sample, append(os.Environ(), "CGO_ENABLED=0") // as other tests build, so that nothing is compiled twice
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// start runs the sample's daemon with its own configuration and returns where it
// listens.
func start(t *testing.T, binary, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute) // outlives t.Context, so that it ends as it should
	t.Cleanup(cancel)
	c := exec.CommandContext(ctx, binary, "serve", "-c", "registryd.yaml", "--listen", "127.0.0.1:0", "--root", t.TempDir())
	c.Dir = sample
	c.Env = append(os.Environ(), "ARTIFACTS_URL="+url, "ARTIFACTS_TOKEN=hunter2", "npm_config_registry=http://127.0.0.1:9/")
	out, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			if strings.Contains(s.Text(), "hunter2") {
				t.Errorf("the token is told: %s", s.Text())
			}
			if _, rest, ok := strings.Cut(s.Text(), "listening on"); ok {
				select {
				case lines <- rest:
				default:
				}
			}
		}
	}()
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		<-read
		if err := c.Wait(); err != nil {
			t.Errorf("the daemon ends with %v", err)
		}
	})
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(<-lines)
	if address == "" {
		t.Fatal("the daemon does not listen")
	}
	return "http://" + address
}

// TestMain_PG6 builds a program with a provider of its own, and uses it.
func TestMain_PG6(t *testing.T) {
	t.Parallel()
	binary := build(t)
	base := start(t, binary, artifacts(t).URL)
	for path, want := range map[string]string{
		"/lib/@acme/widget/1.0.0/index.js": "200 acme\n", "/lib/@acme/widget/^1/index.js": "200 acme\n",
		"/lib/@acme/none/1.0.0/index.js": "404",
	} {
		resp, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if got := fmt.Sprint(resp.StatusCode, " ", string(body)); err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %.200s %v, want %s", path, got, err, want)
		}
	}
}

// Its other commands know the type, too, and its factory's objections are told.
func TestMainCommands_PG6(t *testing.T) {
	t.Parallel()
	binary := build(t)
	c := exec.Command(binary, "check-config", "-c", "registryd.yaml")
	c.Dir = sample
	c.Env = append(os.Environ(), "ARTIFACTS_TOKEN=hunter2")
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "artifacts") || strings.Contains(string(out), "hunter2") {
		t.Errorf("check-config: %v\n%s", err, out)
	}
	file := filepath.Join(t.TempDir(), "wrong.yaml")
	if err := os.WriteFile(file, []byte("root: {fs: "+t.TempDir()+"}\nproviders: [{type: artifacts, settings: {urll: x}}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err = exec.Command(binary, "resolve", "-c", file, "@acme/widget@^1").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "wrong.yaml:2: provider artifacts: settings: urll is not known") {
		t.Errorf("a wrong setting: %v\n%s", err, out)
	}
}

// The sample's own tests, the conformance suite among them.
func TestSample_PG6(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"vet", "./..."}, {"test", "./..."}} {
		c := exec.Command("go", args...)
		c.Dir = sample
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("go %v: %v\n%s", args, err, out)
		}
	}
}
