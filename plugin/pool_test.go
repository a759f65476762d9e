package plugin_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/registryd/registryd/internal/outcome"
	"github.com/registryd/registryd/plugin"
)

// small writes a plugin with few instances.
func (h *home) small(name, manifest, code string) {
	h.t.Helper()
	h.write(name+"/plugin.yaml", "main: x.js\n"+manifest)
	h.write(name+"/x.js", code)
}

// waiting starts calls that wait, and returns when they do.
func (h *home) waiting(name string, n int) *sync.WaitGroup {
	h.t.Helper()
	var wg sync.WaitGroup
	before := h.Status()[0].InFlight
	for range n {
		wg.Go(func() {
			if _, err := h.ask(name, "wait"); err != nil {
				h.t.Error(err)
			}
		})
	}
	for h.Status()[0].InFlight < before+int64(n) || h.Status()[0].Instances < n {
		time.Sleep(time.Millisecond)
	}
	return &wg
}

// Fault 32: more calls than instances wait for their turn, and not for ever.
func TestPool_Busy_Fault32(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.small("a", "limits: {instances: {min: 0, max: 2}, queue: 50ms}\n", "version: 1\n")
	h.load()
	wg := h.waiting("a", 2)
	_, err := h.ask("a", "version")
	if !errors.Is(err, outcome.Busy) || outcome.RetryAfter(err) != time.Second {
		t.Errorf("third call: %v", err)
	}
	close(h.engine.release)
	wg.Wait()
	h.says("a", "1")
}

func TestPool_KeepsTheMinimumReady(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.small("a", "limits: {instances: {min: 3, max: 5}}\n", "version: 1\n")
	h.load()
	if s := h.Status()[0]; s.Instances != 3 || s.Idle != 3 {
		t.Errorf("%+v", s)
	}
	for range 10 {
		h.says("a", "1")
	}
	used := 0
	for _, i := range h.engine.all() {
		if i.calls.Load() > 0 {
			used++
		}
	}
	if used != 1 {
		t.Errorf("%d instances answered calls that came one after the other: the one used last is not taken first", used)
	}
}

// An instance that hit a limit answers no other call; the next one works.
func TestPool_Discards_Fault32(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.small("a", "limits: {instances: {min: 1, max: 1}}\n", "version: 1\n")
	h.load()
	if _, err := h.ask("a", "memory"); !errors.Is(err, plugin.ErrMemory) {
		t.Errorf("error %v", err)
	}
	h.says("a", "1")
	if s := h.Status()[0]; s.Limits != 1 {
		t.Errorf("%+v", s)
	}
}

func TestPool_Deadline_Fault32(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.small("a", "limits: {wall: 20ms}\n", "version: 1\n")
	h.load()
	if _, err := h.ask("a", "wait"); err == nil {
		t.Error("a call outlives its limit")
	}
	h.says("a", "1")
}

// Three hits of the memory limit within a minute open the breaker for a minute.
func TestPool_Breaker_Fault32(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now := time.Now()
	h := newHome(t, func(c *plugin.Config) {
		c.Now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return now
		}
	})
	pass := func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(d)
	}
	h.small("a", "limits: {instances: {min: 1, max: 4}}\n", "version: 1\n")
	h.load()
	for range 2 {
		for range 2 {
			_, _ = h.ask("a", "memory")
		}
		pass(61 * time.Second) // two in a minute are none too many
		h.says("a", "1")
	}
	for range 3 {
		_, _ = h.ask("a", "memory")
	}
	_, err := h.ask("a", "version")
	if !errors.Is(err, outcome.Busy) || outcome.RetryAfter(err) < 30*time.Second {
		t.Errorf("after three hits: %v", err)
	}
	pass(time.Minute)
	h.says("a", "1")
}

// A cancelled caller ends his call, and only his.
func TestCall_Cancelled(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.small("a", "", "version: 1\n")
	h.load()
	ctx, cancel := context.WithCancel(t.Context())
	lease, err := h.Enter("a")
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Leave()
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err := lease.Call(ctx, "wait"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if s := h.Status()[0]; s.Failures != 0 {
		t.Errorf("that a client left counts as a failure: %+v", s)
	}
	h.says("a", "1")
}

// Secrets stand in no log and no error.
func TestCall_SecretsAreTakenOut(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.small("a", "capabilities: {secrets: [TOKEN]}\n", "version: 1\n")
	h.load()
	_, err := h.ask("a", "throw")
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "with <TOKEN> inside") {
		t.Errorf("error %v", err)
	}
	if text := fmt.Sprint(h.log, h.Status()); strings.Contains(text, "hunter2") {
		t.Errorf("a secret is told: %s", text)
	}
}

// Nor do they stand in the error of a plugin that does not load, of one that answers with an error of its engine, or in
// what an instance that starts later says.
func TestReload_SecretsAreTakenOut(t *testing.T) {
	t.Parallel()
	h := newHome(t, func(c *plugin.Config) {
		c.Env = func(name string) (string, bool) {
			return map[string]string{"A_SHORT": "hunter2", "TOKEN": "hunter2-secret"}[name], true
		}
	})
	const manifest = "capabilities: {secrets: [A_SHORT, TOKEN]}\n"
	h.small("a", manifest, "version: 1\nfail: attach\nsays: with hunter2-secret inside\n")
	h.small("b", manifest+"limits: {instances: {min: 0, max: 1}}\n", "version: 1\n")
	r := h.load()
	if len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Error, "with <TOKEN> inside") {
		t.Errorf("report %+v", r)
	}
	if _, err := h.ask("b", "tell"); err == nil || !strings.Contains(err.Error(), "it wrote <TOKEN>") || !errors.Is(err, outcome.Unavailable) {
		t.Errorf("error %v", err)
	}
	if text := fmt.Sprint(h.log, h.Status(), r); strings.Contains(text, "hunter2") || strings.Contains(text, "-secret") {
		t.Errorf("a secret is told: %s", text)
	}
}

// A plugin that says too much does not fill the disk, and somebody is told.
func TestHost_Log_Bounded(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	start := time.Now()
	h := newHome(t, func(c *plugin.Config) {
		c.Now = func() time.Time { return start.Add(time.Duration(ahead.Load())) }
	})
	h.write("a.js", "version: 1\n")
	h.load()
	for range 10 {
		if _, err := h.ask("a", "chatter"); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(h.log.String(), "once more"); n != 20_000 {
		t.Errorf("%d lines of 50000", n)
	}
	ahead.Store(int64(time.Minute))
	if _, err := h.ask("a", "chatter"); err != nil || !strings.Contains(h.log.String(), "lines_left_out=") {
		t.Errorf("that lines are left out is not said: %v", err)
	}
	for range 5 {
		if _, err := h.ask("a", "chatter"); err != nil {
			t.Fatal(err)
		}
	}
	h.Revoke()
	if n := strings.Count(h.log.String(), "lines_left_out="); n != 2 {
		t.Errorf("of a generation that ended, lines were left out and nobody was told: %d times told", n)
	}
}

// What starts in the background does not hold up the end of a plugin.
func TestRevoke_RefillHangs(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.small("a", "limits: {wall: 10m, instances: {min: 1, max: 1}}\n", "version: 1\n")
	h.load()
	h.engine.hang.Store(true)
	if _, err := h.ask("a", "memory"); !errors.Is(err, plugin.ErrMemory) {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); len(h.engine.all()) < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no instance starts again")
		}
	}
	h.Revoke()
	if strings.Contains(h.log.String(), "nobody waits for them") {
		t.Error("it went on")
	}
}

// upstream is a server that plugins may ask.
func upstream(t *testing.T) *httptest.Server {
	t.Helper()
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, "http://other.example/", http.StatusFound)
		case "/open/out":
			http.Redirect(w, r, s.URL+"/secret/x", http.StatusFound)
		case "/inside":
			http.Redirect(w, r, r.URL.Query().Get("to"), http.StatusFound)
		case "/gone":
			http.NotFound(w, r)
		case "/large":
			fmt.Fprint(w, strings.Repeat("x", 5000))
		default:
			fmt.Fprint(w, "hello")
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestHost_Fetch(t *testing.T) {
	t.Parallel()
	s := upstream(t)
	h := newHome(t)
	h.small("a", fmt.Sprintf("capabilities: {http: [%q]}\nlimits: {body: 4KiB}\n", s.URL), "version: 1\n")
	h.small("b", fmt.Sprintf("capabilities: {http: [%q]}\n", s.URL+"/open/"), "version: 1\n")
	h.small("c", "", "version: 1\n")
	h.load()
	if got, err := h.ask("a", "fetch", `"`+s.URL+`/x"`); err != nil || got != `{"body":"hello","status":200}` {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := h.ask("a", "fetch", `"`+s.URL+`/gone"`); err != nil || !strings.Contains(got, `"status":404`) {
		t.Errorf("%s, %v", got, err)
	}
	for _, c := range []struct{ name, path, want string }{
		{"a", "/away", "does not allow http://other.example/"},
		{"a", "/large", "larger than 4096"},
		{"b", "/x", "does not allow"},
		{"b", "/open/../x", "does not allow"},
		{"b", "/open/%2e%2e/x", "does not allow"},
		{"b", "/openly", "does not allow"},
		{"b", "/open/out", "/secret/x"},
		{"c", "/x", "capabilities.http of the manifest is empty"},
	} {
		if _, err := h.ask(c.name, "fetch", `"`+s.URL+c.path+`"`); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %s", c.name, c.path, err, c.want)
		}
	}
	if _, err := h.ask("b", "fetch", `"`+s.URL+`/open/x"`); err != nil {
		t.Error(err)
	}
}

// What a server answered with an ETag travels once, over all generations, and is asked for each time.
func TestHost_Fetch_ETag(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var asked []string // the tags that requests named
	tag, moved := `"one"`, false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.URL.Path == "/moving" {
			http.Redirect(w, r, map[bool]string{false: "/here", true: "/there"}[moved], http.StatusFound)
			return
		}
		asked = append(asked, r.Header.Get("If-None-Match"))
		w.Header().Set("ETag", tag)
		switch {
		case r.URL.Path == "/secret":
			w.Header().Set("Cache-Control", "private, no-store")
		case r.Header.Get("If-None-Match") == tag:
			w.WriteHeader(http.StatusNotModified)
			return
		}
		fmt.Fprint(w, r.URL.Path, " as ", tag, " for ", r.Header.Get("Authorization"))
	}))
	t.Cleanup(s.Close)
	h := newHome(t)
	h.small("a", fmt.Sprintf("capabilities: {http: [%q]}\n", s.URL), "version: 1\n")
	h.small("b", fmt.Sprintf("capabilities: {http: [%q]}\n", s.URL), "version: 1\n")
	h.load()
	fetch := func(name, path, sent, want string, headers ...string) {
		t.Helper()
		args := []string{`"` + s.URL + path + `"`}
		for _, header := range headers {
			args = append(args, strconv.Quote(header))
		}
		mu.Lock()
		asked = nil
		mu.Unlock()
		var r struct {
			Status int
			Body   string
		}
		got, err := h.ask(name, "fetch", args...)
		if err != nil || json.Unmarshal([]byte(got), &r) != nil || fmt.Sprint(r.Status, " ", r.Body) != want {
			t.Errorf("%s %q: %s, %v, want %s", path, headers, got, err, want)
		}
		mu.Lock()
		defer mu.Unlock()
		if tags := strings.Join(asked, " "); tags != sent {
			t.Errorf("%s %q: the server was asked with %q, want %q", path, headers, tags, sent)
		}
	}
	fetch("a", "/x", "", `200 /x as "one" for `)
	fetch("a", "/x", `"one"`, `200 /x as "one" for `)
	fetch("b", "/x", "", `200 /x as "one" for `) // it knows nothing of what others got
	fetch("a", "/x", "", `200 /x as "one" for me`, "Authorization: me")
	fetch("a", "/x", `"one"`, `200 /x as "one" for me`, "Authorization: me")
	fetch("a", "/x", `"one"`, "304 ", `If-None-Match: "one"`) // the code looks after it
	fetch("a", "/moving", "", `200 /here as "one" for `)
	h.small("a", fmt.Sprintf("capabilities: {http: [%q]}\n", s.URL), "version: 2\n")
	h.load()
	fetch("a", "/x", `"one"`, `200 /x as "one" for `)
	mu.Lock()
	moved = true
	mu.Unlock()
	fetch("a", "/moving", `"one" `, `200 /there as "one" for `) // the tag of another place means nothing
	fetch("a", "/moving", `"one"`, `200 /there as "one" for `)
	mu.Lock()
	tag = `"two"`
	mu.Unlock()
	fetch("a", "/x", `"one"`, `200 /x as "two" for `)
	fetch("a", "/x", `"two"`, `200 /x as "two" for `)
	fetch("a", "/secret", "", `200 /secret as "two" for `)
	fetch("a", "/secret", "", `200 /secret as "two" for `)
}

// What a manifest does not name in full is no way into the network, neither asked for by the code, nor as the place of a
// tarball, nor behind a redirect.
func TestHost_PrivateAddress(t *testing.T) {
	t.Parallel()
	s := upstream(t)
	var asked atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(inside.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(inside.URL, "http://"), ":")
	h := newHome(t)
	// The star allows the address of the inner server by its spelling, and trusts nothing.
	h.small("a", fmt.Sprintf("capabilities: {http: [%q, %q]}\n", s.URL, "http://*.0.0.1:"+port), "version: 1\n")
	h.load()
	lease, err := h.Enter("a")
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Leave()
	for _, at := range []string{inside.URL + "/x", s.URL + "/inside?to=" + inside.URL + "/x"} {
		const want = "address is not public"
		if _, err := h.ask("a", "fetch", `"`+at+`"`); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("fetch %s: %v", at, err)
		}
		if _, err := h.ask("a", "open", `"`+at+`"`); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("open %s: %v", at, err)
		}
		if _, err := lease.Open(t.Context(), &plugin.Request{URL: at}); !errors.Is(err, outcome.Unavailable) || !strings.Contains(err.Error(), want) {
			t.Errorf("tarball %s: %v", at, err)
		}
	}
	if _, err := lease.Open(t.Context(), &plugin.Request{URL: s.URL + "/away"}); err == nil || !strings.Contains(err.Error(), "does not allow http://other.example/") {
		t.Errorf("tarball elsewhere: %v", err)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d requests came through", n)
	}
}

// What a call opens and does not return is closed; what is taken outlives the call.
func TestHost_Open(t *testing.T) {
	t.Parallel()
	s := upstream(t)
	h := newHome(t)
	h.small("a", fmt.Sprintf("capabilities: {http: [%q]}\n", s.URL), "version: 1\n")
	h.load()
	lease, err := h.Enter("a")
	if err != nil {
		t.Fatal(err)
	}
	r, err := lease.Call(t.Context(), "open", []byte(`"`+s.URL+`/large"`))
	if err != nil {
		t.Fatal(err)
	}
	handle := strings.Trim(string(r.JSON), `"`)
	stream := r.Stream(handle)
	if stream == nil || r.Stream(handle) != nil || r.Stream("other") != nil {
		t.Fatalf("stream %v of %s", stream, handle)
	}
	r.Close()
	lease.Leave()
	h.Revoke() // its generation has ended
	var buf strings.Builder
	if n, err := io.Copy(&buf, stream.Body); err != nil || n != 5000 {
		t.Errorf("%d bytes, %v", n, err)
	}
	stream.Body.Close()
}

// The cache is shared by all instances and generations.
func TestHost_Cache(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.small("a", "capabilities: {cache: true}\n", "version: 1\n")
	h.small("b", "capabilities: {cache: true}\n", "version: 1\n")
	h.small("c", "", "version: 1\n")
	h.load()
	if _, err := h.ask("a", "cache", `"k"`, `{"x":1}`); err != nil {
		t.Fatal(err)
	}
	h.small("a", "capabilities: {cache: true}\n", "version: 2\n")
	h.load()
	if got, err := h.ask("a", "recall", `"k"`); err != nil || got != `{"x":1}` {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := h.ask("b", "recall", `"k"`); err != nil || got != "" {
		t.Errorf("another plugin sees %s, %v", got, err)
	}
	if _, err := h.ask("c", "cache", `"k"`, "1"); err == nil {
		t.Error("c may use the cache")
	}
	if _, err := h.ask("a", "cache", `"k"`, `"`+strings.Repeat("x", 2<<20)+`"`); err == nil {
		t.Error("2 MiB are kept in one entry")
	}
}

// Entries take room beside what is in them: a cache full of nearly nothing stays small.
func TestHost_Cache_SmallEntries(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	h.small("a", "capabilities: {cache: true}\n", "version: 1\n")
	h.load()
	host := h.engine.all()[0].program.host
	for n := range 100_000 {
		if err := host.CacheSet(t.Context(), fmt.Sprint(n), []byte("1"), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	first, _ := host.CacheGet(t.Context(), "0")
	last, _ := host.CacheGet(t.Context(), "99999")
	if first != nil || last == nil {
		t.Errorf("first %s, last %s", first, last)
	}
}
