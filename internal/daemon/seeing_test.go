package daemon_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"gopkg.in/yaml.v3"
)

// ready is the part of readyz that the tests look at.
type ready struct {
	Status    string
	Offline   bool
	Upstreams []struct {
		Host      string
		State     string
		LastError string `json:"last_error"`
		NextProbe string `json:"next_probe"`
	}
}

func readiness(t *testing.T, h http.Handler) ready {
	t.Helper()
	w := ask(h, "GET", "/-/readyz")
	status(t, w, 200)
	var r ready
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// recorder is an upstream that counts who connects, and hangs up.
func recorder(t *testing.T) (url string, connections *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	connections = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			c.Close()
		}
	}()
	return "http://" + l.Addr().String(), connections
}

func TestReadyz_TellsOfUpstreams_Fault13(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	url, _ := recorder(t)
	f.raw(fmt.Sprintf("root: {fs: data}\nproviders: [{type: npm, registry: %q}]\n", url))
	s := f.server()
	host := strings.TrimPrefix(url, "http://")
	r := readiness(t, s)
	if len(r.Upstreams) != 1 || r.Upstreams[0].Host != host || r.Upstreams[0].State != "closed" {
		t.Fatalf("before: %+v", r)
	}
	for i := range 10 {
		status(t, ask(s, "GET", fmt.Sprintf("/lib/p%d/1.0.0/x.js", i)), map[bool]int{true: 502, false: 503}[i < 5])
	}
	r = readiness(t, s)
	if u := r.Upstreams[0]; r.Status != "ready" || u.State == "closed" || u.LastError != "broken" {
		t.Errorf("after: %+v", r)
	}
	if text := ask(s, "GET", "/-/metrics").Body.String(); !regexp.MustCompile(`registryd_upstream_breaker_state\{host="` + regexp.QuoteMeta(host) + `"\} [12]`).MatchString(text) {
		t.Errorf("the metrics do not tell:\n%s", text)
	}
}

// Offline, nobody upstream hears anything, whatever is asked for.
func TestOffline_AsksNobody(t *testing.T) {
	t.Parallel()
	for _, offline := range []bool{true, false} {
		t.Run(fmt.Sprint(offline), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			url, connections := recorder(t)
			f.raw(fmt.Sprintf("root: {fs: data}\noffline: %v\nproviders: [{type: npm, registry: %q}]\nadmin: {tokens: [{id: ops, token: %s}]}\n", offline, url, token))
			s := f.server()
			for _, path := range []string{"p/1.0.0/x.js", "p/1.0.0/", "p@1/x.js", "p/", "p/main/x.js", "@s/p@latest/x.js", "p@1.0.0/x.js?meta"} {
				w := ask(s, "GET", "/lib/"+path)
				if offline && w.Code != 302 && w.Code != 404 && (w.Code != 503 || w.Header().Get("Retry-After") == "") {
					t.Errorf("%s: %d %v", path, w.Code, w.Header())
				}
			}
			for _, path := range []string{"warm/p@1.0.0", "flush/p", "flush/p/1.0.0", "designate/p/1.0.0", "reload"} {
				admin(s, "POST", "/staff/registry/"+path)
			}
			for _, path := range []string{"packages", "resolve/p@1", "explain/p@1", "verify"} {
				admin(s, "GET", "/staff/registry/"+path)
			}
			ask(s, "GET", "/-/metrics")
			if r := readiness(t, s); r.Offline != offline {
				t.Errorf("readyz: %+v", r)
			}
			if n := connections.Load(); (n == 0) != offline {
				t.Errorf("offline %v: %d connections", offline, n)
			}
		})
	}
}

// What dashboards and alerts ask for exists.
func TestMetrics_OfDashboardAndAlertsExist(t *testing.T) {
	t.Parallel()
	names := newFixture(t).server().MetricNames()
	for _, file := range []string{"../../deploy/grafana/registryd.json", "../../deploy/prometheus/alerts.yaml"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var any any
		if err := yaml.Unmarshal(data, &any); err != nil { // JSON is YAML
			t.Errorf("%s: %v", file, err)
		}
		used := regexp.MustCompile(`\b(registryd|go|process)_[a-z_]+`).FindAllString(string(data), -1)
		if len(used) < 5 {
			t.Errorf("%s asks for %q only", file, used)
		}
		for _, name := range used {
			if !slices.Contains(names, strings.TrimSuffix(name, "_bucket")) {
				t.Errorf("%s asks for %s, which is not there", file, name)
			}
		}
	}
}

func TestMetrics_NoLabelIsTheClients_PF2(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.level = "error"
	f.write("")
	s := f.server()
	flood := func(from, to int) {
		for i := from; i < to; i++ {
			ask(s, "GET", fmt.Sprintf("/lib/n%x/1.0.%d/x.js", i*7919, i))
			ask(s, fmt.Sprintf("M%d", i), fmt.Sprintf("/r%d", i), "User-Agent", fmt.Sprint(i), "X-Request-Id", fmt.Sprint(i))
		}
	}
	flood(0, 100)
	before := s.Series(t)
	flood(100, 10000)
	if after := s.Series(t); before == 0 || after != before {
		t.Errorf("%d series, then %d", before, after)
	}
}
