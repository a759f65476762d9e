package daemon_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/registryd/registryd/config"
	"github.com/registryd/registryd/internal/daemon"
	"github.com/registryd/registryd/internal/testenv"
)

// The start-up block says what is in force.
func TestRun_Announces(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if err := os.Mkdir(filepath.Join(f.dir, "packages"), 0o755); err != nil {
		t.Fatal(err)
	}
	f.raw(fmt.Sprintf("root: {fs: data}\nlisten: 127.0.0.1:0\naccel: off\nlog: {format: text}\nproviders:\n"+
		"  - {type: dir, path: packages, names: [\"@acme/*\", tool]}\n  - {type: npm, registry: %q}\n"+
		"policy: {conceal: true, rules: [{deny: [left-pad]}]}\nadmin: {}\nmodules: {prefix: /m/, api_key: chosen-by-somebody}\noffline: true\n", f.upstream.URL()))
	d := f.run()
	f.screen.await(t, "warning        admin")
	want := `registryd 1.2.3-test
  configuration  registryd.yaml
  listening on   ` + strings.TrimPrefix(d.url, "http://") + `
  packages at    /lib/ (files are sent by this daemon)
  data in        ` + f.dir + `/data
  provider       dir at ` + f.dir + `/packages, owns @acme/* tool
  provider       npm at ` + f.upstream.URL() + `/
  rules          1, otherwise allow, what is denied looks absent
  admin          off: no token is configured
  offline        nothing is asked upstream
  modules        none at /m/
  modules key    that of modules.api_key
  warning        admin: has no token that is not empty, so the admin routes do not exist; give admin.tokens
`
	if d := cmp.Diff(want, f.screen.String()); d != "" {
		t.Errorf("block (-want +got):\n%s", d)
	}
}

func TestRun_AnnouncesForMachines(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.edit("format: text", "format: json")
	s := f.server()
	go s.Run(t.Context()) //nolint:errcheck // the record is what counts
	var record struct {
		Version string
		InForce []string `json:"in_force"`
	}
	if err := json.Unmarshal([]byte("{"+f.screen.await(t, `"msg":"started",`)), &record); err != nil {
		t.Fatal(err)
	}
	if record.Version != "1.2.3-test" || !slices.Contains(record.InForce, "admin          /staff/registry/, 1 token(s)") {
		t.Errorf("record %+v", record)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		yaml string
		want []string
	}{
		"nothing to say":       {"admin: {tokens: [{id: a, token: b}]}\n", nil},
		"loopback and sockets": {"listen: [localhost:1, 127.8.8.8:2, \"[::1]:3\", \"unix:/x\"]\n", nil},
		"open to others": {
			"listen: [\":1\", 0.0.0.0:2, \"[::]:3\", example.org:4]\n",
			[]string{"listen: :1 can", "listen: 0.0.0.0:2 can", "listen: [::]:3 can", "listen: example.org:4 can"},
		},
		"admin without a token": {"admin: {tokens: [{id: a, token: \"\"}]}\n", []string{"admin: has no token"}},
		"scopes that others hear of": {
			"providers:\n  - {type: jsdelivr}\n  - {type: dir, path: /x}\n  - {type: npm, registry: 'https://x.test/', scopes: {'@priv': 'https://y.test/'}}\n",
			[]string{"providers: @priv has a registry of its own in npm, but jsdelivr is asked"},
		},
		"a scope that has an owner": {
			"providers:\n  - {type: jsdelivr}\n" +
				"  - {type: npm, names: ['@priv/*'], registry: 'https://x.test/', scopes: {'@priv': 'https://y.test/'}}\n", nil,
		},
		"what is not served": {
			"components: {prefix: /c/}\nmodules: {prefix: /m/}\n", []string{"components: has no token, so only this machine can publish"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := warnings(t, t.TempDir(), "accel: off\n"+c.yaml)
			if len(got) != len(c.want) {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			for i, w := range got {
				if !strings.HasPrefix(w, c.want[i]) || strings.Contains(w, "\n") {
					t.Errorf("got %q, want %q first", w, c.want[i])
				}
			}
		})
	}
}

func warnings(t *testing.T, dir, yaml string) []string {
	t.Helper()
	write(t, filepath.Join(dir, "registryd.yaml"), "root: {fs: data}\n"+yaml)
	c, err := config.Load(config.Options{File: "registryd.yaml", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return daemon.Warnings(c)
}

// The first directory that nginx's worker cannot enter is named.
func TestWarnings_Worker_N12(t *testing.T) {
	t.Parallel()
	testenv.User(t, "nobody")
	dir := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	got := warnings(t, dir, "accel: nginx\nnginx: {user: nobody}\n")
	if len(got) != 1 || !regexp.MustCompile(`^root\.fs: user nobody cannot enter /.*, so nginx will see no file; chmod o\+x it or set nginx\.user$`).MatchString(got[0]) {
		t.Errorf("got %q", got)
	}
	for _, yaml := range []string{"accel: off\nnginx: {user: nobody}\n", "accel: nginx\nnginx: {user: root}\n", "accel: nginx\nnginx: {user: no-such-user}\n"} {
		if got := warnings(t, dir, yaml); len(got) > 0 {
			t.Errorf("%q: %q", yaml, got)
		}
	}
}

func TestRun_AnnouncesWorker_N12(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"root":         "nginx worker   user root can enter the view",
		"no-such-user": "nginx worker   user no-such-user is not known here: whether it can enter the view cannot be told",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.write("nginx: {user: " + name + "}\n")
			f.run()
			f.screen.await(t, want)
		})
	}
}

// What monitoring is built on does not change by accident.
func TestMetrics_Names(t *testing.T) {
	t.Parallel()
	f := newFixture(t, widget("1.0.0"))
	s := f.server()
	for _, path := range []string{widgetURL + "a.js", "/lib/widget/^1/a.js", "/lib/none/1.0.0/a.js", "/"} {
		ask(s, "GET", path)
	}
	status(t, admin(s, http.MethodPost, "reload"), 200)
	text := ask(s, "GET", "/-/metrics").Body.String()
	var got []string
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (registryd_\S+ \S+)$`).FindAllStringSubmatch(text, -1) {
		got = append(got, m[1])
	}
	want := []string{
		"registryd_build_info gauge",
		"registryd_cache_lookups_total counter",
		"registryd_components_components gauge", "registryd_components_hosts gauge", "registryd_components_versions gauge",
		"registryd_config_applied_timestamp_seconds gauge",
		"registryd_config_generation gauge",
		"registryd_evictions_total counter",
		"registryd_flights_running gauge",
		"registryd_flights_total counter",
		"registryd_held_bytes gauge",
		"registryd_held_files gauge",
		"registryd_held_releases gauge",
		"registryd_http_request_duration_seconds histogram",
		"registryd_http_requests_total counter",
		"registryd_queue_length gauge",
		"registryd_registry_bytes_total counter",
		"registryd_registry_event_duration_seconds histogram",
		"registryd_registry_events_total counter",
		"registryd_registry_items_total counter",
		"registryd_reloads_total counter",
		"registryd_upstream_breaker_state gauge",
		"registryd_upstream_bytes_total counter",
		"registryd_upstream_request_duration_seconds histogram",
		"registryd_upstream_requests_total counter",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("metrics (-want +got):\n%s", d)
	}
	for _, line := range []string{
		`registryd_build_info{version="1.2.3-test"} 1`,
		`registryd_http_requests_total{outcome="ok",route="packages",status="200"} 1`,
		`registryd_http_requests_total{outcome="not-found",route="packages",status="404"} 1`,
		`registryd_http_requests_total{outcome="not-found",route="unknown",status="404"} 1`,
		`registryd_reloads_total{result="done"} 1`,
		`registryd_config_generation 2`,
		`registryd_registry_events_total{kind="sweep",outcome="ok",provider=""} 2`,
		`registryd_registry_items_total{kind="release"} 6`,
		`registryd_registry_event_duration_seconds_count{kind="release"} 1`,
		`registryd_cache_lookups_total{layer="release",result="miss"} 2`,
		`registryd_cache_lookups_total{layer="view",result="miss"} 1`,
		`registryd_cache_lookups_total{layer="list",result="miss"} 1`,
		`registryd_flights_total{kind="release",part="started"} 2`,
		`registryd_flights_running{kind="release"} 0`,
		`registryd_queue_length{queue="upstream"} 0`,
		`registryd_registry_events_total{kind="release",outcome="ok",provider="npm"} 1`,
		fmt.Sprintf(`registryd_upstream_requests_total{host=%q,status="404"} 1`, f.upstream.Host()),
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
	for _, pattern := range []string{`registryd_upstream_bytes_total{provider="npm"} [1-9]`, `registryd_registry_bytes_total{kind="unpacked"} [1-9]`} {
		if !regexp.MustCompile("(?m)^" + pattern).MatchString(text) {
			t.Errorf("missing: %s", pattern)
		}
	}
	if !strings.Contains(text, "go_goroutines ") || !strings.Contains(text, "process_open_fds ") {
		t.Error("what Go and the process tell is missing")
	}
}

// Hosts that upstream documents name cannot fill the memory with series.
func TestMetrics_HostsAreBounded(t *testing.T) {
	t.Parallel()
	var hosts []string
	for i := range 500 {
		hosts = append(hosts, fmt.Sprintf("h%d.example.org", i))
	}
	labels := daemon.HostLabel(append(hosts, hosts[0]))
	if labels[0] != hosts[0] || labels[500] != hosts[0] || labels[499] != "other" {
		t.Errorf("labels %q, %q, %q", labels[0], labels[499], labels[500])
	}
	slices.Sort(labels)
	if n := len(slices.Compact(labels)); n > 65 {
		t.Errorf("%d labels", n)
	}
}
