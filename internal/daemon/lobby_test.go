package daemon_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/registryd/registryd/internal/daemon"
)

// house is a server with two places whose handler waits for a word, on /wait.
type house struct {
	listener net.Listener
	http     *http.Server
	arrived  chan struct{} // one for each request that waits
	word     chan struct{}
	ended    chan error
}

func newHouse(t *testing.T) *house {
	t.Helper()
	c := &house{arrived: make(chan struct{}, 100), word: make(chan struct{}), ended: make(chan error, 1)}
	c.http = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			c.arrived <- struct{}{}
			<-c.word
		}
		_, _ = io.WriteString(w, "here")
	})}
	c.listener, c.http.ConnState = daemon.Lobby(occupy(t, "tcp", "127.0.0.1:0"), 2, func() {
		c.http.SetKeepAlivesEnabled(false)
		c.http.SetKeepAlivesEnabled(true)
	})
	go func() { c.ended <- c.http.Serve(c.listener) }()
	t.Cleanup(func() { c.http.Close() })
	return c
}

func (c *house) url(path string) string { return "http://" + c.listener.Addr().String() + path }

// Fault 7: connections that only wait do not keep others out.
func TestLobby_IdleMakesPlace_Fault7(t *testing.T) {
	t.Parallel()
	c := newHouse(t)
	for i := range 20 {
		// Each client keeps its connection.
		if status, body := get(t, client(t), c.url("/")); status != 200 || body != "here" {
			t.Fatalf("client %d: %d %q", i, status, body)
		}
	}
}

// Fault 7: who finds no place waits for one, and gets it.
func TestLobby_Full_Fault7(t *testing.T) {
	t.Parallel()
	c := newHouse(t)
	var wg sync.WaitGroup
	defer wg.Wait()
	for range 10 {
		wg.Go(func() {
			if status, _ := get(t, client(t), c.url("/wait")); status != 200 {
				t.Errorf("status %d", status)
			}
		})
	}
	<-c.arrived
	<-c.arrived
	for range 8 {
		select {
		case <-c.arrived:
			t.Error("more are let in than there are places")
		default:
		}
		c.word <- struct{}{} // one leaves
		<-c.arrived          // one comes in
	}
	c.word <- struct{}{}
	c.word <- struct{}{}
}

// A full lobby can be closed.
func TestLobby_Closes_Fault7(t *testing.T) {
	t.Parallel()
	c := newHouse(t)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { get(t, client(t), c.url("/wait")) })
		<-c.arrived
	}
	if err := c.listener.Close(); err != nil {
		t.Error(err)
	}
	if err := <-c.ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve ended with %v", err)
	}
	close(c.word)
	wg.Wait()
}
