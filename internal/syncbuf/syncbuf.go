// Package syncbuf keeps what many write, for tests that read it meanwhile.
package syncbuf

import (
	"bytes"
	"sync"
)

// Buffer is a log or the output of a program. The zero value is empty. Safe for
// concurrent use.
type Buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write is part of io.Writer. It does not fail.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String returns what was written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
