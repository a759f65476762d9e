package plugintest

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/plugin"
)

// Host is a plugin.Host without a daemon. Its fetch knows these URLs of https://here.example: /hello answers 200
// "hello" as text/plain with the method and the header X-Asked-By in X-Echo; /gone 404; /hang waits for its context;
// everything else is refused by a *plugin.Rejection. Safe for concurrent use.
type Host struct {
	mu    sync.Mutex
	cache map[string]json.RawMessage
	lines []string
	waits int
}

// NewHost returns an empty one.
func NewHost() *Host { return &Host{cache: map[string]json.RawMessage{}} }

// Fetch is part of plugin.Host.
func (h *Host) Fetch(ctx context.Context, r *plugin.Request) (*plugin.Response, error) {
	path, ok := strings.CutPrefix(r.URL, "https://here.example")
	if !ok {
		return nil, &plugin.Rejection{Name: "Error", Message: "the manifest does not allow " + r.URL}
	}
	switch path {
	case "/hello":
		header := http.Header{"Content-Type": {"text/plain"}, "X-Echo": {cmp.Or(r.Method, "GET") + " " + r.Header.Get("X-Asked-By")}}
		return &plugin.Response{Status: http.StatusOK, Header: header, URL: r.URL, Body: []byte("hello")}, nil
	case "/gone":
		return &plugin.Response{Status: http.StatusNotFound, Header: http.Header{}, URL: r.URL}, nil
	case "/hang":
		h.waiting(1)
		defer h.waiting(-1)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, outcome.New(outcome.Unavailable, "get %s: status 500", r.URL)
}

// Open is part of plugin.Host.
func (h *Host) Open(ctx context.Context, r *plugin.Request) (string, error) {
	if _, err := h.Fetch(ctx, r); err != nil {
		return "", err
	}
	return "handle-1", nil
}

// CacheGet is part of plugin.Host.
func (h *Host) CacheGet(_ context.Context, key string) (json.RawMessage, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cache[key], nil
}

// CacheSet is part of plugin.Host.
func (h *Host) CacheSet(_ context.Context, key string, value json.RawMessage, ttl time.Duration) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cache[key] = value
	h.lines = append(h.lines, "cached "+key+" for "+ttl.String())
	return nil
}

// CacheDelete is part of plugin.Host.
func (h *Host) CacheDelete(_ context.Context, key string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.cache, key)
	return nil
}

// VerifySRI is part of plugin.Host. It takes one text for right.
func (h *Host) VerifySRI(integrity string, _ []byte) (bool, error) {
	if integrity == "" {
		return false, &plugin.Rejection{Name: "TypeError", Message: "no integrity"}
	}
	return integrity == "sha512-right", nil
}

// Log is part of plugin.Host.
func (h *Host) Log(_ context.Context, level slog.Level, message string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, level.String()+" "+message)
}

// Lines returns what was logged and cached so far.
func (h *Host) Lines() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.lines...)
}

func (h *Host) waiting(by int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waits += by
}

// Waiting returns how many fetches wait at present.
func (h *Host) Waiting() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.waits
}
