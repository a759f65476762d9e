// Package e2e runs the real thing for tests and benchmarks: the built daemon
// behind a real nginx, with a fake registry upstream, all on loopback.
package e2e

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/freeport"
	"github.com/registryd/registryd/internal/syncbuf"
	"github.com/registryd/registryd/provider/providertest"
)

// patience bounds every wait.
const patience = 30 * time.Second

// AdminToken is the token of the admin routes of every stack.
const AdminToken = "e2e-token-3f9a"

// Front says what stands between the client and the daemon.
type Front string

// The fronts, which must all answer the same.
const (
	Full    Front = "full"    // nginx with the full generated set
	Include Front = "include" // nginx with the include for server{}
	Direct  Front = "direct"  // no nginx, accel: off
)

// Options of a stack.
type Options struct {
	Front    Front                  // "" is Full
	Packages []providertest.Package // of the fake registry
	// Registry takes the place of the fake one, which is not started then; "npm"
	// lets npm's own configuration say.
	Registry string
	Pub      string // URL prefix of packages; "" is /lib/
	// Config is YAML that is added to the configuration; keys of the top level
	// that the stack sets itself are listen, root, accel, providers, admin, nginx.
	Config string
	// Providers is YAML of further providers, before npm.
	Providers string
	// Nginx is YAML below nginx:. DAEMON in it is the daemon's address.
	Nginx string
	// Workers is how many processes nginx has; 0: one for each processor.
	Workers int
	// Relayed lets the daemon send the files although there is an nginx.
	Relayed bool
	// Descriptors is the soft limit that nginx starts with; 0 leaves it.
	Descriptors int
	// LogLevel of the daemon; "" is debug.
	LogLevel string
	// Env is added to the daemon's environment.
	Env []string
	// Data is the data directory; "" is one of the stack's own.
	Data string
	// Timeouts is YAML below timeouts:; "" leaves the defaults.
	Timeouts string
	// Activated opens the daemon's socket here and hands it to each daemon, as
	// systemd does for a socket unit.
	Activated bool
}

// Stack is a running daemon, with or without nginx.
type Stack struct {
	URL      string                 // of the front
	Daemon   string                 // of the daemon itself
	Dir      string                 // of this stack
	Data     string                 // root.fs
	Upstream *providertest.Registry // nil with Options.Registry
	Client   *http.Client           // follows no redirects

	t       testing.TB
	options Options
	config  string // path
	daemon  *process
	nginx   *process // nil: none
	log     *syncbuf.Buffer
	socket  *os.File // that the daemon inherits; nil: it listens by itself
}

// Start builds the binaries once and starts a stack, which the test's end stops.
func Start(t testing.TB, o Options) *Stack {
	t.Helper()
	if o.Front == "" {
		o.Front = Full
	}
	dir := t.TempDir()
	s := &Stack{
		t: t, options: o, Dir: dir, Data: cmp.Or(o.Data, filepath.Join(dir, "data")), config: filepath.Join(dir, "registryd.yaml"),
		Daemon: "http://" + freeport.Address(t), log: &syncbuf.Buffer{},
		Client: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, Transport: &http.Transport{
			MaxIdleConnsPerHost: 512, DisableCompression: true,
		}},
	}
	if o.Registry == "" {
		s.Upstream = providertest.NewRegistry(t, o.Packages...)
	}
	s.URL = s.Daemon
	if o.Front != Direct {
		s.URL = "http://" + freeport.Address(t)
	}
	s.WriteConfig(o.Config)
	if o.Activated {
		s.openSocket()
	}
	s.StartDaemon()
	if o.Front != Direct {
		s.startNginx()
	}
	t.Cleanup(s.Client.CloseIdleConnections) // before nginx is told to wait for them
	return s
}

// WriteConfig writes the configuration, with other YAML in place of
// Options.Config. The daemon sees it after a reload.
func (s *Stack) WriteConfig(extra string) {
	s.t.Helper()
	registry := s.options.Registry
	if s.Upstream != nil {
		registry = s.Upstream.URL()
	}
	npm := "  - type: npm\n"
	if registry != "npm" {
		npm += "    registry: " + registry + "\n"
	}
	accel := "nginx"
	if s.options.Front == Direct || s.options.Relayed {
		accel = "off"
	}
	if s.options.Timeouts != "" {
		extra = "timeouts: {" + s.options.Timeouts + "}\n" + extra
	}
	text := fmt.Sprintf("listen: %s\nroot: {fs: %q, pub: %s}\naccel: %s\nproviders:\n%s%sadmin: {tokens: [{id: ops, token: %s}]}\nnginx:\n  listen: %s\n%s%s",
		host(s.Daemon), s.Data, cmp.Or(s.options.Pub, "/lib/"), accel, s.options.Providers, npm, AdminToken, host(s.URL), strings.ReplaceAll(s.options.Nginx, "DAEMON", host(s.Daemon)), extra)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// ReplaceConfig changes the text of the configuration. The daemon sees it after
// a reload.
func (s *Stack) ReplaceConfig(change func(text string) string) {
	s.t.Helper()
	text, err := os.ReadFile(s.config)
	if err == nil {
		err = os.WriteFile(s.config, []byte(change(string(text))), 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func host(url string) string { return strings.TrimPrefix(url, "http://") }

// StartDaemon starts the daemon, again after KillDaemon or StopDaemon, and
// waits until it is ready.
func (s *Stack) StartDaemon() {
	s.t.Helper()
	if !s.LaunchDaemon() {
		s.t.Fatalf("the daemon does not start; it says:\n%s", s.Log())
	}
}

// LaunchDaemon starts the daemon through a command that runs another one, such
// as strace or prlimit, if wrap names one. It returns when the daemon is ready,
// with true, or has ended.
func (s *Stack) LaunchDaemon(wrap ...string) bool {
	s.t.Helper()
	level := cmp.Or(s.options.LogLevel, "debug")
	args := append(wrap, binary(s.t, "registryd"), "serve", "-c", s.config, "--set", "log.format=json", "--set", "log.level="+level)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = s.log, s.log, s.Dir
	cmd.Env = append(os.Environ(), s.options.Env...)
	if s.socket != nil {
		cmd = activate(cmd, s.socket)
	}
	s.daemon = launch(s.t, cmd, syscall.SIGTERM)
	return s.await(s.Daemon+"/-/readyz", s.daemon.ended)
}

// openSocket listens at the daemon's address until the test ends.
func (s *Stack) openSocket() {
	s.t.Helper()
	l, err := net.Listen("tcp", host(s.Daemon))
	if err != nil {
		s.t.Fatal(err)
	}
	defer l.Close()
	if s.socket, err = l.(*net.TCPListener).File(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { s.socket.Close() })
}

// activate makes cmd inherit a socket by systemd's protocol (sd_listen_fds(3)).
// The process must be told its own id, which a shell knows before it becomes cmd.
func activate(cmd *exec.Cmd, socket *os.File) *exec.Cmd {
	script := `LISTEN_PID=$$ LISTEN_FDS=1; export LISTEN_PID LISTEN_FDS; exec "$0" "$@"`
	shell := exec.Command("sh", append([]string{"-c", script}, cmd.Args...)...)
	shell.Stdout, shell.Stderr, shell.Dir, shell.Env = cmd.Stdout, cmd.Stderr, cmd.Dir, cmd.Env
	shell.ExtraFiles = []*os.File{socket}
	return shell
}

// KillDaemon ends the daemon as a power cut would end the process.
func (s *Stack) KillDaemon() { s.daemon.stop(syscall.SIGKILL) }

// StopDaemon ends the daemon as systemd would, and returns its exit code.
func (s *Stack) StopDaemon() int {
	s.daemon.stop(syscall.SIGTERM)
	return s.daemon.ProcessState.ExitCode()
}

// Ended is closed when the daemon that was started last has ended.
func (s *Stack) Ended() <-chan struct{} { return s.daemon.ended }

// Pid is that of the daemon.
func (s *Stack) Pid() int { return s.daemon.Process.Pid }

// NginxPid is that of nginx's master process. There must be an nginx.
func (s *Stack) NginxPid() int { return s.nginx.Process.Pid }

// Reload sends SIGHUP to the daemon.
func (s *Stack) Reload() { _ = s.daemon.Process.Signal(syscall.SIGHUP) } // gone: the next request tells

// Log returns what the daemon wrote so far.
func (s *Stack) Log() string { return s.log.String() }

// process is one that we started.
type process struct {
	*exec.Cmd
	ended chan struct{} // closed when it has; then ProcessState is set
}

// launch starts a process, which ends with the test by sig.
func launch(t testing.TB, cmd *exec.Cmd, sig os.Signal) *process {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: cmd, ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // the exit code is in ProcessState
	}()
	t.Cleanup(func() { p.stop(sig) })
	return p
}

// stop ends the process and waits for that.
func (p *process) stop(sig os.Signal) {
	_ = p.Process.Signal(sig) // gone already: so much the better
	<-p.ended
}

// await waits until something answers, or who should has ended.
func (s *Stack) await(url string, ended <-chan struct{}) bool {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for ctx.Err() == nil {
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
		if resp, err := s.Client.Do(req); err == nil {
			resp.Body.Close()
			return true
		}
		select {
		case <-ctx.Done():
		case <-ended:
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	s.t.Fatalf("%s does not answer; the daemon says:\n%s", url, s.Log())
	return false
}

// Answer is an HTTP answer, read whole.
type Answer struct {
	Status int         // of the answer
	Header http.Header // of the answer
	Body   []byte      // decoded by nobody
}

// Get asks the front for a path; header are pairs of key and value.
func (s *Stack) Get(path string, header ...string) Answer {
	s.t.Helper()
	a, err := s.Try(http.MethodGet, s.URL+path, header...)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// Try sends a request without a body to an absolute URL. Errors: those of the
// transport.
func (s *Stack) Try(method, url string, header ...string) (Answer, error) {
	return s.Send(method, url, nil, header...)
}

// Send sends a request to an absolute URL; header are pairs of key and value.
// Errors: those of the transport.
func (s *Stack) Send(method, url string, body []byte, header ...string) (Answer, error) {
	req, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.Client.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return Answer{resp.StatusCode, resp.Header, data}, err
}

// Admin sends a request to the admin routes of the daemon.
func (s *Stack) Admin(method, path string) Answer {
	s.t.Helper()
	a, err := s.Try(method, s.Daemon+"/staff/registry/"+path, "Authorization", "Bearer "+AdminToken)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}

// Command runs registryd with arguments and returns what it printed.
func (s *Stack) Command(args ...string) (string, error) {
	s.t.Helper()
	cmd := exec.Command(binary(s.t, "registryd"), args...)
	cmd.Dir = s.Dir
	cmd.Env = append(os.Environ(), "REGISTRYD_SERVER="+s.Daemon, "REGISTRYD_TOKEN="+AdminToken)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
