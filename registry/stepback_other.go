//go:build !linux

package registry

// stepBack does nothing where a single thread has no priority of its own.
func stepBack() {}
