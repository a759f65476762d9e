package main

import (
	"fmt"
	"syscall"

	"github.com/registryd/registryd/config"
)

// few is how many descriptors are too few to go on without a word.
const few = 8192

// maxFiles returns the most descriptors that an nginx started like this
// process could be given; 0 is "as many as it asks for". The output stays
// within them; the user hears of it where they are few.
func (o *options) maxFiles(c *config.Config) int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	// Two for each cached file and some for connections: what is asked for.
	wanted := 2*uint64(c.Nginx.OpenFiles) + 4096
	if limit.Max >= wanted || raisable(limit.Max, wanted) {
		return 0
	}
	if o.output != "" && limit.Max < few {
		o.say(fmt.Sprintf("a process here may have %d descriptors, too few for nginx.open_files %d; fewer files are kept open",
			limit.Max, c.Nginx.OpenFiles))
	}
	return int(limit.Max)
}

// raisable reports whether the hard limit can be raised, by doing so: it holds
// for this process alone, which is about to end.
func raisable(hard, wanted uint64) bool {
	return syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: hard, Max: wanted}) == nil
}
