//go:build !linux

package process

import "syscall"

// attributes put a process into a group of its own. That the daemon ended it learns from its standard input.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// awaitEnd reports that nothing is known of the end of a process without taking its record.
func awaitEnd(int) bool { return false }
