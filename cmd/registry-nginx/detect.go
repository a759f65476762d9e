package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/templates"
)

// patience is how long nginx may take for -V or -t.
const patience = 30 * time.Second

// systemDirs are where systems keep servers, which are not in everybody's PATH.
var systemDirs = []string{"/usr/sbin", "/usr/local/sbin"}

// usualNginx is the nginx in PATH, else the first in dirs.
func usualNginx(dirs ...string) string {
	const name = "nginx"
	if _, err := exec.LookPath(name); err == nil {
		return name
	}
	for _, dir := range dirs {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return name
}

// detect asks the nginx binary what it is. One that is not there is no error:
// the configuration may be for another machine.
func (o *options) detect(c *config.Config) templates.Build {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, o.nginx, "-V").CombinedOutput()
	if err == nil {
		return parseBuild(string(out), isFile)
	}
	if c.Nginx.Version == "" || len(c.Nginx.Modules) == 0 {
		o.say(fmt.Sprintf("%s -V: %v; assuming a common build without brotli, "+
			"set nginx.version and nginx.modules to say otherwise", o.nginx, err))
	}
	return templates.Build{}
}

// parseBuild reads the output of nginx -V. exists tells which module files are
// there.
func parseBuild(text string, exists func(string) bool) templates.Build {
	b := templates.Build{Modules: []templates.Module{}}
	if m := regexp.MustCompile(`nginx/(\d+\.\d+\.\d+)`).FindStringSubmatch(text); m != nil {
		b.Version = m[1]
	}
	dir := ""
	for _, field := range strings.Fields(text) {
		name, value, _ := strings.Cut(field, "=")
		switch {
		case name == "--modules-path":
			dir = value
		case name == "--add-module":
			b.Modules = append(b.Modules, addedModules(value)...)
		case strings.HasPrefix(name, "--with-http_") && value != "dynamic":
			b.Modules = append(b.Modules, templates.Module{Name: templates.ModuleName(strings.TrimPrefix(name, "--with-"))})
		case strings.HasPrefix(name, "--without-http_"):
			b.Without = append(b.Without, templates.ModuleName(strings.TrimPrefix(name, "--without-")))
		}
	}
	path := filepath.Join(dir, "ngx_http_brotli_static_module.so")
	if dir != "" && exists(path) {
		b.Modules = append(b.Modules, templates.Module{Name: "brotli_static", Path: path})
	}
	return b
}

// addedModules tells the modules of a source directory that was compiled in.
func addedModules(dir string) []templates.Module {
	if strings.Contains(filepath.Base(dir), "brotli") {
		return []templates.Module{{Name: "brotli_static"}}
	}
	return nil
}

// isFile reports whether path is a regular file.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// runTest lets nginx read what was written. nginx creates its temporary
// directories while it tests, as it would when it starts.
func (o *options) runTest(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, o.nginx, "-t", "-q", "-p", dir, "-c", filepath.Join(dir, "nginx.conf"))
	out, err := cmd.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		o.say(strings.TrimSpace(line))
	}
	if err != nil {
		return fmt.Errorf("%s -t: %w", o.nginx, err)
	}
	return nil
}
