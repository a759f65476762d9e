package operation_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/registryd/registryd/operation"
)

// A server behind gets paths below its URL and no others, as they were sent.
func TestUpstreamPaths(t *testing.T) {
	t.Parallel()
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Accel-Redirect", "/secret")
		w.Header().Set("X-Accel-Buffering", "no")
		fmt.Fprint(w, r.RequestURI)
	}))
	t.Cleanup(behind.Close)
	raw, err := operation.Upstream(behind.URL + "/public/")
	if err != nil {
		t.Fatal(err)
	}
	h := serve(t, made(t, "/s: {path: /s/*}", operation.Implementation{Raw: raw}, operation.Options{}))
	for path, want := range map[string]string{
		"/s/a/b?q=1":      "/public/a/b?q=1",
		"/s/a/":           "/public/a/",
		"/s/@a%2Fb":       "/public/@a%2Fb",
		"/s/100%25":       "/public/100%25",
		"/s/%2525":        "/public/%2525",
		"/s/a%3Fb":        "/public/a%3Fb",
		"/s":              "/public/",
		"/s/":             "/public/",
		"/s/..a/a..":      "/public/..a/a..",
		"/s/%2e%2e/x":     "",
		"/s/a/..%2Fx":     "",
		"/s/..%2F..%2Fx":  "",
		"/s/a/%2E":        "",
		"/s/..%5Cx":       "",
		"/s/a/%2e%2e%2f/": "",
	} {
		res := ask(h, "GET "+path, "")
		got := bodyOf(t, res)
		if want == "" && res.StatusCode != 404 || want != "" && got != want {
			t.Errorf("%s: %d %s, want %q", path, res.StatusCode, got, want)
		}
		if res.Header.Get("X-Accel-Redirect") != "" || res.Header.Get("X-Accel-Buffering") != "" {
			t.Errorf("%s: the server behind speaks to nginx: %v", path, res.Header)
		}
	}
}

// Numbers that no machine holds are refused before anything counts with them.
func TestHugeNumbers(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"library": "/x: {params: {a: {schema: {type: number, multipleOf: 0.5}}}}", "bounds": "/x: {params: {a: {type: number}}}", "anything": "/x: {params: {a: {}}}",
	} {
		h := serve(t, made(t, text, operation.Implementation{Handle: echo}, operation.Options{}))
		for _, body := range []string{`{"a":1e999999999}`, `{"a":1e100000}`, `{"a":-1e400}`, `{"a":` + strings.Repeat("9", 400) + `}`, `{"a":[1,{"b":1e999}]}`} {
			if res := ask(h, "POST /x", body); res.StatusCode != 400 {
				t.Errorf("%s: %.20s: %d %.100s", name, body, res.StatusCode, bodyOf(t, res))
			}
		}
		if res := ask(h, "POST /x", `{"a":9007199254740993}`); bodyOf(t, res) != `{"a":9007199254740993}` {
			t.Errorf("%s: a large integer is lost: %d", name, res.StatusCode)
		}
	}
}

// What a handler answers is an answer, or an error: no status that says that more is to come.
func TestInformationalStatus(t *testing.T) {
	t.Parallel()
	for _, status := range []int{100, 101, 103, 199, 99, 1000} {
		h := serve(t, made(t, "/x: {}", operation.Implementation{Handle: func(context.Context, *operation.Call) (operation.Answer, error) {
			return operation.Answer{Status: status, Value: "x"}, nil
		}}, operation.Options{}))
		if res := ask(h, "GET /x", ""); res.StatusCode != 500 {
			t.Errorf("%d: answered with %d", status, res.StatusCode)
		}
	}
}

// A task that panics is a 500 without a trace for the client, which the log has.
func TestPanickingTask_WR6(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"auto", "manual"} {
		synctest.Test(t, func(t *testing.T) {
			tasks := operation.NewTasks(operation.TaskConfig{})
			defer tasks.Close()
			var log bytes.Buffer
			h := serve(t, made(t, "/job: {longRunning: "+how+"}", operation.Implementation{Handle: func(_ context.Context, c *operation.Call) (operation.Answer, error) {
				c.Detach(0)
				time.Sleep(time.Second)
				panic("a secret")
			}}, operation.Options{Tasks: tasks, Logger: slog.New(slog.NewTextHandler(&log, nil))}))
			url := bodyOf(t, ask(h, "POST /job", ""))
			time.Sleep(2 * time.Second)
			synctest.Wait()
			w := httptest.NewRecorder()
			err := tasks.Serve(w, httptest.NewRequest(http.MethodGet, url, nil), strings.TrimPrefix(url, "/tasks/"))
			if err == nil || !strings.Contains(err.Error(), "hostile_test.go") || !strings.Contains(err.Error(), "a secret") {
				t.Errorf("%s: for the log: %v", how, err)
			}
			res := ask(adapted(func(w http.ResponseWriter, r *http.Request) error { return err }), "GET "+url, "")
			if body := bodyOf(t, res); res.StatusCode != 500 || strings.Contains(body, "secret") || strings.Contains(body, ".go") {
				t.Errorf("%s: for the client: %d %s", how, res.StatusCode, body)
			}
		})
	}
}

// The answer of a task can be looked at more than once, also where it was a stream.
func TestStreamOfTask_WF5(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tasks := operation.NewTasks(operation.TaskConfig{})
		defer tasks.Close()
		h := tasked(t, tasks, "/job: {longRunning: auto}", func(context.Context, *operation.Call) (operation.Answer, error) {
			return operation.Answer{Value: io.NopCloser(strings.NewReader("the whole"))}, nil
		})
		url := bodyOf(t, ask(h, "POST /job", ""))
		synctest.Wait()
		for _, method := range []string{"HEAD ", "GET ", "GET ", "DELETE "} {
			res := ask(h, method+url, "")
			if got := bodyOf(t, res); res.StatusCode != 200 || got != "the whole" && method != "HEAD " {
				t.Errorf("%s: %d %q", method, res.StatusCode, got)
			}
		}
	})
}

// leases counts those that are out.
type leases struct{ out int }

// Keep is part of operation.Leased.
func (l *leases) Keep() func() {
	l.out++
	return func() { l.out-- }
}

// Who leaves does not take the code from a task that still runs.
func TestLeaseOfAbandonedTask_GN2(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tasks := operation.NewTasks(operation.TaskConfig{})
		defer tasks.Close()
		end := make(chan struct{})
		l := &leases{}
		op := made(t, "/job: {longRunning: manual}", operation.Implementation{Handle: func(context.Context, *operation.Call) (operation.Answer, error) {
			<-end // it takes no notice of its context
			return operation.Answer{}, nil
		}}, operation.Options{Tasks: tasks})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			time.Sleep(time.Second)
			cancel()
		}()
		r := httptest.NewRequest(http.MethodPost, "/job", nil).WithContext(ctx)
		if err := op.Serve(httptest.NewRecorder(), r, nil, l); err == nil {
			t.Error("an answer for nobody")
		}
		if synctest.Wait(); l.out != 1 {
			t.Errorf("the handler runs on %d leases", l.out)
		}
		close(end)
		if synctest.Wait(); l.out != 0 {
			t.Errorf("%d leases are out after its end", l.out)
		}
	})
}

// A path may lack the slash in front.
func TestPathWithoutSlash(t *testing.T) {
	t.Parallel()
	op := made(t, "area: {path: area}", operation.Implementation{Handle: echo}, operation.Options{})
	if got := op.Descriptor().Path; got != "/area" {
		t.Errorf("path %q", got)
	}
	if res := ask(serve(t, op), "GET /area", ""); res.StatusCode != 200 {
		t.Errorf("%d", res.StatusCode)
	}
}

// What belongs to the connection is not a handler's to say, whatever spelling it has.
func TestConnectionHeaders(t *testing.T) {
	t.Parallel()
	header := http.Header{"transfer-encoding": {"gzip"}, "Connection": {"X-A"}, "content-length": {"1"}, "Upgrade": {"h2c"}, "x-a": {"b"}}
	srv := httptest.NewServer(serve(t, made(t, "/x: {}", operation.Implementation{Handle: func(context.Context, *operation.Call) (operation.Answer, error) {
		return operation.Answer{Value: "whole", Header: header}, nil
	}}, operation.Options{})))
	t.Cleanup(srv.Close)
	res, err := srv.Client().Get(srv.URL + "/x")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil || string(data) != "whole" || res.ContentLength != 5 || res.Header.Get("X-A") != "b" || res.Header.Get("Upgrade") != "" || len(res.TransferEncoding) > 0 {
		t.Errorf("%q %v %d %v %v", data, err, res.ContentLength, res.TransferEncoding, res.Header)
	}
}

// An answer that breaks off is no whole one for the client, and a body that breaks off never reaches the handler.
func TestBrokenOff(t *testing.T) {
	t.Parallel()
	var ran atomic.Bool
	stream := made(t, "/stream: {method: get}", operation.Implementation{Handle: func(context.Context, *operation.Call) (operation.Answer, error) {
		return operation.Answer{Value: io.MultiReader(strings.NewReader(strings.Repeat("x", 10_000)), iotest.ErrReader(errors.New("broken")))}, nil
	}}, operation.Options{})
	post := made(t, "/post: {method: post, params: {a: {required: false}}}", operation.Implementation{Handle: func(context.Context, *operation.Call) (operation.Answer, error) {
		ran.Store(true)
		return operation.Answer{}, nil
	}}, operation.Options{})
	srv := httptest.NewServer(serve(t, stream, post))
	t.Cleanup(srv.Close)
	res, err := srv.Client().Get(srv.URL + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if data, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("%d bytes look like the whole answer", len(data))
	}
	for _, head := range []string{"Content-Length: 100\r\n\r\n{\"a\":1}", "Transfer-Encoding: chunked\r\n\r\n7\r\n{\"a\":1}\r\n"} {
		c, err := net.Dial("tcp", srv.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "POST /post HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%s", head)
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(c) // the end of the connection is the end of the request
		c.Close()
		if ran.Load() || !strings.Contains(string(answer), " 400 ") {
			t.Errorf("%.30q: the handler ran: %t; %s", head, ran.Load(), answer)
		}
	}
}
