package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/registryd/registryd/internal/worker"
	"github.com/registryd/registryd/templates"
)

// warn names what will hinder nginx although its configuration is right.
func (o *options) warn(in templates.Input) {
	if dir := filepath.Dir(in.Config.Nginx.CachePath); !isDir(dir) {
		o.say(fmt.Sprintf("%s does not exist, and nginx makes only the last directory of nginx.cache.path; create it or choose another path", dir))
	}
	name := in.Config.Nginx.User
	if name == "" {
		name = in.Owner
	}
	if os.Geteuid() != 0 { // the workers will be the caller
		name = worker.Caller()
	}
	if text := worker.Hindrance(name, filepath.Join(in.Config.Root.FS, "www")); text != "" {
		o.say(text)
	}
}

// isDir reports whether path is a directory.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
