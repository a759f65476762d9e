package daemon_test

import (
	"context"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/daemon"
	"github.com/registryd/registryd/provider/providertest"
)

// tarball is what the fake registry is asked for the tarball of widget.
const tarball = "/widget/-/widget-1.0.0.tgz"

// Fault 30: readiness says no first, what is under way is finished, and who
// comes meanwhile is told to come back.
func TestRun_Drain_Fault30(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"))
	release := make(chan struct{})
	f.upstream.Fault(providertest.Tarball, "", providertest.Hang(release))
	d := f.run()
	c := client(t)
	type answer struct {
		status int
		body   string
	}
	held := make(chan answer, 1)
	go func() {
		status, body := get(t, c, d.url+widgetURL+"index.js")
		held <- answer{status, body}
	}()
	f.upstream.Await(providertest.Tarball, tarball, 1)
	if status, _ := get(t, c, d.url+"/-/readyz"); status != 200 {
		t.Errorf("readiness before: %d", status)
	}
	d.stop()
	f.screen.await(t, "msg=draining")
	if status, body := get(t, c, d.url+"/-/readyz"); status != 503 || !strings.Contains(body, "draining") {
		t.Errorf("readiness meanwhile: %d %s", status, body)
	}
	if status, _ := get(t, c, d.url+"/-/livez"); status != 200 {
		t.Errorf("liveness meanwhile: %d", status)
	}
	refusedWhileDraining(t, c, d.url+"/lib/gadget/1.0.0/x.js")
	close(release)
	if a := <-held; a.status != 200 {
		t.Errorf("the request under way: %d %s", a.status, a.body)
	}
	if err := d.wait(t); err != nil {
		t.Errorf("Run: %v", err)
	}
	if _, err := c.Get(d.url + "/-/livez"); err == nil {
		t.Error("somebody still listens")
	}
}

func refusedWhileDraining(t *testing.T, c *http.Client, url string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Error(err)
		return
	}
	resp.Body.Close()
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "1" || !resp.Close {
		t.Errorf("a new request: %d, Retry-After %q, close %t", resp.StatusCode, resp.Header.Get("Retry-After"), resp.Close)
	}
}

// The time to drain is that of the configuration in force, and it is kept.
func TestRun_DrainDeadline_Fault30(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"))
	never := make(chan struct{})
	t.Cleanup(func() { close(never) })
	f.upstream.Fault(providertest.Tarball, "", providertest.Hang(never))
	f.write("timeouts: {drain: 1h}\n")
	d := f.run()
	f.write("timeouts: {drain: 50ms}\n")
	if _, err := d.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := client(t)
	cut := make(chan error, 1)
	go func() {
		resp, err := c.Get(d.url + widgetURL + "index.js")
		if err == nil {
			resp.Body.Close()
		}
		cut <- err
	}()
	f.upstream.Await(providertest.Tarball, tarball, 1)
	d.stop()
	if err := d.wait(t); err != nil {
		t.Errorf("Run: %v", err)
	}
	if err := <-cut; err == nil {
		t.Error("the request that hangs was answered")
	}
	f.screen.await(t, "requests were still under way when the time to drain was over")
}

func TestRun_StopsWhenIdle(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	d := f.run()
	if status, _ := get(t, client(t), d.url+"/-/livez"); status != 200 {
		t.Errorf("status %d", status)
	}
	d.stop()
	if err := d.wait(t); err != nil {
		t.Errorf("Run: %v", err)
	}
	if strings.Contains(f.screen.String(), "still under way") {
		t.Error("nothing was under way, but it says so")
	}
}

func TestRun_NeverBegins(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.server().Run(ctx); err != nil {
		t.Error(err)
	}
	if strings.Contains(f.screen.String(), "listening") {
		t.Error("it listens although it was told to stop")
	}
}

// A body that never comes does not hold a connection for ever; nobody reads it.
func TestRun_ManyRequestsOnOneConnection(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"))
	d := f.run()
	c := client(t)
	for _, method := range []string{"GET", "POST", "DELETE", "GET"} {
		req, err := http.NewRequestWithContext(t.Context(), method, d.url+widgetURL+"index.js", strings.NewReader("a body"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if want := map[bool]int{true: 200, false: 405}[method == "GET"]; resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", method, resp.StatusCode, want)
		}
	}
}

// Not parallel: it counts the goroutines of the whole process.
func TestClose_Goroutines_Fault31(t *testing.T) {
	before := runtime.NumGoroutine()
	f := newFixture(t, widget("1.0.0"), named("gadget", "1.0.0"))
	s, err := daemon.New(t.Context(), f.options())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	url := "http://" + f.screen.await(t, "listening on   ")
	c := client(t)
	for i := range 20 {
		f.write([]string{"cachetime: 5m\n", denyWidget}[i%2])
		if _, err := s.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{widgetURL + "a.js", "/lib/gadget/1.0.0/a.js", "/lib/widget/^1/a.js", "/lib/none/1.0.0/a.js"} {
			get(t, c, url+path)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	c.CloseIdleConnections()
	f.upstream.Close()
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}
