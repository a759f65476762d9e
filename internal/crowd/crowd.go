// Package crowd lets many do the same at once, for as long as a test wants it.
package crowd

import "sync"

// Start calls do over and over in n goroutines; each call is told which of them
// it is in and how often that has called before. stop returns once no call runs
// any more.
func Start(n int, do func(client, turn int)) (stop func()) {
	done := make(chan struct{})
	var all sync.WaitGroup
	for client := range n {
		all.Go(func() {
			for turn := 0; ; turn++ {
				select {
				case <-done:
					return
				default:
					do(client, turn)
				}
			}
		})
	}
	return func() {
		close(done)
		all.Wait()
	}
}
