package plugin

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// callState is what the host keeps of one call. It travels in the context of the call.
type callState struct {
	// outer is the context of whoever made the call: a stream that the call opened outlives the call, not him.
	outer context.Context

	mu      sync.Mutex
	fetches int
	next    int
	streams map[string]*Stream
	ended   bool
}

type callKey struct{}

func withCall(ctx, outer context.Context) (context.Context, *callState) {
	s := &callState{outer: outer, streams: map[string]*Stream{}}
	return context.WithValue(ctx, callKey{}, s), s
}

func callOf(ctx context.Context) *callState {
	s, _ := ctx.Value(callKey{}).(*callState)
	return s
}

// Stream is a body that a call opened. It belongs to whoever takes it from a Result.
type Stream struct {
	Header http.Header // as upstream sent it
	URL    string      // after redirects
	// Body must be closed. Reads fail as those of fetch.Response.
	Body io.ReadCloser
}

// keep gives a stream its handle.
func (s *callState) keep(st *Stream) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return "", false
	}
	s.next++
	handle := "stream-" + strconv.Itoa(s.next)
	s.streams[handle] = st
	return handle, true
}

// count counts a request; false when it is one too many.
func (s *callState) count(limit int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetches++
	return s.fetches <= limit
}

// take hands a stream over, nil for an unknown handle.
func (s *callState) take(handle string) *Stream {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.streams[handle]
	delete(s.streams, handle)
	return st
}

// end closes what nobody took.
func (s *callState) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for _, st := range s.streams {
		_ = st.Body.Close() // nothing of it was used
	}
	s.streams = nil
}
