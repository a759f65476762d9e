//go:build !linux

package js

import "time"

// threadTime counts by the clock on the wall, where nobody tells the time of a thread.
func threadTime() func() time.Duration { return wallTime() }
