package accel

// Add counts one failure, Exceeded tells whether there were too many.
func (f *FailureLimit) Add(client string)           { f.add(client) }
func (f *FailureLimit) Exceeded(client string) bool { return f.exceeded(client) }
