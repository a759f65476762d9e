package provider

import (
	"context"
	"sync"

	"github.com/registryd/registryd/internal/outcome"
)

// Session holds what belongs to one request, from its first question to a provider until the bytes are there: a
// provider that can be replaced meanwhile answers all of it by what it was when the request began. Safe for
// concurrent use.
type Session struct {
	mu    sync.Mutex
	kept  map[any]held // nil as long as nothing is, which is so for most requests
	ended bool
}

type held struct {
	value   any
	release func()
}

type sessionKey struct{}

// inSession is a context and its session in one piece.
type inSession struct {
	context.Context
	session Session
}

func (c *inSession) Value(key any) any {
	if key == (sessionKey{}) {
		return &c.session
	}
	return c.Context.Value(key)
}

// WithSession returns a context with a session, that of ctx where it has one. The caller calls end when the request
// is over.
func WithSession(ctx context.Context) (with context.Context, end func()) {
	if SessionOf(ctx) != nil {
		return ctx, func() {}
	}
	c := &inSession{Context: ctx}
	return c, c.session.end
}

// SessionOf returns the session of a context, nil without one.
func SessionOf(ctx context.Context) *Session {
	s, _ := ctx.Value(sessionKey{}).(*Session)
	return s
}

// Keep returns what is kept under key, made by make where there is nothing yet; release is called when it is dropped
// or the session ends. Errors: what make returned; outcome.Unavailable after the end.
func (s *Session) Keep(key any, make func() (value any, release func(), err error)) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h, ok := s.kept[key]; ok {
		return h.value, nil
	}
	if s.ended {
		return nil, outcome.New(outcome.Unavailable, "the request is over") // nobody would release it
	}
	value, release, err := make()
	if err != nil {
		return nil, err
	}
	if s.kept == nil {
		s.kept = map[any]held{}
	}
	s.kept[key] = held{value, release}
	return value, nil
}

// Drop releases what is kept under key before the session ends.
func (s *Session) Drop(key any) {
	s.mu.Lock()
	h, ok := s.kept[key]
	delete(s.kept, key)
	s.mu.Unlock()
	if ok {
		h.release()
	}
}

func (s *Session) end() {
	s.mu.Lock()
	all := s.kept
	s.kept, s.ended = nil, true
	s.mu.Unlock()
	for _, h := range all {
		h.release()
	}
}
