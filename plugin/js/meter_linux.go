package js

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadTime returns what tells how much processor time the calling thread has used since. It may be called from others.
func threadTime() func() time.Duration {
	// The clock of a thread, as clock_getres(2) and the kernel's posix-timers.h make it of its number.
	const perThread, scheduled = 4, 2
	id := int32(^unix.Gettid()<<3 | perThread | scheduled)
	read := func() (time.Duration, bool) {
		var ts unix.Timespec
		err := unix.ClockGettime(id, &ts)
		return time.Duration(ts.Nano()), err == nil
	}
	start, ok := read()
	wall := wallTime()
	return func() time.Duration {
		now, still := read()
		if !ok || !still {
			return wall()
		}
		return now - start
	}
}
