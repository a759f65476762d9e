package accel_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/accel"
	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/outcome"
)

var ops = []accel.AdminToken{{ID: "ops", Token: "s3cret"}, {ID: "ci", Token: "other"}, {ID: "nobody", Token: ""}}

// as asks the admin routes with the token of ops.
func (s *stack) as(method, path string) *httptest.ResponseRecorder {
	return ask(s.admin, method, "/staff/"+path, "Authorization", "Bearer s3cret")
}

// wantJSON fails unless the answer is that status and value.
func wantJSON(tb testing.TB, w *httptest.ResponseRecorder, status int, want string) {
	tb.Helper()
	var got, wanted any
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || json.Unmarshal([]byte(want), &wanted) != nil {
		tb.Errorf("%d %q: %v", w.Code, w.Body, err)
		return
	}
	if diff := cmp.Diff(wanted, got); diff != "" || w.Code != status {
		tb.Errorf("%d, want %d (-want +got):\n%s", w.Code, status, diff)
	}
	wantHeaders(tb, w, "Cache-Control", "no-store", "Content-Type", "application/json; charset=utf-8")
}

var routes = [][2]string{
	{"POST", "flush/p"}, {"GET", "flush/p/1.0.0"}, {"POST", "designate/p/1.0.0"}, {"GET", "designate/p/1.0.0"}, {"GET", "packages"}, {"GET", "packages/p"},
	{"DELETE", "packages/p"}, {"POST", "reload"}, {"GET", "resolve/p/^1"}, {"POST", "warm/p/1.0.0"},
}

func TestCredentials_PA1(t *testing.T) {
	t.Parallel()
	s := start(t, options{tokens: ops, now: ticking()}, pack("p", "1.0.0", "a.js", "a"))
	for _, route := range routes {
		for header, want := range map[string]int{
			"": 401, "s3cret": 401, "Basic b3BzOnMzY3JldA==": 401, "Bearer": 401, "Bearer ": 401, "Bearer wrong": 403, "Bearer S3CRET": 403,
			"Bearer s3cre": 403, "Bearer s3crett": 403, "Bearer s3cret other": 403,
		} {
			w := ask(s.admin, route[0], "/staff/"+route[1], "Authorization", header)
			if w.Code != want || strings.Contains(w.Body.String(), "s3cret") {
				t.Errorf("%s with %q: %d %s", route, header, w.Code, w.Body)
			}
			wantHeaders(t, w, "Cache-Control", "no-store", "WWW-Authenticate", `Bearer realm="registryd"`)
		}
	}
	if n := len(s.upstream.Requests()); n > 0 {
		t.Errorf("upstream was asked %d times", n)
	}
	for _, header := range []string{"Bearer s3cret", "bearer s3cret", "BEARER   s3cret", "Bearer other"} {
		if w := ask(s.admin, "GET", "/staff/packages", "Authorization", header); w.Code != 200 {
			t.Errorf("%q: %d", header, w.Code)
		}
	}
	if w := ask(s.admin, "GET", "/staff/packages?token=s3cret"); w.Code != 401 {
		t.Errorf("a token in the URL: %d", w.Code)
	}
}

// ticking is a clock on which no two failures fall into one minute.
func ticking() func() time.Time {
	var mu sync.Mutex
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Hour)
		return now
	}
}

func TestNoTokens_PA1(t *testing.T) {
	t.Parallel()
	s := start(t, options{tokens: []accel.AdminToken{{ID: "empty"}}}, pack("p", "1.0.0", "a.js", "a"))
	for _, header := range []string{"", "Bearer ", "Bearer x"} {
		if w := ask(s.admin, "GET", "/staff/packages", "Authorization", header); w.Code == 200 {
			t.Errorf("an empty token opens the door to %q", header)
		}
	}
}

func TestFailuresAreLimited_PA4(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := start(t, options{tokens: ops, now: func() time.Time { return now }}, pack("p", "1.0.0", "a.js", "a"))
	wrong := func(ip string) *httptest.ResponseRecorder {
		return ask(s.admin, "GET", "/staff/packages", "Authorization", "Bearer wrong", "X-Real-IP", ip)
	}
	for i := range 10 {
		if w := wrong("192.0.2.1"); w.Code != 403 {
			t.Fatalf("try %d: %d", i, w.Code)
		}
	}
	w := wrong("192.0.2.1")
	if w.Code != 429 {
		t.Errorf("got %d", w.Code)
	}
	wantHeaders(t, w, "Retry-After", "60", "Cache-Control", "no-store")
	if w := ask(s.admin, "GET", "/staff/packages", "Authorization", "Bearer s3cret", "X-Real-IP", "192.0.2.1"); w.Code != 429 {
		t.Errorf("the right one may be tried out: %d", w.Code)
	}
	if w := wrong("192.0.2.2"); w.Code != 403 {
		t.Errorf("somebody else: %d", w.Code)
	}
	now = now.Add(time.Minute)
	if w := ask(s.admin, "GET", "/staff/packages", "Authorization", "Bearer s3cret", "X-Real-IP", "192.0.2.1"); w.Code != 200 {
		t.Errorf("a minute later: %d", w.Code)
	}
	// Only a front on this machine is believed about who asks.
	for i := range 11 {
		r := httptest.NewRequest("GET", "/staff/packages", nil)
		r.RemoteAddr = "198.51.100.1:1"
		r.Header.Set("Authorization", "Bearer wrong")
		r.Header.Set("X-Real-IP", fmt.Sprint("203.0.113.", i))
		w := httptest.NewRecorder()
		s.admin.ServeHTTP(w, r)
		if want := map[bool]int{true: 403, false: 429}[i < 10]; w.Code != want {
			t.Errorf("try %d: %d, want %d", i, w.Code, want)
		}
	}
}

// Tries at the same time count each for itself.
func TestFailuresAtOnce_PA4(t *testing.T) {
	t.Parallel()
	for range 50 {
		f := accel.NewFailureLimit(nil)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { f.Add("x") })
		}
		wg.Wait()
		if !f.Exceeded("x") || f.Exceeded("y") {
			t.Fatal("some did not count")
		}
	}
}

func TestActions_PA1_PA2_PA3(t *testing.T) {
	t.Parallel()
	policy := config.Policy{Rules: []config.Rule{{Deny: []string{"p@3", "bad"}, Reason: "why"}}}
	s := start(t, options{tokens: ops, policy: policy}, pack("p", "1.0.0", "a.js", "a"), pack("p", "1.1.0", "a.js", "b"), pack("p", "3.0.0", "a.js", "c"))
	s.upstream.Tag("p", "latest", "1.1.0")
	for _, method := range []string{"POST", "GET"} {
		wantJSON(t, s.as(method, "flush/p/1.0.0"), 200, `{"name":"p","spec":"1.0.0","version":"1.0.0","visible_within":"20s"}`)
		wantJSON(t, s.as(method, "flush/p/^1/lib/a.js"), 200, `{"name":"p","spec":"^1","version":"1.1.0","visible_within":"1m0s"}`)
		wantJSON(t, s.as(method, "flush/p"), 200, `{"name":"p","spec":"latest","version":"1.1.0","visible_within":"1m0s"}`)
		wantJSON(t, s.as(method, "flush/p/main"), 200, `{"name":"p","spec":"main","version":"1.1.0","visible_within":"20s"}`)
		wantJSON(t, s.as(method, "designate/p/1.0.0"), 200, `{"name":"p","version":"1.0.0","visible_within":"20s"}`)
		wantJSON(t, s.as(method, "designate/p/1.0.0/lib/a%20b.js?x"), 200, `{"name":"p","version":"1.0.0","visible_within":"20s"}`)
		wantJSON(t, s.as(method, "designate/p@1.0.0/a.js"), 200, `{"name":"p","version":"1.0.0","visible_within":"20s"}`)
		for path, want := range map[string]int{
			"designate/p/^1": 400, "designate/p": 400, "designate/p/latest": 400, "designate/p/main": 400, "designate/p/9.9.9": 404, "designate/p/3.0.0": 403,
			"designate/none/1.0.0": 404, "designate/..%2f..%2fx/1.0.0": 400, "designate/": 400, "flush/p/9.9.9": 404, "flush/p/3.0.0": 403, "flush/bad": 403, "flush/none": 404, "flush/p/01.0.0": 400,
		} {
			if w := s.as(method, path); w.Code != want {
				t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
			}
		}
		if got, err := os.Readlink(filepath.Join(s.cache.View(), "p/main")); err != nil || got != "1.0.0" {
			t.Errorf("main is %q, %v", got, err)
		}
	}
	wantJSON(t, s.as("GET", "resolve/p/^1"), 200, `{"name":"p","version":"1.1.0","provider":"npm","held":true}`)
	wantJSON(t, s.as("POST", "warm/p/1.0.0?files"), 200, `{"name":"p","version":"1.0.0","files":1,"bytes":1}`)
	wantJSON(t, s.as("POST", "reload"), 200, `{"reloaded":true}`)
	for _, target := range []string{"packages", "packages/p"} {
		w := s.as("GET", target)
		if w.Code != 200 || !strings.Contains(w.Body.String(), `"main":"1.0.0"`) || !strings.Contains(w.Body.String(), `"by":"ops"`) {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	if w := s.as("GET", "packages/none"); w.Code != 404 {
		t.Errorf("got %d", w.Code)
	}
}

// A bare name evicts everything, "latest" does not pass for one.
func TestEvict_PA3(t *testing.T) {
	t.Parallel()
	s := start(t, options{tokens: ops}, pack("@acme/p", "1.0.0", "a.js", "a"), pack("@acme/p", "1.1.0", "a.js", "b"))
	hold := func() {
		for _, v := range []string{"1.0.0", "1.1.0"} {
			if w := s.get("/lib/@acme/p/" + v + "/a.js"); w.Code != 200 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
	}
	hold()
	for _, path := range []string{"@acme/p/latest", "@acme/p@latest", "@acme/p/latest/", "@acme/p/^1", "@acme/p/main", "@acme/p/*", "@acme%2fp@latest", "@acme/p/%6catest"} {
		if w := s.as("DELETE", "packages/"+path); w.Code != 400 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	if got := s.cache.Held("@acme/p"); len(got) != 2 {
		t.Fatalf("held are %v", got)
	}
	wantJSON(t, s.as("DELETE", "packages/@acme/p/1.0.0"), 200, `{"name":"@acme/p","evicted":["1.0.0"]}`)
	if w := s.as("DELETE", "packages/@acme/p/1.0.0"); w.Code != 404 {
		t.Errorf("again: %d", w.Code)
	}
	for _, path := range []string{"@acme/p", "@acme/p/", "@acme%2fp", "%40acme%2fp"} {
		hold()
		wantJSON(t, s.as("DELETE", "packages/"+path), 200, `{"name":"@acme/p","evicted":["1.0.0","1.1.0"]}`)
	}
}

func TestAudit_PA4(t *testing.T) {
	t.Parallel()
	s := start(t, options{tokens: ops, now: ticking()}, pack("p", "1.0.0", "a.js", "a"))
	for _, tt := range []struct{ method, path, action, what, result string }{
		{"POST", "flush/p/1.0.0", "flush", "p@1.0.0", "ok"},
		{"GET", "flush/p", "flush", "p@latest", "ok"},
		{"POST", "designate/p/1.0.0/a.js", "designate", "p@1.0.0", "ok"},
		{"POST", "designate/p/9.0.0", "designate", "p@9.0.0", "not-found"},
		{"POST", "designate/p/^1", "designate", "p@^1", "invalid"},
		{"POST", "flush/01/%1b[31m", "flush", "/staff/flush/01/%1b[31m", "invalid"},
		{"POST", "warm/p/1.0.0", "warm", "p@1.0.0", "ok"},
		{"POST", "reload", "reload", "", "ok"},
		{"DELETE", "packages/p/1.0.0", "evict", "p@1.0.0", "ok"},
		{"DELETE", "packages/p", "evict", "p", "not-found"},
	} {
		_, before := s.audit.last()
		s.as(tt.method, tt.path)
		line, n := s.audit.last()
		what, _ := line["what"].(string)
		if n != before+1 || line["action"] != tt.action || line["by"] != "ops" || what != tt.what || line["result"] != tt.result || line["time"] == "" {
			t.Errorf("%s %s: %d lines more, the last %v", tt.method, tt.path, n-before, line)
		}
	}
	_, before := s.audit.last()
	for _, path := range []string{"packages", "packages/p", "resolve/p"} {
		s.as("GET", path)
	}
	ask(s.admin, "POST", "/staff/flush/p", "Authorization", "Bearer wrong")
	if _, n := s.audit.last(); n != before {
		t.Errorf("%d lines for what is no action", n-before)
	}
}

func TestWithoutAuditLogAndReload(t *testing.T) {
	t.Parallel()
	s := start(t, options{}, pack("p", "1.0.0", "a.js", "a"))
	a := accel.NewAdmin(accel.AdminConfig{Registry: s.registry, Prefix: "/staff/", Tokens: ops})
	if a.Reload != nil || a.Audit == nil || a.Failures == nil {
		t.Errorf("got %+v", a.AdminConfig)
	}
	if err := a.Audit("x"); err != nil {
		t.Error(errors.Join(err, outcome.Busy))
	}
}
