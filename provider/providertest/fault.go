package providertest

import (
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Kind says what a request asks a registry for.
type Kind string

// The kinds of request.
const (
	Any      Kind = ""
	Document Kind = "document" // the full document of a package
	Version  Kind = "version"  // the document of one version
	Tarball  Kind = "tarball"
	Other    Kind = "other"
)

// Fault changes how a registry answers. The fields combine in this order: wait,
// then redirect or status, then what happens to the body.
type Fault struct {
	// Times is how often the fault strikes; 0: until it is removed.
	Times int
	// Wait keeps the answer back until the channel is closed or the client
	// has gone. A channel that nobody closes is an upstream that hangs.
	Wait <-chan struct{}
	// Redirect answers with a redirect to that URL.
	Redirect string
	// Status answers with that status and Header and Body instead.
	Status int
	Header http.Header // also added to an ordinary answer
	Body   []byte      // of the answer
	// Rewrite changes the body of an ordinary answer.
	Rewrite func([]byte) []byte
	// Stall sends half of the body, then waits like Wait.
	Stall <-chan struct{}
	// Truncate announces the whole body, sends half and closes.
	Truncate bool
	// Reset sends half of the body and resets the connection.
	Reset bool
	// Drip sends the body byte by byte, with that long between two.
	Drip time.Duration
	// Oversize follows the body with that many blanks, and announces no length.
	Oversize int64
}

// Status answers with a status and nothing else; header are pairs of key and value.
func Status(code int, header ...string) Fault {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	return Fault{Status: code, Header: h, Body: []byte(http.StatusText(code))}
}

// HTML answers 200 with a web page, as captive portals do.
func HTML() Fault {
	return Fault{
		Status: http.StatusOK,
		Header: http.Header{"Content-Type": {"text/html"}},
		Body:   []byte("<!doctype html><title>Log in</title>"),
	}
}

// Text answers 200 with that body.
func Text(body string) Fault { return Fault{Status: http.StatusOK, Body: []byte(body)} }

// Corrupt flips a bit in the middle of the body.
func Corrupt() Fault {
	return Fault{Rewrite: func(b []byte) []byte {
		b = slices.Clone(b)
		b[len(b)/2] ^= 1
		return b
	}}
}

// Truncated announces the whole body and sends half.
func Truncated() Fault { return Fault{Truncate: true} }

// Redirect sends the client to a URL.
func Redirect(url string) Fault { return Fault{Redirect: url} }

// Hang keeps the answer back until release is closed or the client has gone.
func Hang(release <-chan struct{}) Fault { return Fault{Wait: release} }

// wait reports whether the client is still there when the wait is over.
func wait(r *http.Request, ch <-chan struct{}) bool {
	if ch == nil {
		return true
	}
	select {
	case <-ch:
		return true
	case <-r.Context().Done():
		return false
	}
}

// serve answers as the fault demands; body is the ordinary answer.
func (f *Fault) serve(w http.ResponseWriter, r *http.Request, body []byte) {
	if !wait(r, f.Wait) {
		return
	}
	for key, values := range f.Header {
		w.Header()[key] = values
	}
	if f.Redirect != "" {
		http.Redirect(w, r, f.Redirect, http.StatusFound)
		return
	}
	status := http.StatusOK
	if f.Status != 0 {
		status, body = f.Status, f.Body
	} else if f.Rewrite != nil {
		body = f.Rewrite(body)
	}
	if f.Oversize == 0 && status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(status)
	f.send(w, r, body)
}

func (f *Fault) send(w http.ResponseWriter, r *http.Request, body []byte) {
	if f.Drip > 0 {
		f.drip(w, r, body)
		return
	}
	if f.Truncate || f.Stall != nil || f.Reset {
		_, _ = w.Write(body[:len(body)/2]) // a client that went away is part of the game
		_ = http.NewResponseController(w).Flush()
		if f.Reset {
			reset(w)
		}
		if f.Truncate || f.Reset {
			panic(http.ErrAbortHandler)
		}
		if !wait(r, f.Stall) {
			return
		}
		body = body[len(body)/2:]
	}
	_, _ = w.Write(body)
	_, _ = io.CopyN(w, blanks{}, f.Oversize)
}

// drip sends the body as slowly as the fault says, until the client has gone.
func (f *Fault) drip(w http.ResponseWriter, r *http.Request, body []byte) {
	for i := range body {
		_, _ = w.Write(body[i : i+1])
		_ = http.NewResponseController(w).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-time.After(f.Drip):
		}
	}
}

// reset makes the client see a reset instead of an end.
func reset(w http.ResponseWriter) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // what is left to send is dropped
	}
	c.Close()
}

// blanks is an endless stream.
type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
