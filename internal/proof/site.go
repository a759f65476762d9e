package proof

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/worker"
	"github.com/registryd/registryd/templates"
)

// site is a running nginx in front of a backend.
type site struct {
	options Options
	config  *config.Config // what nginx was given
	dir     string         // holds everything
	addr    string         // where nginx listens
	pub     string
	daemon  *backend
	process *os.Process
	ended   chan struct{} // closed when nginx has ended
	said    *bytes.Buffer // what nginx printed; read it after ended
}

// start renders the configuration and starts nginx with it, below dir.
// maxFiles is the most descriptors that a worker is given; 0 is what the input
// says.
func start(ctx context.Context, o Options, dir string, maxFiles int) (*site, error) {
	s := &site{options: o, dir: dir, ended: make(chan struct{}), said: &bytes.Buffer{}}
	if maxFiles > 0 {
		s.options.Input.MaxFiles = maxFiles
	}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	if err := errors.Join(s.enterable(), s.write()); err != nil {
		s.daemon.close()
		return nil, err
	}
	if err := s.launch(ctx); err != nil {
		s.daemon.close()
		return nil, err
	}
	return s, nil
}

// prepare makes the directories and the backend, and puts them into a copy of
// the configuration.
func (s *site) prepare() error {
	c := *s.options.Input.Config
	c.Root.FS = filepath.Join(s.dir, "data")
	for _, d := range []string{s.dir, c.Root.FS, filepath.Join(c.Root.FS, "www"), filepath.Join(c.Root.FS, "state"), s.conf()} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(d, 0o755); err != nil { // the worker may be somebody else
			return err
		}
	}
	c.Nginx.CachePath = filepath.Join(c.Root.FS, "nginx-cache")
	c.Nginx.LimitReq = config.LimitReq{}
	var err error
	if s.addr, err = freeAddress(); err != nil {
		return err
	}
	c.Nginx.Listen = s.addr
	s.pub = c.Root.Pub
	if s.daemon, err = newBackend(&c); err != nil {
		return err
	}
	c.Listen = []config.Address{{Network: "tcp", Address: s.daemon.addr()}}
	c.Nginx.Nodes = s.daemon.nodes()
	if strings.Contains(c.Nginx.Upstream, ":") {
		c.Nginx.Upstream = s.daemon.addr()
	}
	s.config = &c
	return nil
}

// enterable fails where nginx's worker cannot get at the files of the check, such
// as below a directory for temporary files that is for one user alone: every
// statement would fail, and the configuration be blamed.
func (s *site) enterable() error {
	if os.Geteuid() != 0 { // the workers will be the caller
		return nil
	}
	name := cmp.Or(s.config.Nginx.User, s.options.Input.Owner)
	if closed := worker.ClosedTo(name, s.config.Root.FS); closed != "" {
		return fmt.Errorf("nginx's worker, user %s, cannot enter %s, where the files of the check are; set TMPDIR to a directory that it can", name, closed)
	}
	return nil
}

// conf is the directory of nginx's configuration, which is its prefix too.
func (s *site) conf() string { return filepath.Join(s.dir, "conf") }

// freeAddress returns a loopback address that was free a moment ago.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// write renders what nginx will read.
func (s *site) write() error {
	in := s.options.Input
	in.Config, in.Dir, in.Front = s.config, s.conf(), ""
	files, err := templates.Render(in)
	if err != nil {
		return err
	}
	if s.options.Inline {
		if files, err = surround(in, files); err != nil {
			return err
		}
	}
	for _, f := range files {
		if s.options.alter != nil {
			f.Data = []byte(s.options.alter(string(f.Data)))
		}
		// Tokens may be in any of them, and nginx reads them as who starts it.
		if err := os.WriteFile(filepath.Join(s.conf(), f.Name), f.Data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// surround lays somebody's own nginx.conf around the server-only form, with
// what its comment asks for in http{}.
func surround(in templates.Input, full []templates.File) ([]templates.File, error) {
	text, err := templates.Include(in)
	if err != nil {
		return nil, err
	}
	main := string(full[0].Data)
	before, rest, _ := strings.Cut(main, "    include ")
	_, server, _ := strings.Cut(rest, "\n")
	server = strings.Replace(server, "registryd.server.conf", "include.conf", 1)
	return []templates.File{
		{Name: "nginx.conf", Data: []byte(before + wanted(string(text)) + server)},
		{Name: "include.conf", Data: text},
	}, nil
}

// wanted is the part of the include's first comment that belongs into http{}:
// its indented lines up to those for the main part.
func wanted(include string) string {
	var b strings.Builder
	for line := range strings.Lines(include) {
		if strings.Contains(line, "main part") || !strings.HasPrefix(line, "#") {
			break
		}
		if inner, ok := strings.CutPrefix(line, "#   "); ok {
			b.WriteString(inner)
		}
	}
	return b.String()
}

// launch starts nginx and waits until it listens.
func (s *site) launch(ctx context.Context) error {
	cmd := exec.Command(s.options.Nginx, "-p", s.conf(), "-c", filepath.Join(s.conf(), "nginx.conf"), "-g", "daemon off;")
	cmd.Stdout, cmd.Stderr = s.said, s.said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its workers can be ended with it, and by us alone
	cmd.WaitDelay = patience / 6                          // whoever else keeps its output open is not waited for
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start nginx: %w", err)
	}
	s.process = cmd.Process
	go func() {
		_ = cmd.Wait() // what it printed says more
		close(s.ended)
	}()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := until(ctx, func() (bool, error) {
		select {
		case <-s.ended:
			return false, fmt.Errorf("nginx does not start: %s", strings.TrimSpace(s.said.String()))
		default:
		}
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			c.Close()
		}
		return err == nil, nil
	})
	if err != nil {
		s.end()
	}
	return err
}

// until asks again and again until it holds, fails, or ctx ends.
func until(ctx context.Context, holds func() (bool, error)) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := holds(); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// stop ends nginx and the backend.
func (s *site) stop() {
	s.end()
	s.daemon.close()
}

// end ends nginx, and waits for it. A master that is killed leaves its workers
// behind; hence all of them.
func (s *site) end() {
	_ = s.process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(patience / 3):
		_ = syscall.Kill(-s.process.Pid, syscall.SIGKILL)
		<-s.ended
	}
}

// put writes a file of the view by its URL.
func (s *site) put(path, text string) error {
	return write(filepath.Join(s.config.Root.FS, "www", filepath.FromSlash(s.pub+path)), text)
}

// write makes a file that nginx's worker can read, and the directories above.
func write(file, text string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}
