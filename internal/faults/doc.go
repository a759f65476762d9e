// Package faults injects faults into the running daemon and everything around
// it: the disk, upstream, the clients, the process itself. Its tests hold three
// promises: what was served before is served with the same bytes after; nothing
// partial is ever served; what could not be had is never remembered as absent.
//
// A recorder keeps the promises. It knows the bytes of every file of every
// package, looks at each answer that any test gets through it, and in the end
// asks again for everything that was ever answered.
//
// The tests with the most dangerous or the longest faults, and the long form of
// others, are built with the tag soak (make soak).
package faults
