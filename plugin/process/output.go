package process

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"

	"github.com/registryd/registryd/plugin"
)

const (
	maxLine = 4 << 10
	maxTail = 2 << 10
)

// logged writes lines to the log of the daemon.
type logged struct {
	host  plugin.Host
	level slog.Level
	tail  *tail // nil: nobody wants it

	mu   sync.Mutex
	rest []byte
}

// Write is part of io.Writer.
func (l *logged) Write(p []byte) (int, error) {
	if l.tail != nil {
		l.tail.add(p)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		i := bytes.IndexByte(l.rest, '\n')
		if i < 0 && len(l.rest) < maxLine {
			return len(p), nil
		}
		if i < 0 {
			i = maxLine - 1
		}
		if line := strings.TrimRight(string(l.rest[:i+1]), "\r\n"); line != "" {
			l.host.Log(context.Background(), l.level, line)
		}
		l.rest = l.rest[i+1:]
	}
}

// flush writes what has no end of line. Nothing is written after it.
func (l *logged) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if line := strings.TrimSpace(string(l.rest)); line != "" {
		l.host.Log(context.Background(), l.level, line)
	}
	l.rest = nil
}

// tail keeps the end of what was written.
type tail struct {
	mu  sync.Mutex
	end []byte
	cut bool // something was before it
}

func (t *tail) add(p []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = append(t.end, p...)
	if n := len(t.end) - maxTail; n > 0 {
		t.end, t.cut = append([]byte(nil), t.end[n:]...), true
	}
}

// String is part of fmt.Stringer.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	// Half a word is half a secret, which nobody knows again.
	if i := bytes.IndexAny(t.end, " \n"); t.cut && i >= 0 {
		return string(t.end[i+1:])
	}
	return string(t.end)
}
