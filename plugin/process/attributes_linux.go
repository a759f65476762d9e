package process

import "syscall"

// attributes put a process into a group of its own, and end it when the daemon ends, however that comes about.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
