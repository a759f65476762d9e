package server

import (
	"context"
	"io"
	"log/slog"
	"os"
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
	level  slog.LevelVar
	asJSON atomic.Bool
}

func newLogging(w io.Writer) *logging {
	shared := &logShared{}
	options := &slog.HandlerOptions{Level: &shared.level}
	return &logging{shared, slog.NewTextHandler(w, options), slog.NewJSONHandler(w, options)}
}

// configure applies the settings; without a format it is text on a terminal.
func (l *logging) configure(c config.Log, w io.Writer) {
	var level slog.Level
	if level.UnmarshalText([]byte(c.Level)) == nil {
		l.shared.level.Set(level)
	}
	asJSON := c.Format == "json"
	if c.Format == "" {
		f, ok := w.(*os.File)
		asJSON = !ok || !term.IsTerminal(int(f.Fd()))
	}
	l.shared.asJSON.Store(asJSON)
}

func (l *logging) current() slog.Handler {
	if l.shared.asJSON.Load() {
		return l.json
	}
	return l.text
}

// Enabled is part of slog.Handler.
func (l *logging) Enabled(ctx context.Context, level slog.Level) bool {
	return l.current().Enabled(ctx, level)
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
