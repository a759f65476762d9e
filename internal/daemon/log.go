package daemon

import (
	"context"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/term"

	"github.com/registryd/registryd/config"
)

// logging is a slog.Handler whose level and format a reload may change.
type logging struct {
	shared     *logShared
	text, json slog.Handler
}

type logShared struct {
	out      *lockedWriter
	terminal bool
	level    slog.LevelVar
	asJSON   atomic.Bool
}

// lockedWriter keeps the records of two handlers, and the start-up block, apart.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

// Write is part of io.Writer.
func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func newLogging(w io.Writer) *logging {
	shared := &logShared{out: &lockedWriter{w: w}}
	if f, ok := w.(*os.File); ok {
		shared.terminal = term.IsTerminal(int(f.Fd()))
	}
	options := &slog.HandlerOptions{Level: &shared.level}
	return &logging{shared, slog.NewTextHandler(shared.out, options), slog.NewJSONHandler(shared.out, options)}
}

// configure applies the settings; without a format it is text on a terminal.
func (l *logging) configure(c config.Log) {
	var level slog.Level
	if level.UnmarshalText([]byte(c.Level)) == nil {
		l.shared.level.Set(level)
	}
	l.shared.asJSON.Store(c.Format == "json" || c.Format == "" && !l.shared.terminal)
}

func (l *logging) current() slog.Handler {
	if l.shared.asJSON.Load() {
		return l.json
	}
	return l.text
}

// Enabled is part of slog.Handler.
func (l *logging) Enabled(_ context.Context, level slog.Level) bool {
	return level >= l.shared.level.Level()
}

// Handle is part of slog.Handler. Errors: those of writing.
func (l *logging) Handle(ctx context.Context, r slog.Record) error { return l.current().Handle(ctx, r) }

// WithAttrs is part of slog.Handler.
func (l *logging) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &logging{l.shared, l.text.WithAttrs(attrs), l.json.WithAttrs(attrs)}
}

// WithGroup is part of slog.Handler.
func (l *logging) WithGroup(name string) slog.Handler {
	return &logging{l.shared, l.text.WithGroup(name), l.json.WithGroup(name)}
}
