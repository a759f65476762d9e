package templates_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/freeport"
	"github.com/registryd/registryd/internal/testenv"
	"github.com/registryd/registryd/templates"
)

// patience bounds every wait in these tests.
const patience = 30 * time.Second

// usual are the modules that every distribution builds in.
func usual() []templates.Module {
	return []templates.Module{{Name: "gzip_static"}, {Name: "auth_request"}, {Name: "ssl"}, {Name: "v2"}}
}

// certificate writes one for loopback, and its key.
func certificate(t testing.TB) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"cdn.test"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	must(t, err)
	secret, err := x509.MarshalECPrivateKey(private)
	must(t, err)
	dir := t.TempDir()
	for name, block := range map[string]*pem.Block{"cert": {Type: "CERTIFICATE", Bytes: der}, "key": {Type: "EC PRIVATE KEY", Bytes: secret}} {
		must(t, os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600))
	}
	return filepath.Join(dir, "cert"), filepath.Join(dir, "key")
}

// build describes the nginx at hand as far as the tests care.
func build(t testing.TB) templates.Build {
	t.Helper()
	b := templates.Build{Version: "1.22.1", Modules: usual()}
	for _, path := range []string{
		"/usr/lib/nginx/modules/ngx_http_brotli_static_module.so",
		"/usr/lib64/nginx/modules/ngx_http_brotli_static_module.so",
	} {
		if _, err := os.Stat(path); err == nil {
			b.Modules = append(b.Modules, templates.Module{Name: "brotli_static", Path: path})
		}
	}
	return b
}

// form is one of the two outputs.
type form string

const (
	full    form = "full"
	include form = "include"
)

// forms lists both, for tests that hold for either.
func forms() []form { return []form{full, include} }

// settings returns a configuration with the defaults that concern nginx.
func settings(fs string) *config.Config {
	return &config.Config{
		Listen:     []config.Address{{Network: "tcp", Address: "127.0.0.1:9900"}},
		Root:       config.Root{Pub: "/lib/", FS: fs, Internal: "/ilib/"},
		Accel:      "nginx",
		Limits:     config.Limits{Body: 64 << 20},
		Timeouts:   config.Timeouts{Total: 5 * time.Minute},
		Components: &config.Components{Prefix: "/api/components/"},
		Modules:    &config.Modules{Prefix: "/api/modules/"},
		Admin:      &config.Admin{Prefix: "/staff/registry/"},
		Nginx: config.Nginx{
			Listen: "8080", ServerName: "localhost", Upstream: "registryd",
			OpenFiles: 20000, CacheName: "registryd", CachePeriod: time.Minute,
			CachePath: filepath.Join(fs, "nginx-cache"), GzipStatic: true, BrotliStatic: "auto",
		},
	}
}

// site is a running nginx in front of a fake daemon.
type site struct {
	t       testing.TB
	addr    string
	fs      string // root.fs
	pub     string
	daemon  *daemon
	command *exec.Cmd
}

// siteOptions vary a site.
type siteOptions struct {
	change  func(*config.Config)
	nofile  int    // soft limit of descriptors nginx starts with; 0 leaves it
	front   string // directory of the front page
	network string // of the daemon; "" is tcp
	linked  bool   // root.fs is a link of another owner, which needs root
	around  string // what server{} says beside the include
}

// start runs nginx on a free loopback port until the test ends.
func start(t testing.TB, f form, o siteOptions) *site {
	t.Helper()
	binary := testenv.Nginx(t)
	dir := t.TempDir()
	s := &site{t: t, fs: filepath.Join(dir, "data"), addr: freeport.Address(t)}
	if o.linked {
		must(t, os.Mkdir(s.fs+"-real", 0o755))
		must(t, os.Symlink(s.fs+"-real", s.fs))
		must(t, os.Lchown(s.fs, 12345, 12345))
	}
	c := settings(s.fs)
	c.Nginx.Listen = s.addr
	if o.change != nil {
		o.change(c)
	}
	s.pub = c.Root.Pub
	s.daemon = newDaemon(t, c, o.network)
	c.Listen = []config.Address{s.daemon.address()}
	must(t, os.MkdirAll(filepath.Join(s.fs, "www"), 0o755))
	conf := filepath.Join(dir, "conf")
	must(t, os.MkdirAll(conf, 0o755))
	in := templates.Input{Config: c, Dir: conf, Front: o.front, MaxFiles: maxFiles(t), Build: build(t)}
	if os.Geteuid() == 0 {
		in.Owner = "root" // the test's directories are closed to others
	}
	writeForm(t, f, in, o.around)
	s.run(binary, conf, o.nofile)
	return s
}

// maxFiles is the most descriptors that nginx may be given here.
func maxFiles(t testing.TB) int {
	t.Helper()
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	return int(limit.Max)
}

// writeForm writes what nginx will read. around is put into server{}.
func writeForm(t testing.TB, f form, in templates.Input, around string) {
	t.Helper()
	files, err := templates.Render(in)
	must(t, err)
	if f == include {
		files = wrap(t, in)
	}
	files[0].Data = bytes.Replace(files[0].Data, []byte("listen "), []byte(around+"\nlisten "), 1)
	for _, file := range files {
		must(t, os.WriteFile(filepath.Join(in.Dir, file.Name), file.Data, 0o644))
	}
}

// wrap puts the server-only form into somebody's own nginx.conf.
func wrap(t testing.TB, in templates.Input) []templates.File {
	t.Helper()
	text, err := templates.Include(in)
	must(t, err)
	var b bytes.Buffer
	for _, m := range in.Build.Modules {
		if m.Path != "" {
			fmt.Fprintf(&b, "load_module %q;\n", m.Path)
		}
	}
	if in.Owner != "" {
		fmt.Fprintf(&b, "user %s;\n", in.Owner)
	}
	fmt.Fprintf(&b, "worker_processes 2;\npid nginx.pid;\nerror_log error.log warn;\npcre_jit on;\n"+
		"events { worker_connections 512; }\nhttp {\naccess_log off;\n")
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&b, "%s_temp_path %s_temp;\n", name, name)
	}
	// What the include's own comment asks for, taken from there.
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "#"))
		for _, word := range []string{"map ", "upstream ", "proxy_cache_path ", "max_size=", "limit_req_zone "} {
			if strings.HasPrefix(line, word) {
				b.WriteString(line + "\n")
			}
		}
		if strings.HasPrefix(line, "location") {
			break
		}
	}
	fmt.Fprintf(&b, "server {\nlisten %s;\ninclude include.conf;\n", in.Config.Nginx.Listen)
	if in.Config.Root.Pub != "/" {
		b.WriteString("location / { return 404; }\n")
	}
	b.WriteString("}\n}\n")
	return []templates.File{{Name: "nginx.conf", Data: b.Bytes()}, {Name: "include.conf", Data: text}}
}

// run starts nginx and stops it when the test ends.
func (s *site) run(binary, conf string, nofile int) {
	s.t.Helper()
	args := []string{binary, "-p", conf, "-c", filepath.Join(conf, "nginx.conf"), "-g", "daemon off;"}
	if nofile > 0 {
		args = append([]string{"sh", "-c", fmt.Sprintf(`ulimit -S -n %d; exec "$@"`, nofile), "sh"}, args...)
	}
	s.command = exec.Command(args[0], args[1:]...)
	var out bytes.Buffer
	s.command.Stdout, s.command.Stderr = &out, &out
	must(s.t, s.command.Start())
	done := make(chan error, 1)
	go func() { done <- s.command.Wait() }()
	s.t.Cleanup(func() {
		_ = s.command.Process.Signal(syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(patience):
			_ = s.command.Process.Kill()
		}
		if s.t.Failed() {
			log, _ := os.ReadFile(filepath.Join(conf, "error.log"))
			s.t.Logf("nginx said:\n%s%s", out.Bytes(), log)
		}
	})
	eventually(s.t, "nginx to listen", func() bool {
		select {
		case err := <-done:
			done <- err
			s.t.Fatalf("nginx ended: %v\n%s", err, out.Bytes())
		default:
		}
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// eventually waits until the condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// put writes a file of the view.
func (s *site) put(path, text string) string {
	s.t.Helper()
	file := filepath.Join(s.fs, "www", filepath.FromSlash(path))
	must(s.t, os.MkdirAll(filepath.Dir(file), 0o755))
	must(s.t, os.WriteFile(file, []byte(text), 0o644))
	return file
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	text string
}

// get asks for a target as it stands. Headers are lines "Name: value".
func (s *site) get(target string, headers ...string) answer {
	s.t.Helper()
	return s.ask("GET", target, "", headers...)
}

// ask sends one request over a socket of its own, byte by byte as given.
func (s *site) ask(method, target, body string, headers ...string) answer {
	s.t.Helper()
	a, err := s.try(method, target, body, headers...)
	if err != nil {
		s.t.Fatalf("%s %q: %v", method, target, err)
	}
	return a
}

// try is ask for other goroutines than the test's.
func (s *site) try(method, target, body string, headers ...string) (answer, error) {
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		return answer{}, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return answer{}, err
	}
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: cdn.test", "Connection: close"}, headers...)
	if body != "" {
		lines = append(lines, fmt.Sprintf("Content-Length: %d", len(body)))
	}
	if _, err := io.WriteString(c, strings.Join(lines, "\r\n")+"\r\n\r\n"+body); err != nil {
		return answer{}, err
	}
	r, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		return answer{}, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	return answer{r, string(text)}, err
}

// must stops the test at an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
