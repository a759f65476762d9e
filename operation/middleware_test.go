package operation_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/registryd/registryd/operation"
)

func TestRateLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := operation.Options{Middleware: operation.BuiltinMiddleware(nil)}
		h := serve(t, made(t, "/x: {middleware: ['rate-limit:2']}", operation.Implementation{Handle: echo}, o))
		count := func(client string, n int) (passed int) {
			for range n {
				res := ask(h, "GET /x", "", "X-Real-IP: "+client)
				switch res.StatusCode {
				case 200:
					passed++
				case 429:
					if res.Header.Get("Retry-After") == "" {
						t.Error("no Retry-After")
					}
				default:
					t.Errorf("status %d", res.StatusCode)
				}
			}
			return passed
		}
		// The requests of httptest come from 192.0.2.1, which is no trusted front: all are one client.
		if got := count("2.2.2.2", 10); got != 4 {
			t.Errorf("%d passed of a burst", got)
		}
		if got := count("3.3.3.3", 1); got != 0 {
			t.Error("a client that is not trusted chose its own address")
		}
		time.Sleep(time.Second)
		if got := count("2.2.2.2", 10); got != 2 {
			t.Errorf("%d passed a second later", got)
		}
	})
	for _, argument := range []string{"0", "-1", "x", "NaN", "Inf"} {
		if _, err := operation.BuiltinMiddleware(nil)["rate-limit"](argument); err == nil {
			t.Errorf("%q is a rate", argument)
		}
	}
}

func TestKeyAuth(t *testing.T) {
	t.Parallel()
	o := operation.Options{Middleware: operation.BuiltinMiddleware(func() string { return "KEY" })}
	h := serve(t, made(t, "/x: {middleware: [key-auth]}", operation.Implementation{Handle: echo}, o))
	for header, want := range map[string]int{key: 200, "X: y": 401, "Authorization: no": 403} {
		if res := ask(h, "GET /x", "", header); res.StatusCode != want {
			t.Errorf("%s: %d", header, res.StatusCode)
		}
	}
}
