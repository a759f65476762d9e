package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/registryd/registryd/internal/testenv"
)

// startNginx generates the configuration and starts nginx with it.
func (s *Stack) startNginx() {
	s.t.Helper()
	nginx := testenv.Nginx(s.t)
	dir := filepath.Join(s.Dir, "nginx")
	generate := exec.Command(binary(s.t, "registry-nginx"), "-c", s.config, "-o", dir, "--nginx", nginx)
	generate.Env = append(os.Environ(), s.options.Env...)
	if out, err := generate.CombinedOutput(); err != nil {
		s.t.Fatalf("registry-nginx: %v\n%s", err, out)
	}
	conf := filepath.Join(dir, "nginx.conf")
	if n := s.options.Workers; n > 0 {
		s.setWorkers(conf, n)
	}
	if s.options.Front == Include {
		conf = s.wrapInclude(nginx, dir)
	}
	args := []string{nginx, "-p", dir, "-c", conf, "-g", "daemon off;"}
	if n := s.options.Descriptors; n > 0 {
		args = append([]string{"/bin/sh", "-c", `ulimit -Sn "$0" && exec "$@"`, strconv.Itoa(n)}, args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = s.log, s.log
	s.nginx = launch(s.t, cmd, syscall.SIGQUIT)
	if !s.await(s.URL+"/", s.nginx.ended) {
		s.t.Fatalf("nginx does not start:\n%s", s.Log())
	}
}

// setWorkers changes how many processes a written nginx.conf starts.
func (s *Stack) setWorkers(conf string, n int) {
	s.t.Helper()
	text, err := os.ReadFile(conf)
	if err != nil {
		s.t.Fatal(err)
	}
	all := "worker_processes auto;"
	if !strings.Contains(string(text), all) {
		s.t.Fatalf("%s has no %q", conf, all)
	}
	few := strings.Replace(string(text), all, fmt.Sprintf("worker_processes %d;", n), 1)
	if err := os.WriteFile(conf, []byte(few), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// wrapInclude lays somebody's nginx.conf around the include.
func (s *Stack) wrapInclude(nginx, dir string) string {
	s.t.Helper()
	generate := exec.Command(binary(s.t, "registry-nginx"), "-c", s.config, "--nginx", nginx)
	generate.Env = append(os.Environ(), s.options.Env...)
	text, err := generate.Output()
	if err != nil {
		s.t.Fatalf("registry-nginx: %v", err)
	}
	include := filepath.Join(dir, "include.conf")
	if err := os.WriteFile(include, text, 0o600); err != nil {
		s.t.Fatal(err)
	}
	full, err := os.ReadFile(filepath.Join(dir, "nginx.conf"))
	if err != nil {
		s.t.Fatal(err)
	}
	// What somebody has who includes one file: modules and user as in the full
	// set, and what the include's comments ask for in http{}.
	head, _, _ := strings.Cut(string(full), "http {")
	conf := filepath.Join(dir, "somebody.conf")
	body := fmt.Sprintf("%shttp {\nupstream registryd { server %s; keepalive 32; }\n"+
		"proxy_cache_path %s/somebody-cache levels=1:2 keys_zone=registryd:1m;\naccess_log off;\n"+
		"server {\nlisten %s;\nserver_name localhost;\ninclude %q;\nlocation / { return 404; }\n}\n}\n",
		head, host(s.Daemon), dir, host(s.URL), include)
	if err := os.WriteFile(conf, []byte(body), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return conf
}
