//go:build !linux

package process

import "syscall"

// attributes put a process into a group of its own. That the daemon ended it learns from its standard input.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
