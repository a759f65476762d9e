package proof

import "time"

// Break returns options under which every generated file is changed before
// nginx reads it, nobody waits for long, and only statements that begin so are
// looked at.
func Break(o Options, only string, alter func(text string) string) Options {
	o.alter, o.soon, o.only = alter, time.Second, only
	return o
}
