// Package worker tells whether nginx's worker processes can see the files that
// they are to serve. They run as a user of their own, and one directory above
// the view that this user cannot enter hides everything in it.
//
// Only owner, group and others are looked at: access control lists, and what
// else a system may have, are not. So "cannot enter" is worth a warning, and no
// reason to stop.
package worker

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// Owner returns the name of the user that owns dir, or of the one that will own
// it when it does not exist yet: the caller. "" is unknown.
func Owner(dir string) string {
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

// Caller returns the name of the user that runs this process, "" is unknown. It
// is the worker's where nginx is not started by root.
func Caller() string {
	u, err := user.LookupId(strconv.Itoa(os.Geteuid()))
	if err != nil {
		return ""
	}
	return u.Username
}

// Group returns the name of a user's primary group, which nginx must be told where
// it is not that of the user; "" is unknown.
func Group(name string) string {
	u, err := user.Lookup(name)
	if err != nil {
		return ""
	}
	g, err := user.LookupGroupId(u.Gid)
	if err != nil {
		return ""
	}
	return g.Name
}

// Known reports whether this machine has a user of that name. Without one
// nothing can be told.
func Known(name string) bool {
	_, err := user.Lookup(name)
	return err == nil
}

// Hindrance returns one sentence that names the first directory on the way to
// dir which the user cannot enter, and the remedy; "" where there is none or
// where that cannot be told.
func Hindrance(name, dir string) string {
	closed := ClosedTo(name, dir)
	if closed == "" {
		return ""
	}
	return fmt.Sprintf("user %s cannot enter %s, so nginx will see no file; chmod o+x it or set nginx.user", name, closed)
}

// ClosedTo returns the first of the directories above dir, or dir itself, that
// the user cannot enter; "" where there is none or where that cannot be told.
// Where links lead elsewhere, the directories above their target count too.
func ClosedTo(name, dir string) string {
	u, err := user.Lookup(name)
	if err != nil || u.Uid == "0" {
		return ""
	}
	groups, err := u.GroupIds()
	if err != nil {
		groups = []string{u.Gid}
	}
	for _, d := range append(parents(dir), parents(real(dir))...) {
		info, err := os.Stat(d)
		if err != nil {
			continue // not there yet, or not for us to see
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && !enterable(info.Mode(), st, u.Uid, groups) {
			return d
		}
	}
	return ""
}

// real is what of dir exists, with its links followed.
func real(dir string) string {
	for {
		if target, err := filepath.EvalSymlinks(dir); err == nil {
			return target
		}
		if dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// parents lists dir and the directories above it, the root first.
func parents(dir string) []string {
	all := []string{dir}
	for dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		all = append(all, dir)
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
