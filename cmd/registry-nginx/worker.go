package main

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/registryd/registryd/templates"
)

// owner returns the name of the user that owns dir, or of the one that will
// own it when it does not exist yet: the caller. "" is unknown.
func owner(dir string) string {
	uid := os.Geteuid()
	if info, err := os.Stat(dir); err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			uid = int(st.Uid)
		}
	}
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return ""
	}
	return u.Username
}

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
		if u, err := user.Current(); err == nil {
			name = u.Username
		}
	}
	view := filepath.Join(in.Config.Root.FS, "www")
	if dir := closedTo(name, view); dir != "" {
		o.say(fmt.Sprintf("user %s cannot enter %s, so nginx will see no file; chmod o+x it or set nginx.user", name, dir))
	}
}

// isDir reports whether path is a directory.
func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// closedTo returns the first of path's parents, or path itself, that the user
// cannot enter; "" if there is none, or if that cannot be told.
func closedTo(name, path string) string {
	u, err := user.Lookup(name)
	if err != nil || u.Uid == "0" {
		return ""
	}
	groups, err := u.GroupIds()
	if err != nil {
		groups = []string{u.Gid}
	}
	for _, dir := range parents(path) {
		info, err := os.Stat(dir)
		if err != nil {
			return ""
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && !enterable(info.Mode(), st, u.Uid, groups) {
			return dir
		}
	}
	return ""
}

// parents lists path and the directories above it, the root first.
func parents(path string) []string {
	all := []string{path}
	for path != filepath.Dir(path) {
		path = filepath.Dir(path)
		all = append(all, path)
	}
	slices.Reverse(all)
	return all
}

// enterable applies the permission bits that count for the user.
func enterable(mode os.FileMode, st *syscall.Stat_t, uid string, groups []string) bool {
	switch {
	case strconv.FormatUint(uint64(st.Uid), 10) == uid:
		return mode&0o100 != 0
	case slices.Contains(groups, strconv.FormatUint(uint64(st.Gid), 10)):
		return mode&0o010 != 0
	}
	return mode&0o001 != 0
}
