package operation

import (
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/internal/outcome"
)

// BuiltinMiddleware is the middleware that every daemon has: key-auth asks for the API key; rate-limit bounds how often
// one client may ask for one operation, "rate-limit:5" to five times a second, without a number to ten.
func BuiltinMiddleware(key func() string) map[string]func(string) (Middleware, error) {
	return map[string]func(string) (Middleware, error){
		"key-auth": func(argument string) (Middleware, error) {
			if argument != "" {
				return nil, fmt.Errorf("takes no argument")
			}
			return keyAuth(key), nil
		},
		"rate-limit": rateLimit,
	}
}

func keyAuth(key func() string) Middleware {
	return func(d *Descriptor, next httpx.HandlerFunc) httpx.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) error {
			if err := authorise(r, key, d.Protocol); err != nil {
				return err
			}
			return next(w, r)
		}
	}
}

const (
	defaultRate = 10
	// maxClients bounds the clients that are remembered; above it the oldest ones start anew.
	maxClients = 10_000
)

// rateLimit lets a client save up two seconds' worth of requests.
func rateLimit(argument string) (Middleware, error) {
	rate := float64(defaultRate)
	if argument != "" {
		n, err := strconv.ParseFloat(argument, 64)
		if err != nil || !(n > 0 && n <= 1e6) {
			return nil, fmt.Errorf("%q must be a number of requests a second", argument)
		}
		rate = n
	}
	return func(_ *Descriptor, next httpx.HandlerFunc) httpx.HandlerFunc {
		l := &limiter{rate: rate, burst: max(1, 2*rate), clients: map[string]*bucket{}}
		return func(w http.ResponseWriter, r *http.Request) error {
			if !l.allow(httpx.ClientAddress(r)) {
				return outcome.New(outcome.TooManyRequests, "at most %v requests a second", rate)
			}
			return next(w, r)
		}
	}, nil
}

// limiter counts the requests of each client.
type limiter struct {
	rate, burst float64

	mu      sync.Mutex
	clients map[string]*bucket
}

// bucket holds what a client has saved up.
type bucket struct {
	left float64
	at   time.Time
}

func (l *limiter) allow(client string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	b := l.clients[client]
	if b == nil {
		l.forget(now)
		b = &bucket{left: l.burst, at: now}
		l.clients[client] = b
	}
	b.left = min(l.burst, b.left+now.Sub(b.at).Seconds()*l.rate)
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// forget drops clients that have saved up everything, when there are too many; all of them, where none has.
func (l *limiter) forget(now time.Time) {
	if len(l.clients) < maxClients {
		return
	}
	for name, b := range l.clients {
		if b.left+now.Sub(b.at).Seconds()*l.rate >= l.burst {
			delete(l.clients, name)
		}
	}
	if len(l.clients) >= maxClients {
		clear(l.clients)
	}
}
