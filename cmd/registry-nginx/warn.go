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
	if text := unreadable("nginx.private.htpasswd", in.Config.Nginx.Private.HTPasswd); text != "" {
		o.say(text)
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

// unreadable says why a file cannot be read; "" where there is none or it can.
func unreadable(key, file string) string {
	if file == "" {
		return ""
	}
	f, err := os.Open(file)
	if err != nil {
		return fmt.Sprintf("%s: %v; until it can be read nginx answers 403 to everybody", key, err)
	}
	f.Close()
	return ""
}

// isDir reports whether path is a directory.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
