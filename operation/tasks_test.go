package operation_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/registryd/registryd/internal/httpx"
	"github.com/registryd/registryd/operation"
)

// tasked is a server of one operation with its tasks.
func tasked(t *testing.T, tasks *operation.Tasks, text string, handle func(context.Context, *operation.Call) (operation.Answer, error)) http.Handler {
	t.Helper()
	h := serve(t, made(t, text, operation.Implementation{Handle: handle}, operation.Options{Tasks: tasks}))
	monitor := (&httpx.Adapter{}).Handle("task", func(w http.ResponseWriter, r *http.Request) error {
		return tasks.Serve(w, r, strings.TrimPrefix(r.URL.Path, "/tasks/"))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/tasks/") {
			monitor.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func TestTask_WF5(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tasks := operation.NewTasks(operation.TaskConfig{Capacity: 1})
		defer tasks.Close()
		h := tasked(t, tasks, "/job: {longRunning: true, serialize: json}", func(ctx context.Context, _ *operation.Call) (operation.Answer, error) {
			select {
			case <-time.After(time.Minute):
			case <-ctx.Done():
			}
			return operation.Answer{Status: 201, Value: "done", Header: http.Header{"X-A": {"b"}}}, nil
		})
		res := ask(h, "POST /job", "")
		url := bodyOf(t, res)
		if res.StatusCode != 202 || len(url) != len("/tasks/")+24 || res.Header.Get("Location") != url {
			t.Fatalf("%d %q", res.StatusCode, url)
		}
		if res := ask(h, "DELETE "+url, ""); res.StatusCode != 204 {
			t.Errorf("while it runs: %d", res.StatusCode)
		}
		if res := ask(h, "POST /job", ""); res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
			t.Errorf("above the capacity: %d", res.StatusCode)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		for _, method := range []string{"GET ", "GET ", "DELETE "} {
			if res := ask(h, method+url, ""); res.StatusCode != 201 || bodyOf(t, res) != `"done"` || res.Header.Get("X-A") != "b" {
				t.Errorf("%sdone: %d", method, res.StatusCode)
			}
		}
		if res := ask(h, "DELETE "+url, ""); res.StatusCode != 404 {
			t.Errorf("taken away: %d", res.StatusCode)
		}
		if res := ask(h, "PUT "+url, ""); res.StatusCode != 405 {
			t.Errorf("PUT: %d", res.StatusCode)
		}
	})
}

// A result that nobody reads is dropped after two ticks.
func TestUnreadTask_WF5(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tasks := operation.NewTasks(operation.TaskConfig{Tick: time.Second})
		defer tasks.Close()
		h := tasked(t, tasks, "/job: {longRunning: auto}", echo)
		url := bodyOf(t, ask(h, "POST /job", ""))
		synctest.Wait()
		if res := ask(h, "GET "+url, ""); res.StatusCode != 200 {
			t.Fatalf("done: %d", res.StatusCode)
		}
		time.Sleep(4 * time.Second)
		synctest.Wait()
		if res := ask(h, "GET "+url, ""); res.StatusCode != 404 {
			t.Errorf("unread: %d", res.StatusCode)
		}
	})
}

// A manual task answers its request, unless its handler detaches itself.
func TestManualTask_WF5(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tasks := operation.NewTasks(operation.TaskConfig{})
		defer tasks.Close()
		h := tasked(t, tasks, "/job: {longRunning: manual, params: {n: number}}", func(_ context.Context, c *operation.Call) (operation.Answer, error) {
			if n := time.Duration(c.Number("n")) * time.Second; n > 0 {
				c.Detach(n)
				time.Sleep(n)
			}
			return operation.Answer{Value: "ok"}, nil
		})
		if res := ask(h, "POST /job?n=0", ""); res.StatusCode != 200 || bodyOf(t, res) != "ok" {
			t.Errorf("at once: %d", res.StatusCode)
		}
		if res := ask(h, "POST /job?n=1000", ""); res.StatusCode != 400 {
			t.Errorf("too long: %d", res.StatusCode)
		}
		res := ask(h, "POST /job?n=10", "")
		url := bodyOf(t, res)
		if res.StatusCode != 202 {
			t.Fatalf("detached: %d", res.StatusCode)
		}
		time.Sleep(3 * time.Second)
		if res := ask(h, "GET "+url, ""); res.StatusCode != 204 || res.Header.Get("Retry-After") != "7" {
			t.Errorf("running: %d, Retry-After %q", res.StatusCode, res.Header.Get("Retry-After"))
		}
		time.Sleep(8 * time.Second)
		synctest.Wait()
		if res := ask(h, "DELETE "+url, ""); res.StatusCode != 200 {
			t.Errorf("done: %d", res.StatusCode)
		}
		time.Sleep(2000 * time.Second) // the one that was refused
	})
}

// Who detaches itself is a task, however soon it ends.
func TestDetachedAndDone_WF5(t *testing.T) {
	t.Parallel()
	tasks := operation.NewTasks(operation.TaskConfig{Capacity: 10_000})
	defer tasks.Close()
	h := tasked(t, tasks, "/job: {longRunning: manual}", func(_ context.Context, c *operation.Call) (operation.Answer, error) {
		c.Detach(0)
		return operation.Answer{Value: "ok"}, nil
	})
	for i := range 5000 {
		if res := ask(h, "POST /job", ""); res.StatusCode != 202 {
			t.Fatalf("request %d: %d", i, res.StatusCode)
		}
	}
}

// An estimate may be asked for; what is done of it shortens the wait, and the handler knows its task.
func TestEstimate_WF5(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tasks := operation.NewTasks(operation.TaskConfig{})
		defer tasks.Close()
		op := made(t, "/job: {longRunning: {appraise: 100000}, params: {n: number}}", operation.Implementation{
			Appraise: func(_ context.Context, c *operation.Call) (time.Duration, error) {
				return time.Duration(c.Number("n")) * time.Second, nil
			},
			Handle: func(_ context.Context, c *operation.Call) (operation.Answer, error) {
				time.Sleep(2 * time.Second)
				c.Progress(90 * time.Second)
				c.Progress(80 * time.Second)
				time.Sleep(8 * time.Second)
				return operation.Answer{Value: c.TaskID()}, nil
			},
		}, operation.Options{Tasks: tasks})
		h := serve(t, op)
		monitor := func(id string) *http.Response {
			return ask(adapted(func(w http.ResponseWriter, r *http.Request) error { return tasks.Serve(w, r, id) }), "GET /", "")
		}
		if res := ask(h, "POST /job?n=301", ""); res.StatusCode != 400 {
			t.Errorf("an estimate above the limit: %d", res.StatusCode)
		}
		id := strings.TrimPrefix(bodyOf(t, ask(h, "POST /job?n=100", "")), "/tasks/")
		time.Sleep(time.Second)
		for _, want := range []string{"99", "10"} {
			if res := monitor(id); res.StatusCode != 204 || res.Header.Get("Retry-After") != want {
				t.Errorf("%d, Retry-After %q, want %s", res.StatusCode, res.Header.Get("Retry-After"), want)
			}
			time.Sleep(2 * time.Second)
		}
		time.Sleep(time.Minute)
		if got := bodyOf(t, monitor(id)); got != id {
			t.Errorf("the task takes itself for %q", got)
		}
	})
}
