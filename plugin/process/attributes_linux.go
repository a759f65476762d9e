package process

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes put a process into a group of its own, and end it when the daemon ends, however that comes about.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitEnd waits for the end of a process and leaves its record: until that is taken, nobody else gets its number.
func awaitEnd(pid int) bool {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR { //nolint:errorlint // what the system returns is never wrapped
			return err == nil
		}
	}
}
