package daemon

import (
	"context"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

const (
	minPlaces, maxPlaces = 8, 1 << 16
	// crowdedEvery is how often a full lobby is cleared of those who wait for
	// nothing.
	crowdedEvery = 20 * time.Millisecond
)

// lobby bounds the connections that are open at once, so that file descriptors
// are left for the files that they ask for. Who finds it full waits in the
// backlog of the system, while connections without a request are closed.
type lobby struct {
	places  chan struct{}
	crowded func() // closes connections without a request
	doors   []*doorman
}

func newLobby(places int, crowded func()) *lobby {
	return &lobby{places: make(chan struct{}, places), crowded: crowded}
}

// placesHere is half of the descriptors that this process may have.
func placesHere() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return maxPlaces
	}
	return int(max(minPlaces, min(limit.Cur/2, maxPlaces)))
}

// state is a hook for http.Server.ConnState: it frees the places of
// connections that are closed.
func (l *lobby) state(_ net.Conn, state http.ConnState) {
	if state == http.StateClosed || state == http.StateHijacked {
		<-l.places
	}
}

// listener returns in, with its connections counted. They must be served by the
// http.Server that has the lobby's hook. It is called before any serving.
func (l *lobby) listener(in net.Listener) net.Listener {
	d := &doorman{Listener: in, lobby: l, closed: make(chan struct{})}
	l.doors = append(l.doors, d)
	return d
}

const (
	// newcomers is how long a connection may be open before its first request
	// comes, when the listeners are handed over.
	newcomers = time.Second
	emptyPoll = 5 * time.Millisecond
)

// handOver closes the listeners, which somebody else keeps open: who connects
// from now on waits there for another process. It returns when those who are in
// have their answers, or ctx ends. http.Server.Shutdown would hang up on
// connections that it has accepted and not read from yet, so it comes after.
func (l *lobby) handOver(ctx context.Context, hs *http.Server) {
	for _, d := range l.doors {
		d.Close()
	}
	hs.SetKeepAlivesEnabled(false)
	ctx, cancel := context.WithTimeout(ctx, newcomers)
	defer cancel()
	poll := time.NewTicker(emptyPoll)
	defer poll.Stop()
	for len(l.places) > 0 {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		}
	}
}

// doorman is a listener that waits for a place before it accepts.
type doorman struct {
	net.Listener
	lobby  *lobby
	closed chan struct{}
	once   sync.Once
}

// Accept is part of net.Listener.
func (d *doorman) Accept() (net.Conn, error) {
	if !d.place() {
		return nil, net.ErrClosed
	}
	c, err := d.Listener.Accept()
	if err != nil {
		<-d.lobby.places
	}
	return c, err
}

// place takes a place; false when the listener was closed meanwhile.
func (d *doorman) place() bool {
	select {
	case d.lobby.places <- struct{}{}:
		return true
	default:
	}
	again := time.NewTicker(crowdedEvery)
	defer again.Stop()
	for {
		d.lobby.crowded()
		select {
		case d.lobby.places <- struct{}{}:
			return true
		case <-d.closed:
			return false
		case <-again.C:
		}
	}
}

// Close is part of net.Listener.
func (d *doorman) Close() error {
	d.once.Do(func() { close(d.closed) })
	return d.Listener.Close()
}
